"""Dagster's machinery: the step launcher, the executor, the IO manager of records, partitions, provenance tags."""
