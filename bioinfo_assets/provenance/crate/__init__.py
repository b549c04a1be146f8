"""A Workflow Run RO-Crate of results: how they were computed and from what, in the terms of archives and registries.

It follows the profile Provenance Run Crate 0.5 (https://w3id.org/ro/wfrun/provenance/0.5), which includes Workflow Run
Crate, Process Run Crate and Workflow RO-Crate.
"""
