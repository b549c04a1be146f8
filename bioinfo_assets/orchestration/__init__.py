"""Dagster's machinery: the step launcher, the executor, the order of a step's results, partitions, provenance tags."""
