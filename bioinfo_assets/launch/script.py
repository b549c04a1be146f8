"""A job's complete bash text: the functions it may call, the step's own script, and the description of its outputs.

The text is the same on every backend. It needs bash and coreutils, starts in the attempt's working folder, and reads
`$JOB_REPORT` (a folder for the job's report), `$JOB_CPUS`, `$JOB_MEMORY_MIB` and `$TMPDIR`.
"""

import shlex
from importlib.resources import files
from typing import Final

from bioinfo_assets.launch.job import Job

FAIL_EXIT_CODE: Final = 65
"""The exit code of a script that called `fail`: EX_DATAERR of BSD's sysexits.h."""


def render(job: Job) -> str:
    """Return the bash text that runs a job.

    The step's script is in a subshell, so that after its `exit 0` or `cd` the outputs are still described. Resources,
    folders and addresses are not in the text: it changes only when the result may change.
    """
    outputs = [shlex.join([output.key, output.local, output.canonical or ""]) for output in job.outputs]
    describe = " \\\n  ".join(["describe_outputs", *outputs]) + "\n"
    prologue = files("bioinfo_assets.launch").joinpath("prologue.sh").read_text(encoding="utf-8")
    return "\n".join([prologue, f"(\n{job.script.rstrip()}\n)", _EPILOGUE, describe])


_EPILOGUE: Final = f"""
# A `fail` in a pipe or a substitution ended only that: it ends the job here.
[[ ! -e $JOB_REPORT/problem ]] || exit {FAIL_EXIT_CODE}
"""
