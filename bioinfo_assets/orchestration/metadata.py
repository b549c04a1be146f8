"""Metadata of materializations in Dagit: files, inputs, provenance, cost, and the facts of the record."""

from collections.abc import Iterable, Mapping
from typing import Final

import dagster as dg

from bioinfo_assets.launch.job import Parameter
from bioinfo_assets.provenance.lineage import TracedJob, as_markdown
from bioinfo_assets.records.record import FileRecord, Record

Metadata = Mapping[str, dg.MetadataValue]

_FILE_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("file", "string", description="Where it was published."),
        dg.TableColumn("bytes", "int"),
        dg.TableColumn("sha256", "string", description="Digest of its bytes."),
    ]
)

_INPUT_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("file", "string", description="What the job read."),
        dg.TableColumn("bytes", "int"),
        dg.TableColumn("digest", "string", description="SHA-256 of its bytes, if known."),
    ]
)

FACT_TABLES: Final[Mapping[str, tuple[str, str, str]]] = {
    "m5": ("contigs_md5", "contig", "md5"),
    "pairs": ("pairs_by_read_group", "read_group", "pairs"),
    "observed_bases": ("observed_bases_by_read_group", "read_group", "observed_bases"),
}
"""By the part of a fact's name before its first dot: the table it is shown in, and the two columns of the table.

`m5` is the MD5 of a contig (SAM specification, 1.3.2, M5). As numbers, those of read groups would each have a plot,
with a point for the few samples that have this lane and barcode.
"""

_ACCOUNTING = ("vcpus", "memory_mib", "queued_s", "staging_s", "fetched_bytes", "upload_s", "uploaded_bytes")
"""The fields of a record's accounting that are shown, and plotted over samples and time."""

MAX_INPUTS = 200
"""Inputs, and values of a parameter, that are shown; the record has all."""

MAX_TEXT = 20_000
"""Characters of a script or a parameter that are shown; the script of a report on thousands of samples has millions."""


def record_metadata(job: TracedJob, *, reused: bool) -> dict[str, dg.MetadataValue]:
    """The metadata of a result; the cost of a reused one is that of the job that computed it.

    Dagit plots the newest event of each sample: without its cost a reused result would be missing there.
    """
    record = job.record
    metadata: dict[str, dg.MetadataValue] = {
        "reused": dg.MetadataValue.bool(reused),
        "files": files_table(record.outputs),
        "size_bytes": dg.MetadataValue.int(sum(file.size for file in record.outputs)),
        "inputs": _inputs_table(job),
        "provenance": dg.MetadataValue.md(as_markdown(job)),
        "record": dg.MetadataValue.path(job.record_uri),
        "command": dg.MetadataValue.md(f"```bash\n{_shortened(record.script.strip())}\n```"),
        "tools": dg.MetadataValue.json(dict(record.tools)),
        "parameters": dg.MetadataValue.json({name: _parameter(value) for name, value in record.parameters.items()}),
        "job_id": dg.MetadataValue.text(record.job_id),
        "finished": dg.MetadataValue.timestamp(record.finished),
    }
    if record.image:
        metadata["image"] = dg.MetadataValue.text(record.image)
    if record.warnings:
        metadata["warnings"] = dg.MetadataValue.md("\n".join(f"- {warning}" for warning in record.warnings))
    if record.imported:
        metadata["imported"] = dg.MetadataValue.bool(True)
    if record.copied_from:
        metadata["copied_from"] = dg.MetadataValue.path(record.copied_from)
    return metadata | _facts(record) | _cost(record)


def files_table(files: Iterable[FileRecord]) -> dg.TableMetadataValue:
    """A table of files with size and digest."""
    rows = [dg.TableRecord({"file": file.uri, "bytes": file.size, "sha256": file.sha256 or ""}) for file in files]
    return dg.MetadataValue.table(records=rows, schema=_FILE_COLUMNS)


def _inputs_table(job: TracedJob) -> dg.TableMetadataValue:
    rows = [
        dg.TableRecord({"file": file.uri, "bytes": file.size, "digest": file.sha256 or file.content or ""})
        for file in job.inputs[:MAX_INPUTS]
    ]
    return dg.MetadataValue.table(records=rows, schema=_INPUT_COLUMNS)


def _cost(record: Record) -> dict[str, dg.MetadataValue]:
    costs = {
        "wall_s": record.wall_s,
        "cpu_s": record.cpu_s,
        "peak_memory_mib": record.peak_memory_mib,
        **{name: getattr(record.accounting, name) for name in _ACCOUNTING},
    }
    attempts = {"attempts": dg.MetadataValue.int(record.attempts)} if record.attempts > 1 else {}
    return attempts | {name: _number(value) for name, value in costs.items() if value is not None}


def _facts(record: Record) -> dict[str, dg.MetadataValue]:
    """The facts of a result: one for all of it as a value, those of its parts as tables."""
    values: dict[str, dg.MetadataValue] = {}
    tables: dict[str, list[dg.TableRecord]] = {}
    for fact, text in record.facts.items():
        prefix, _, part = fact.partition(".")
        if part and prefix in FACT_TABLES:
            name, first, second = FACT_TABLES[prefix]
            value = int(text) if text.isdecimal() and prefix != "m5" else text
            tables.setdefault(name, []).append(dg.TableRecord({first: part, second: value}))
        else:
            values[fact] = _fact_value(text)
    return values | {name: dg.MetadataValue.table(records=rows) for name, rows in tables.items()}


def _parameter(value: Parameter) -> object:
    if isinstance(value, tuple) and len(value) > MAX_INPUTS:
        return [*value[:MAX_INPUTS], f"… (the record has all {len(value):,})"]
    return _shortened(value) if isinstance(value, str) else value


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}\n… (the record has all {len(text):,} characters)"


def _number(value: float) -> dg.MetadataValue:
    return dg.MetadataValue.int(value) if isinstance(value, int) else dg.MetadataValue.float(round(value, 3))


def _fact_value(text: str) -> dg.MetadataValue:
    """A numeric fact as a number, which Dagit plots over partitions and time; any other fact as text."""
    try:
        return dg.MetadataValue.int(int(text))
    except ValueError:
        pass
    try:
        return dg.MetadataValue.float(float(text))
    except ValueError:
        return dg.MetadataValue.text(text)
