"""What happened: fingerprints, commit records next to the data, observations of sources, and reuse."""
