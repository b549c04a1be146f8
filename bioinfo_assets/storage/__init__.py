"""Reading and writing bytes: local disk, S3, GCS and HTTPS behind one interface, with atomic writes and locks."""
