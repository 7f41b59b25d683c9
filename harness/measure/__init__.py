"""What is counted while a run goes: histograms and the per-second series. Pure folds over operations."""
