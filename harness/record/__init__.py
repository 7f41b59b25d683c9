"""What a run leaves behind: the history in Parquet, the series, and the run directory that holds them."""
