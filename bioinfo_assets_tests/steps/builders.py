"""Builders of small FASTQs, VCFs and values, so that a test states only the values it is about."""

import gzip
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from bioinfo_assets.genomics.adapters import TRUSEQ_1, TRUSEQ_2
from bioinfo_assets.genomics.read_group import ReadGroup
from bioinfo_assets.launch.job import StoredFile
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps.files import IndexedBam, ReadFiles
from bioinfo_assets.steps.known_sites import KnownSites
from bioinfo_assets.steps.reads import LaneFiles
from bioinfo_assets.steps.reference import Aligner, IndexedReference
from bioinfo_assets.steps.trimming import Trimming
from bioinfo_assets_tests.steps.bench import stored

LAYOUT = OutputLayout("/results")
OPTICAL_DISTANCE = 2500
QUANTIZED_QUALS = (10, 20, 30)
TRIMMING = Trimming(poly_g=False, max_n=0.1, minimum_length=20)
TRUSEQ = replace(TRIMMING, three_prime_1=TRUSEQ_1, three_prime_2=TRUSEQ_2)


def somewhere(uri: str, size: int = 1000) -> StoredFile:
    """A file that no test opens."""
    return StoredFile(uri, size, f"sha256:{uri}")


def read_group(id_: str = "FC1.4", sample: str = "expt") -> ReadGroup:
    return ReadGroup(id_, sample, sample, "ILLUMINA", id_)


def lane(id_: str = "FC1.4", stem: str = "/reads/expt_FC1_L4") -> LaneFiles:
    return LaneFiles(read_group(id_), somewhere(f"{stem}_1.fastq.gz"), somewhere(f"{stem}_2.fastq.gz"))


def reads() -> ReadFiles:
    return ReadFiles(somewhere("/results/expt/expt.1.fastq.gz"), somewhere("/results/expt/expt.2.fastq.gz"))


def bam(name: str = "mark_dup.bam") -> IndexedBam:
    return IndexedBam(somewhere(f"/results/expt/expt.{name}"), somewhere(f"/results/expt/expt.{name}.bai"))


def reference(aligner: Aligner = Aligner.BWA, *, alt: bool = False) -> IndexedReference:
    stem = "/results/references/chr22"
    suffixes = (*aligner.index_suffixes, *(("alt",) if alt else ()))
    return IndexedReference(
        fasta=somewhere(f"{stem}.fa"),
        fai=somewhere(f"{stem}.fa.fai"),
        dictionary=somewhere(f"{stem}.dict"),
        aligner=aligner,
        index={suffix: somewhere(f"{stem}.fa.{suffix}") for suffix in suffixes},
    )


def sites(name: str = "mills.vcf.gz") -> KnownSites:
    return KnownSites(somewhere(f"/results/references/{name}"), somewhere(f"/results/references/{name}.tbi"))


def record(name: str, sequence: str = "ACGTACGTAC", plus: str = "+", quality: str | None = None) -> str:
    return f"@{name}\n{sequence}\n{plus}\n{quality if quality is not None else 'I' * len(sequence)}\n"


def fastq(path: Path, records: Iterable[str]) -> StoredFile:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(records).encode(), mtime=0))
    return stored(path)


def text_of(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode()


def bgzipped(path: Path, text: str) -> StoredFile:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(subprocess.run(["bgzip", "-c"], input=text.encode(), capture_output=True, check=True).stdout)
    return stored(path)


def vcf(*rows: str) -> str:
    return "\n".join(
        [
            "##fileformat=VCFv4.2",
            "##contig=<ID=chrM,length=16569>",
            "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
            *rows,
            "",
        ]
    )
