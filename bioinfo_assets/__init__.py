"""Whole-genome read alignment as Dagster assets, computed on this machine or on AWS Batch."""
