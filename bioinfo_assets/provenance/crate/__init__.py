"""A Workflow Run RO-Crate of results: what made them and from what, in the terms that archives and registries read.

It follows the profile Provenance Run Crate 0.5 (https://w3id.org/ro/wfrun/provenance/0.5), which includes Workflow Run
Crate, Process Run Crate and Workflow RO-Crate.
"""
