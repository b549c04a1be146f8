"""A project whose results depend on each other, as runs leave it: files with their records, and no tools."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.observations import observe
from bioinfo_assets.records.record import InputRecord, Record
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.records.recorded_results import record_result

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class SmallPipeline:
    """Reference and reads outside; genome, merged reads, BAM, depth, and a report on all samples.

    Attributes:
        folder: A folder or an `s3://` address; results are in `out`, sources in `sources`.
        minutes: The number of results so far, which finish one minute after the other.
    """

    folder: str
    minutes: int = 0

    @property
    def ledger(self) -> Ledger:
        return Ledger(Store(), f"{self.folder}/out")

    def write_source(self, name: str, text: str = "") -> str:
        uri = f"{self.folder}/sources/{name}"
        self.ledger.store.write_bytes(uri, (text or f"source {name}").encode())
        return uri

    def output(self, scope: str, name: str) -> str:
        """The address of an output."""
        return f"{self.ledger.output_path}/{scope}/{name}"

    def add_result(self, asset: str, scope: str, name: str, *inputs: str, text: str = "", **changes: Any) -> Record:
        """Write a result of one file, whose job read the current versions of these inputs; an older one is replaced."""
        previous = self.ledger.read(ResultKey(asset, scope))
        if previous is not None:
            self.ledger.withdraw(previous)
        uri = self.output(scope, name)
        self.ledger.store.write_bytes(uri, (text or f"{asset} of {scope}").encode())
        self.minutes += 1
        fields = {
            "inputs": tuple(self._input(uri) for uri in inputs),
            "started": BEGUN + timedelta(minutes=self.minutes - 0.5),
            "finished": BEGUN + timedelta(minutes=self.minutes),
            "fingerprint": f"{self.minutes:064x}",
            "tools": {"samtools": "1.16.1"},
        }
        return record_result(self.ledger, asset, scope, uri, **(fields | changes))

    def _input(self, uri: str) -> InputRecord:
        store = self.ledger.store
        content = store.digest(uri) if self.ledger.layout.contains(uri) else store.content_of(uri)
        return InputRecord(local=uri.rpartition("/")[2], uri=uri, size=store.stat(uri).size, content=content)

    def add_genome(self) -> None:
        fasta = self.write_source("genome.fa.gz")
        observe(self.ledger, ResultKey("reference_source", "references"), {"fasta": fasta})
        self.add_result("reference_genome", "references", "genome.fa", fasta)

    def add_reads(self, sample: str, text: str = "") -> None:
        fastq = self.write_source(f"{sample}.fastq.gz", text)
        observe(self.ledger, ResultKey("raw_reads", sample), {"1": fastq})
        self.add_result("merged_reads", sample, f"{sample}.1.fastq.gz", fastq, text=f"merged {sample} {text}")

    def add_bam(self, sample: str, text: str = "") -> None:
        inputs = (self.output(sample, f"{sample}.1.fastq.gz"), self.output("references", "genome.fa"))
        self.add_result("aligned_bam", sample, f"{sample}.bam", *inputs, text=text)

    def add_depth(self, sample: str) -> None:
        inputs = (self.output(sample, f"{sample}.bam"), self.output("references", "genome.fa"))
        self.add_result("depth", sample, f"{sample}.depth.txt", *inputs)

    def add_report(self, *samples: str) -> None:
        inputs = (self.output(sample, f"{sample}.depth.txt") for sample in samples)
        self.add_result("multiqc_report", "multiqc", "multiqc_report.html", *inputs)


def complete_pipeline(folder: str, *samples: str) -> SmallPipeline:
    """A project with all results of these samples."""
    pipeline = SmallPipeline(folder)
    pipeline.add_genome()
    for sample in samples:
        pipeline.add_reads(sample)
        pipeline.add_bam(sample)
        pipeline.add_depth(sample)
    pipeline.add_report(*samples)
    return pipeline
