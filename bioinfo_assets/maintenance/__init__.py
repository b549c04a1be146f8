"""Looking after results: verify, garbage collection, import."""
