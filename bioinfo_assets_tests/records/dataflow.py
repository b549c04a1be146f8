"""A project whose results were made from each other, as runs leave it: files with their records, and no tools."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.observations import observe
from bioinfo_assets.records.record import InputRecord, Record
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.records.elsewhere import made_record

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Dataflow:
    """Reference and reads outside; genome, merged reads, BAM, depth, and a report over all samples."""

    folder: str
    minutes: int = 0

    @property
    def ledger(self) -> Ledger:
        return Ledger(Store(), f"{self.folder}/out")

    def source(self, name: str, text: str = "") -> str:
        uri = f"{self.folder}/sources/{name}"
        self.ledger.store.write_bytes(uri, (text or f"source {name}").encode())
        return uri

    def place(self, scope: str, name: str) -> str:
        return f"{self.ledger.output_path}/{scope}/{name}"

    def make(self, step: str, scope: str, name: str, *inputs: str, text: str = "", **changes: object) -> Record:
        """Makes a result of one file from what lies at `inputs` now; one that is there already is replaced."""
        before = self.ledger.read(ResultKey(step, scope))
        if before is not None:
            self.ledger.withdraw(before)
        uri = self.place(scope, name)
        self.ledger.store.write_bytes(uri, (text or f"{step} of {scope}").encode())
        self.minutes += 1
        told = {
            "inputs": tuple(self._input(one) for one in inputs),
            "finished": BEGUN + timedelta(minutes=self.minutes),
            "fingerprint": f"{self.minutes:064x}",
            "tools": {"samtools": "1.16.1"},
        }
        return made_record(self.ledger, step, scope, uri, **(told | changes))

    def _input(self, uri: str) -> InputRecord:
        store = self.ledger.store
        made_here = uri.startswith(f"{self.ledger.output_path}/")
        content = store.digest(uri) if made_here else store.content_of(uri)
        return InputRecord(local=uri.rpartition("/")[2], uri=uri, size=store.stat(uri).size, content=content)

    def make_genome(self) -> None:
        fasta = self.source("genome.fa.gz")
        observe(self.ledger, ResultKey("reference_source", "references"), {"fasta": fasta})
        self.make("reference_genome", "references", "genome.fa", fasta)

    def make_reads(self, sample: str, text: str = "") -> None:
        fastq = self.source(f"{sample}.fastq.gz", text)
        observe(self.ledger, ResultKey("raw_reads", sample), {"1": fastq})
        self.make("merged_reads", sample, f"{sample}.1.fastq.gz", fastq, text=f"merged {sample} {text}")

    def make_bam(self, sample: str, text: str = "") -> None:
        read = (self.place(sample, f"{sample}.1.fastq.gz"), self.place("references", "genome.fa"))
        self.make("aligned_bam", sample, f"{sample}.bam", *read, text=text)

    def make_depth(self, sample: str) -> None:
        read = (self.place(sample, f"{sample}.bam"), self.place("references", "genome.fa"))
        self.make("depth", sample, f"{sample}.depth.txt", *read)

    def make_report(self, *samples: str) -> None:
        read = (self.place(sample, f"{sample}.depth.txt") for sample in samples)
        self.make("multiqc_report", "multiqc", "multiqc_report.html", *read)


def made_all(folder: str, *samples: str) -> Dataflow:
    """A project in which everything is made."""
    flow = Dataflow(folder)
    flow.make_genome()
    for sample in samples:
        flow.make_reads(sample)
        flow.make_bam(sample)
        flow.make_depth(sample)
    flow.make_report(*samples)
    return flow
