"""Trimming: adapters, poly-G and pairs with too many unknown bases, by cutadapt."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.uri import file_name
from bioinfo_assets.launch.job import Input, Job, Scalar, StoredFile
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.steps import canonical, resources
from bioinfo_assets.steps.files import ReadFiles
from bioinfo_assets.steps.layout import Layout
from bioinfo_assets.steps.script import render

VERSION: Final = "1"

Adapter = str | StoredFile
"""An adapter's sequence in cutadapt's notation, or a FASTA of adapters."""

TRUSEQ_1: Final = "AGATCGGAAGAGCACACGTCTGAACTCCAGTCA"
TRUSEQ_2: Final = "AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGT"

_BASES = r"(?:[ACGTURYSWKMBDHVNIX](?:\{\d{1,3}\})?)+"
_PARAMETER = (
    r";(?:(?:e|o|max_errors|max_error_rate|min_overlap)=\d{1,3}(?:\.\d{1,6})?|noindels|indels|required|optional)"
)
_PART = rf"\^?{_BASES}\$?(?:{_PARAMETER})*"
_ADAPTER: Final = re.compile(rf"(?:[A-Za-z0-9][A-Za-z0-9_-]*=)?{_PART}(?:\.\.\.{_PART})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Trimming:
    """What is cut from reads, and which pairs are dropped; by default no more than pairs with unknown bases.

    Attributes:
        five_prime_1: An adapter before the first read (cutadapt's `-g`).
        five_prime_2: One before the second (`-G`).
        three_prime_1: An adapter behind the first read, such as read-through into the other one (`-a`).
        three_prime_2: One behind the second (`-A`).
        poly_g: Cut Gs without signal from the ends of reads of two-colour machines (`--nextseq-trim 20`). It
            also trims by quality: bases below Q20 go from the 3' ends, as by `-q 20`, with Gs counted as of low quality
            whatever they have.
        max_n: The share of unknown bases in either read above which a pair is dropped, or their number from 1 on.
        minimum_length: Bases below which a pair with a shorter read is dropped, once anything is cut: a read that is
            all adapter would leave an empty sequence, on which aligners stumble.

    Raises:
        InputError: An adapter is not in cutadapt's notation, or a number is out of its range.

    >>> Trimming.truseq().three_prime_1
    'AGATCGGAAGAGCACACGTCTGAACTCCAGTCA'
    """

    five_prime_1: Adapter | None = None
    five_prime_2: Adapter | None = None
    three_prime_1: Adapter | None = None
    three_prime_2: Adapter | None = None
    poly_g: bool = False
    max_n: float = 0.1
    minimum_length: int = 20

    def __post_init__(self) -> None:
        for _, adapter in self.adapters():
            if isinstance(adapter, str) and not _ADAPTER.fullmatch(adapter):
                raise InputError(
                    f"{adapter!r} is not an adapter: give IUPAC letters in cutadapt's notation, or a FASTA"
                )
        if not self.max_n >= 0:
            raise InputError(f"max_n of {self.max_n} is not possible: give a share from 0 to 1, or a number of bases")
        if self.minimum_length < 1:
            raise InputError(f"minimum_length of {self.minimum_length} is not possible: give 1 base or more")

    @classmethod
    def truseq(cls) -> Self:
        """Read-through into Illumina's TruSeq adapters, as Illumina's adapter document gives them."""
        return cls(three_prime_1=TRUSEQ_1, three_prime_2=TRUSEQ_2)

    @property
    def cuts(self) -> bool:
        """Whether reads can become shorter."""
        return self.poly_g or any(True for _ in self.adapters())

    def adapters(self) -> Iterator[tuple[str, Adapter]]:
        """The adapters that are given, each behind cutadapt's option for its place."""
        for option, adapter in (
            ("-g", self.five_prime_1),
            ("-G", self.five_prime_2),
            ("-a", self.three_prime_1),
            ("-A", self.three_prime_2),
        ):
            if adapter is not None:
                yield option, adapter

    def options(self) -> list[str]:
        """Cutadapt's options; adapter files stand under their local names."""
        options = ["--pair-filter=any", "--max-n", f"{self.max_n:g}"]
        if self.cuts:
            options += ["-m", str(self.minimum_length)]
        if self.poly_g:
            options += ["--nextseq-trim", "20"]
        for option, adapter in self.adapters():
            options += [option, adapter if isinstance(adapter, str) else f"file:{_local_name(option)}"]
        return options

    def files(self) -> tuple[Input, ...]:
        """The adapter files under their local names."""
        return tuple(
            Input(_local_name(option), file) for option, file in self.adapters() if isinstance(file, StoredFile)
        )


def trim_reads(sample: str, reads: ReadFiles, trimming: Trimming, layout: Layout) -> Job:
    """Cut adapters and drop pairs, with cutadapt's report as text and JSON.

    Facts: `pairs_in` and `pairs_out`. The script fails with a sentence when no pair is left.
    """
    local1, local2 = f"{sample}.1.fastq.gz", f"{sample}.2.fastq.gz"
    made = {key: f"{sample}.cutadapt.{ending}" for key, ending in _ENDINGS.items()}
    adapter_files = trimming.files()
    return Job(
        key=ResultKey("trimmed_reads", sample),
        version=VERSION,
        script=render(
            "trim_reads",
            sample=sample,
            reads1=local1,
            reads2=local2,
            trimmed1=made["reads1"],
            trimmed2=made["reads2"],
            log=made["log"],
            report=made["json"],
            options=trimming.options(),
            adapter_files=[file.local for file in adapter_files],
            adapter_names=[file_name(file.file.uri) for file in adapter_files],
        ),
        inputs=(Input(local1, reads.reads1), Input(local2, reads.reads2), *adapter_files),
        outputs=tuple(
            layout.output(key, sample, f"cutadapt.{ending}", _CANONICAL[key]) for key, ending in _ENDINGS.items()
        ),
        tools=("cutadapt",),
        parameters=dict(_parameters(trimming)),
        resources=resources.streaming(reads.size),
    )


_ENDINGS: Final = {"reads1": "1.fastq.gz", "reads2": "2.fastq.gz", "log": "log", "json": "json"}
_CANONICAL: Final = {
    "reads1": canonical.GZIPPED,
    "reads2": canonical.GZIPPED,
    "log": canonical.CUTADAPT_LOG,
    "json": canonical.CUTADAPT_JSON,
}


def _parameters(trimming: Trimming) -> Iterator[tuple[str, Scalar]]:
    for option, adapter in trimming.adapters():
        yield f"cutadapt {option}", adapter if isinstance(adapter, str) else adapter.uri
    yield "poly_g", trimming.poly_g
    yield "max_n", trimming.max_n
    if trimming.cuts:
        yield "minimum_length", trimming.minimum_length


def _local_name(option: str) -> str:
    return {"-g": "five_prime.1.fa", "-G": "five_prime.2.fa", "-a": "three_prime.1.fa", "-A": "three_prime.2.fa"}[
        option
    ]
