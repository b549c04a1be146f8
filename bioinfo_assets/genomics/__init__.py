"""What the data are: samples, lanes, read groups, references, known sites and metrics."""
