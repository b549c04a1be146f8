"""Dagster's face: what a biologist sees in the lineage graph, each with a body of a few lines."""
