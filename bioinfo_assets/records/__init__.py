"""The records of results and sources: written next to the data, compared, reused and shared."""
