"""Metadata of materializations in Dagit: files, inputs, provenance, cost, and the facts of the record."""

from collections.abc import Iterable, Mapping

import dagster as dg

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

CONTIG_MD5 = "m5."
"""Prefix of the facts with the MD5 of a contig (SAM specification, 1.3.2, M5)."""

_ACCOUNTING = ("vcpus", "memory_mib", "queued_s", "staging_s", "fetched_bytes", "upload_s", "uploaded_bytes")
"""The fields of a record's accounting that are shown, and plotted over samples and time."""

MAX_INPUTS = 200
"""Inputs that are shown; the record has all."""


def record_metadata(job: TracedJob, *, reused: bool) -> dict[str, dg.MetadataValue]:
    """The metadata of a result; without its cost if it was reused, which a plot over time would count twice."""
    record = job.record
    metadata: dict[str, dg.MetadataValue] = {
        "reused": dg.MetadataValue.bool(reused),
        "files": files_table(record.outputs),
        "size_bytes": dg.MetadataValue.int(sum(file.size for file in record.outputs)),
        "inputs": _inputs_table(job),
        "provenance": dg.MetadataValue.md(as_markdown(job)),
        "record": dg.MetadataValue.path(job.record_uri),
        "command": dg.MetadataValue.md(f"```bash\n{record.script.strip()}\n```"),
        "tools": dg.MetadataValue.json(dict(record.tools)),
        "parameters": dg.MetadataValue.json(dict(record.parameters)),
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
    metadata |= {name: _fact_value(text) for name, text in record.facts.items() if not name.startswith(CONTIG_MD5)}
    contigs = {name.removeprefix(CONTIG_MD5): md5 for name, md5 in record.facts.items() if name.startswith(CONTIG_MD5)}
    if contigs:
        rows = [dg.TableRecord({"contig": name, "md5": md5}) for name, md5 in contigs.items()]
        metadata["contigs_md5"] = dg.MetadataValue.table(records=rows)
    if not reused:
        metadata |= _cost(record)
    return metadata


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
