"""Queries of the records: lineage, comparison, the catalog, RO-Crates."""
