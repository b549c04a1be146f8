"""Upkeep of results: verification, garbage collection, import."""
