"""What happened: fingerprints, commit records beside the data, observations of sources, and reuse."""
