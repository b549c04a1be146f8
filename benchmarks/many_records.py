"""The records of a project of very many samples, without the files that they describe."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

from bioinfo_assets.genomics.sample import Lane, Sample
from bioinfo_assets.launch.accounting import Accounting
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import FileRecord, InputRecord, Observation, Record
from bioinfo_assets.records.samples import save_sample
from bioinfo_assets.storage.store import Store

_BEGUN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_STAND_IN: Final = "SAMPLE_OF_MANY"
_SCRIPT: Final = f"sample={_STAND_IN}\n" + "# What a step runs has about this length.\n" * 60
_REFERENCE: Final = tuple(f"genome.fa{end}" for end in ("", ".fai", ".amb", ".ann", ".bwt", ".pac", ".sa"))
_STEPS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "merged_reads": (("FC1.1.1.fastq.gz", "FC1.1.2.fastq.gz"), ("1.fastq.gz", "2.fastq.gz")),
    "trimmed_reads": (
        ("1.fastq.gz", "2.fastq.gz"),
        ("cutadapt.1.fastq.gz", "cutadapt.2.fastq.gz", "cutadapt.log", "cutadapt.json"),
    ),
    "aligned_bam": (("cutadapt.1.fastq.gz", "cutadapt.2.fastq.gz"), ("aln.bam",)),
    "marked_bam": (
        ("aln.bam",),
        ("mark_dup.bam", "mark_dup.bam.bai", "mark_dup.bam.md5", "mark_dup.markdup.metrics.txt"),
    ),
    "recalibrated_bam": (
        ("mark_dup.bam", "mark_dup.bam.bai"),
        ("recalib.bam", "recalib.bam.bai", "recalib.bam.md5", "recalib.recal.table"),
    ),
    "alignment_metrics": (("recalib.bam", "recalib.bam.bai"), ("alignment_metrics.txt",)),
    "insert_size_metrics": (("recalib.bam",), ("insert_metrics.txt", "insert_size_histogram.pdf")),
    "depth": (("recalib.bam", "recalib.bam.bai"), ("depth.txt.gz", "depth.txt.gz.tbi", "mosdepth.summary.txt")),
    "coverage": (("recalib.bam", "recalib.bam.bai"), ("coverage.txt",)),
    "contamination": (("recalib.bam", "recalib.bam.bai"), ("contamination.txt",)),
}
"""The inputs and outputs of ten steps for a sample; with the observation of its FASTQs, a sample has eleven records."""

_WITH_REFERENCE: Final = ("aligned_bam", "marked_bam", "recalibrated_bam", "alignment_metrics")


def write_records(output_path: Path, samples: int) -> None:
    """Write the records of a project with all results of the samples from sample00001 on, and a report.

    Args:
        output_path: A local folder that is empty or does not exist.
        samples: The number of samples.
    """
    ledger = Ledger(Store(), str(output_path))
    names = [f"sample{number:05d}" for number in range(1, samples + 1)]
    _write_reference(ledger)
    template: list[Record | Observation] = [
        _observation(ledger.output_path),
        *(_record(ledger.output_path, step) for step in _STEPS),
    ]
    texts = {record.asset: record.model_dump_json(indent=2) for record in template}
    for name in names:
        save_sample(ledger, Sample(name, (Lane("FC1", 1, *_fastqs(name), name),)))
        _write_sample(output_path, name, texts)
    ledger.write(_report(ledger.output_path, names))


def _write_sample(output_path: Path, name: str, texts: Mapping[str, str]) -> None:
    """Write the template's records with the name and digests of a sample."""
    folder = output_path / name / "records"
    folder.mkdir(parents=True)
    digests = {digest(_STAND_IN, file): digest(name, file) for file in _FILES}
    for step, template in texts.items():
        text = re.sub("[0-9a-f]{64}", lambda match: digests.get(match[0], match[0]), template)
        (folder / f"{step}.json").write_text(text.replace(_STAND_IN, name), encoding="utf-8")


_FILES: Final = tuple(dict.fromkeys(name for inputs, outputs in _STEPS.values() for name in (*inputs, *outputs)))


def digest(sample: str, file: str) -> str:
    """The digest of a sample's file in its records; the sample of shared files is empty."""
    return sha256(f"{sample} {file}".encode()).hexdigest()


def _fastqs(sample: str) -> tuple[str, str]:
    first, second = (f"/data/run7/{sample}/{sample}.FC1.1.{read}.fastq.gz" for read in (1, 2))
    return first, second


def _uri(output_path: str, sample: str, file: str) -> str:
    folder = "/data/run7" if file.startswith("FC1.") else output_path
    return f"{folder}/{sample}/{sample}.{file}"


def _observation(output_path: str) -> Observation:
    files = [_file(_uri(output_path, _STAND_IN, name), digest(_STAND_IN, name)) for name in _STEPS["merged_reads"][0]]
    return Observation(asset="raw_reads", scope=_STAND_IN, files=tuple(files), observed=_BEGUN)


def _record(output_path: str, step: str) -> Record:
    read, written = _STEPS[step]
    inputs = [_input(_uri(output_path, _STAND_IN, name), digest(_STAND_IN, name)) for name in read]
    if step in _WITH_REFERENCE:
        inputs += [_input(f"{output_path}/references/{name}", digest("", name)) for name in _REFERENCE]
    outputs = [_file(_uri(output_path, _STAND_IN, name), digest(_STAND_IN, name)) for name in written]
    return _job_record(step, _STAND_IN, inputs, outputs)


def _write_reference(ledger: Ledger) -> None:
    source = _file("https://genomes.example/genome.fa.gz", digest("", "genome.fa.gz"))
    ledger.write(Observation(asset="reference_source", scope="references", files=(source,), observed=_BEGUN))
    outputs = [_file(f"{ledger.output_path}/references/{name}", digest("", name)) for name in _REFERENCE]
    inputs = [_input(source.uri, digest("", "genome.fa.gz"))]
    ledger.write(_job_record("reference_genome", "references", inputs, outputs[:1]))
    ledger.write(_job_record("reference_index", "references", [_input(outputs[0].uri, outputs[0].sha256)], outputs[1:]))


def _report(output_path: str, names: Sequence[str]) -> Record:
    read = ("cutadapt.log", "mark_dup.markdup.metrics.txt", "alignment_metrics.txt", "insert_metrics.txt")
    inputs = [_input(_uri(output_path, name, file), digest(name, file)) for name in names for file in read]
    html = _file(f"{output_path}/multiqc/multiqc_report.html", digest("", "multiqc_report.html"))
    return _job_record("multiqc_report", "multiqc", inputs, [html])


def _file(uri: str, sha: str) -> FileRecord:
    key = uri.rpartition("/")[2].partition(".")[2]
    return FileRecord(key=key, uri=uri, size=1000, sha256=sha, content=_content(uri, sha), stamp="1")


def _input(uri: str, sha: str | None) -> InputRecord:
    return InputRecord(local=uri.rpartition("/")[2], uri=uri, size=1000, content=_content(uri, sha))


def _content(uri: str, sha: str | None) -> str | None:
    return None if uri.endswith((".bai", ".tbi", ".md5")) else f"sha256:{sha}"


def _job_record(step: str, scope: str, inputs: Sequence[InputRecord], outputs: Sequence[FileRecord]) -> Record:
    return Record(
        asset=step,
        scope=scope,
        version="1",
        fingerprint=sha256(json.dumps([step, scope]).encode()).hexdigest(),
        script=_SCRIPT,
        parameters={"platform": "ILLUMINA"},
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        tools={"bgzip": "1.16", "samtools": "1.16.1"},
        backend="local",
        job_id=f"{step}-{scope}.xyz",
        host="here",
        user="me",
        software="0.1.0",
        started=_BEGUN,
        finished=_BEGUN + timedelta(minutes=list(_STEPS).index(step) if step in _STEPS else 0),
        wall_s=1.5,
        cpu_s=1.0,
        peak_memory_mib=100.0,
        facts={},
        warnings=(),
        accounting=Accounting(
            vcpus=4,
            memory_mib=4096,
            disk_mib=5000,
            queue="spot",
            queued_s=30.0,
            staging_s=2.0,
            fetched_bytes=2000,
            upload_s=1.0,
            uploaded_bytes=1000,
            retried_s=0.0,
        ),
    )
