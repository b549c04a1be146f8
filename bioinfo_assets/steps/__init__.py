"""The steps of the pipeline: pure functions from values to a `launch.job.Job`.

A step's script is a bash file in `scripts/`; `script.render` puts the values of its variables in front of it, as quoted
assignments.
"""
