"""The pipeline without Dagster: what is made from what, the job that makes it, and what would have to be made now."""
