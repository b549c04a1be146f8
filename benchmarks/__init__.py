"""Figures of this project beside those of what it could have been; `python -m benchmarks` prints them all."""
