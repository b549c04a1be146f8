"""What happened: fingerprints, records next to the data, observations of sources, and reuse."""
