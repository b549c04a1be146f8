"""What Dagster's web server serves in addition to its page: the files of results."""
