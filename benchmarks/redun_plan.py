"""The jobs of redun, with the scripts and files of our records; and the counts of jobs in its log."""

import re
from pathlib import Path
from typing import Final

from bioinfo_assets.pipeline.graph import OVER_SAMPLES, PER_SAMPLE, SHARED
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.storage.store import Store

_ROW: Final = re.compile(r"\|\s+(?P<task>[\w.]+)\s+(?P<counts>\d[\d ]*)$", re.MULTILINE)
_STATES: Final = ("PENDING", "RUNNING", "FAILED", "CACHED", "DONE", "TOTAL")

Origins = dict[str, tuple[str, str, str]]
"""The scope, the step and the output key of each file by its address."""


def of_records(ours: Path, results: Path) -> dict[str, object]:
    """The jobs of all our records in the format of the workflow.

    Args:
        ours: Our output path.
        results: The output path of redun, with the same folders.
    """
    steps = {*SHARED, *PER_SAMPLE, *OVER_SAMPLES}
    paths = [path for path in sorted(ours.glob("*/records/*.json")) if path.stem in steps]
    ledger = Ledger(Store(), str(ours))
    read = (ledger.read_any(str(path)) for path in paths)
    records = [record for record in read if isinstance(record, Record)]
    origins = {file.uri: (record.scope, record.asset, file.key) for record in records for file in record.outputs}
    jobs = {(record.scope, record.asset): _job(record, origins, ours, results) for record in records}
    samples = sorted({scope for scope, step in jobs if step in PER_SAMPLE})
    return {
        "shared": {step: job for (_, step), job in jobs.items() if step in SHARED},
        "samples": {name: {step: jobs[name, step] for step in PER_SAMPLE if (name, step) in jobs} for name in samples},
        "report": next(job for (_, step), job in jobs.items() if step in OVER_SAMPLES),
    }


def _job(record: Record, origins: Origins, ours: Path, results: Path) -> dict[str, object]:
    inputs: list[dict[str, str]] = []
    for file in record.inputs:
        if file.uri in origins:
            scope, step, key = origins[file.uri]
            inputs.append({"local": file.local, "scope": scope, "step": step, "key": key})
        else:
            inputs.append({"local": file.local, "path": file.uri})
    outputs = {output.key: str(results / Path(output.uri).relative_to(ours)) for output in record.outputs}
    return {"script": record.script, "inputs": inputs, "outputs": outputs}


def job_counts(log: str) -> dict[str, dict[str, int]]:
    """The number of jobs of each task in each state at the end, by the last table in redun's log."""
    last = log.rpartition("JOB STATUS")[2]
    rows = {row["task"]: [int(count) for count in row["counts"].split()] for row in _ROW.finditer(last)}
    return {task: dict(zip(_STATES, counts, strict=True)) for task, counts in rows.items()}
