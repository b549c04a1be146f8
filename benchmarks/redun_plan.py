"""What redun is told to do: the scripts and files of our records; and what it tells of what it did."""

import re
from pathlib import Path
from typing import Final

from bioinfo_assets.pipeline.graph import OVER_SAMPLES, PER_SAMPLE, SHARED
from bioinfo_assets.records.record import Record

_ROW: Final = re.compile(r"\|\s+(?P<task>[\w.]+)\s+(?P<counts>\d[\d ]*)$", re.MULTILINE)
_STATES: Final = ("PENDING", "RUNNING", "FAILED", "CACHED", "DONE", "TOTAL")

Origins = dict[str, tuple[str, str, str]]
"""By address of a file, the scope, the step and the key that it is the output of."""


def of_records(ours: Path, results: Path) -> dict[str, object]:
    """The jobs of all our records as the workflow reads them, by what they are for.

    Args:
        ours: Our output path.
        results: Where redun's outputs go, in the same folders.
    """
    steps = {*SHARED, *PER_SAMPLE, *OVER_SAMPLES}
    paths = [path for path in sorted(ours.glob("*/records/*.json")) if path.stem in steps]
    records = [Record.model_validate_json(path.read_bytes()) for path in paths]
    origins = {file.uri: (one.scope, one.asset, file.key) for one in records for file in one.outputs}
    jobs = {(one.scope, one.asset): _job(one, origins, ours, results) for one in records}
    samples = sorted({scope for scope, step in jobs if step in PER_SAMPLE})
    return {
        "shared": {step: job for (_, step), job in jobs.items() if step in SHARED},
        "samples": {name: {step: jobs[name, step] for step in PER_SAMPLE} for name in samples},
        "report": next(job for (_, step), job in jobs.items() if step in OVER_SAMPLES),
    }


def _job(record: Record, origins: Origins, ours: Path, results: Path) -> dict[str, object]:
    inputs: list[dict[str, str]] = []
    for one in record.inputs:
        if one.uri in origins:
            scope, step, key = origins[one.uri]
            inputs.append({"local": one.local, "scope": scope, "step": step, "key": key})
        else:
            inputs.append({"local": one.local, "path": one.uri})
    outputs = {file.key: str(results / Path(file.uri).relative_to(ours)) for file in record.outputs}
    return {"script": record.script, "inputs": inputs, "outputs": outputs}


def job_counts(log: str) -> dict[str, dict[str, int]]:
    """How many jobs of each task were in each state at the end, by redun's last table of them."""
    last = log.rpartition("JOB STATUS")[2]
    rows = {row["task"]: [int(count) for count in row["counts"].split()] for row in _ROW.finditer(last)}
    return {task: dict(zip(_STATES, counts, strict=True)) for task, counts in rows.items()}
