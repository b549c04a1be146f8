"""Benchmarks of this project and its alternatives; `python -m benchmarks` runs them all."""
