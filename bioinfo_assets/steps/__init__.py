"""How each thing is made: pure functions from values to a `launch.job.Job`.

A step's script is a bash file in `scripts/` that holds no value of anyone's; `script.render` puts the values in front
of it as quoted assignments.
"""
