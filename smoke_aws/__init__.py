"""The first hour on a real AWS account: what is assumed of AWS is tried, and what differs is printed."""
