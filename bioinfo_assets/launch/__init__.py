"""Where a job runs: job, script, staging, store, scratch paths, and the backends."""
