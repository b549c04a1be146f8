r"""A job's complete bash text: what it may call, the step's own script, and the account of what was made.

The text is the same on every backend. It wants bash and coreutils, starts in the attempt's working folder, and reads
`$JOB_REPORT` (a folder for what the job says of itself), `$JOB_CPUS`, `$JOB_MEMORY_MIB` and `$TMPDIR`.
"""

import shlex
from importlib.resources import files
from typing import Final

from bioinfo_assets.launch.job import Job

FAILED_BY_SENTENCE: Final = 65
"""The exit code of a script that said `fail`: EX_DATAERR of BSD's sysexits.h."""


def render(job: Job) -> str:
    """The bash text that runs a job.

    The step's script is in a subshell, so that its `exit 0` and its `cd` do not keep the outputs from being described.
    Resources, places and addresses are not in the text: it changes when the result may change.
    """
    prologue = files("bioinfo_assets.launch").joinpath("prologue.sh").read_text(encoding="utf-8")
    return "\n".join([prologue, f"(\n{job.script.rstrip()}\n)", _EPILOGUE, _described(job)])


_EPILOGUE: Final = f"""
# A sentence that was told in a pipe or a substitution ended only that: it ends the job here.
[[ ! -e $JOB_REPORT/problem ]] || exit {FAILED_BY_SENTENCE}
"""


def _described(job: Job) -> str:
    lines = [shlex.join([output.key, output.local, output.canonical or ""]) for output in job.outputs]
    return " \\\n  ".join(["describe_outputs", *lines]) + "\n"
