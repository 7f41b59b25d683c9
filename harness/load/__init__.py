"""Layer 1: what a run is made of: corpus, bands and the order of drawing; arrivals; load shapes; faults."""
