"""What a job says of itself: the files of its report folder, as values.

`problem` holds the sentence of `fail`; `warnings` one sentence a line; `facts.tsv` name and value; `outputs.tsv` key,
size, SHA-256 of the bytes, and SHA-256 of the canonical form or `-`. They are written by `prologue.sh`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bioinfo_assets.launch.backend import OutputFile
from bioinfo_assets.launch.job import Job


@dataclass(frozen=True, slots=True)
class ScriptReport:
    """What a job told: `problem` is empty unless its script said `fail`."""

    problem: str = ""
    warnings: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    outputs: str = ""


def read_script_report(folder: Path) -> ScriptReport:
    """Reads a report folder; a file that is not there told nothing."""
    facts = (line.split("\t", 1) for line in _lines(folder / "facts.tsv"))
    return ScriptReport(
        problem=_text(folder / "problem").strip(),
        warnings=tuple(_lines(folder / "warnings")),
        facts=dict(facts),
        outputs=_text(folder / "outputs.tsv"),
    )


def output_files(job: Job, told: ScriptReport, work: str) -> tuple[OutputFile, ...]:
    """The job's outputs, in its order, as its `outputs.tsv` tells of them.

    Args:
        job: The job that succeeded.
        told: What its report folder says.
        work: Where its working folder is: a local path or a URI.
    """
    rows = {row[0]: row[1:] for row in (line.split("\t") for line in told.outputs.splitlines())}
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
    """A file's lines: `splitlines` would also break at form feeds and at Unicode's own line ends."""
    return _text(path).split("\n")[:-1]


def _text(path: Path) -> str:
    """A file's text; tools may print bytes that are no UTF-8, which must not hide what they said."""
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
