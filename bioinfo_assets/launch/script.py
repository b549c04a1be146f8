"""A job's complete bash text, and the report that it writes about its outputs.

The text is the same on every backend. It needs bash and coreutils, starts in the attempt's working folder, and reads
`$JOB_REPORT` (a folder for the job's report), `$JOB_CPUS`, `$JOB_MEMORY_MIB` and `$TMPDIR`.
"""

import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from bioinfo_assets.launch.backend import OutputFile
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
    return "\n".join([_prologue(), f"(\n{job.script.rstrip()}\n)", _EPILOGUE, describe])


@cache
def _prologue() -> str:
    return files("bioinfo_assets.launch").joinpath("prologue.sh").read_text(encoding="utf-8")


_EPILOGUE: Final = f"""
# A `fail` in a pipe or a substitution ended only that: it ends the job here.
[[ ! -e $JOB_REPORT/problem ]] || exit {FAIL_EXIT_CODE}
"""


@dataclass(frozen=True, slots=True)
class ScriptReport:
    """What a script reported: `problem` is empty unless it called `fail`; `outputs` is the text of `outputs.tsv`."""

    problem: str = ""
    warnings: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    outputs: str = ""


def read_script_report(folder: Path) -> ScriptReport:
    """Read a report folder; a file that does not exist counts as empty."""
    facts = (line.split("\t", 1) for line in _lines(folder / "facts.tsv"))
    return ScriptReport(
        problem=_read_text(folder / "problem").strip(),
        warnings=tuple(_lines(folder / "warnings")),
        facts=dict(facts),
        outputs=_read_text(folder / "outputs.tsv"),
    )


def output_files(
    job: Job, report: ScriptReport, work: str, unpublished: Collection[str] = ()
) -> tuple[OutputFile, ...]:
    """Return a job's outputs as its report describes them, in the job's order.

    Args:
        job: The job that succeeded.
        report: Its script's report.
        work: Where its working folder is: a local path or a URI.
        unpublished: The local names of outputs that are not published.
    """
    rows = {row[0]: row[1:] for row in (line.split("\t") for line in report.outputs.splitlines())}
    return tuple(
        OutputFile(
            key=output.key,
            path=f"{work}/{output.local}",
            size=int(rows[output.key][0]),
            sha256=rows[output.key][1],
            content=None if rows[output.key][2] == "-" else f"sha256:{rows[output.key][2]}",
            is_published=output.local not in unpublished,
        )
        for output in job.outputs
    )


def _lines(path: Path) -> list[str]:
    """A file's lines; `splitlines` would also break at form feeds and Unicode's line separators."""
    return _read_text(path).split("\n")[:-1]


def _read_text(path: Path) -> str:
    """A file's text; bytes that are not UTF-8, which tools may print, must not hide the rest."""
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
