"""Layer 1: what a run is made of: the corpus, the mix of priorities and kinds, the order of drawing."""
