"""A script's report: the files of its report folder, as values.

`problem` holds the message of `fail`; `warnings` one message per line; `facts.tsv` name and value; `outputs.tsv` key,
size, SHA-256 of the bytes, and SHA-256 of the canonical form or `-`. They are written by `prologue.sh`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bioinfo_assets.launch.backend import OutputFile
from bioinfo_assets.launch.job import Job


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


def output_files(job: Job, report: ScriptReport, work: str) -> tuple[OutputFile, ...]:
    """Return a job's outputs as its report describes them, in the job's order.

    Args:
        job: The job that succeeded.
        report: Its script's report.
        work: Where its working folder is: a local path or a URI.
    """
    rows = {row[0]: row[1:] for row in (line.split("\t") for line in report.outputs.splitlines())}
    return tuple(
        OutputFile(
            key=output.key,
            path=f"{work}/{output.local}",
            size=int(rows[output.key][0]),
            sha256=rows[output.key][1],
            content=None if rows[output.key][2] == "-" else f"sha256:{rows[output.key][2]}",
        )
        for output in job.outputs
    )


def _lines(path: Path) -> list[str]:
    """A file's lines; `splitlines` would also break at form feeds and Unicode's line separators."""
    return _read_text(path).split("\n")[:-1]


def _read_text(path: Path) -> str:
    """A file's text; bytes that are not UTF-8, which tools may print, must not hide the rest."""
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
