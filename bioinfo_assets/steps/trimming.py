"""Trimming by cutadapt: adapters, poly-G, and pairs with too many unknown bases."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.uri import file_name
from bioinfo_assets.launch.job import Input, Job, Scalar, StoredFile
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.steps import canonical, resources
from bioinfo_assets.steps.files import ReadFiles, sample_output
from bioinfo_assets.steps.script import render

VERSION: Final = "1"

Adapter = str | StoredFile
"""An adapter's sequence in cutadapt's notation, or a FASTA of adapters."""


_BASES = r"(?:[ACGTURYSWKMBDHVNIX](?:\{\d{1,3}\})?)+"
_PARAMETER = (
    r";(?:(?:e|o|max_errors|max_error_rate|min_overlap)=\d{1,3}(?:\.\d{1,6})?|noindels|indels|required|optional)"
)
_PART = rf"\^?{_BASES}\$?(?:{_PARAMETER})*"
_ADAPTER: Final = re.compile(rf"(?:[A-Za-z0-9][A-Za-z0-9_-]*=)?{_PART}(?:\.\.\.{_PART})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trimming:
    """What is trimmed from reads, and which pairs are discarded.

    Attributes:
        five_prime_1: An adapter at the 5' end of the first read (cutadapt's `-g`).
        five_prime_2: An adapter at the 5' end of the second read (`-G`).
        three_prime_1: An adapter at the 3' end of the first read, found where the fragment is short (`-a`).
        three_prime_2: An adapter at the 3' end of the second read (`-A`).
        poly_g: Whether to trim Gs without signal from the 3' ends of reads of two-colour sequencers (`--nextseq-trim
            20`). This also trims bases below Q20 like `-q 20`, with Gs counted as low quality.
        max_n: The fraction of unknown bases, from 0 to 1, above which a pair is discarded for either read.
        minimum_length: The length in bases below which a pair is discarded for either read, if anything is trimmed: a
            read of adapter only would become an empty sequence, which aligners do not accept.

    Raises:
        InputError: An adapter is not in cutadapt's notation, or a number is out of its range.
    """

    five_prime_1: Adapter | None = None
    five_prime_2: Adapter | None = None
    three_prime_1: Adapter | None = None
    three_prime_2: Adapter | None = None
    poly_g: bool
    max_n: float
    minimum_length: int

    def __post_init__(self) -> None:
        for _, adapter in self.adapters():
            if isinstance(adapter, str) and not _ADAPTER.fullmatch(adapter):
                raise InputError(
                    f"{adapter!r} is not an adapter: give IUPAC letters in cutadapt's notation, or a FASTA"
                )
        if not 0 <= self.max_n <= 1:
            raise InputError(f"max_n {self.max_n} is not valid: give a fraction from 0 to 1")
        if self.minimum_length < 1:
            raise InputError(f"minimum_length {self.minimum_length} is not valid: give 1 base or more")

    @property
    def shortens_reads(self) -> bool:
        """Whether reads can become shorter."""
        return self.poly_g or any(True for _ in self.adapters())

    def adapters(self) -> Iterator[tuple[str, Adapter]]:
        """The adapters, each with cutadapt's option for its place."""
        for option, adapter in (
            ("-g", self.five_prime_1),
            ("-G", self.five_prime_2),
            ("-a", self.three_prime_1),
            ("-A", self.three_prime_2),
        ):
            if adapter is not None:
                yield option, adapter

    def options(self) -> list[str]:
        """Cutadapt's options, with the local names of adapter files."""
        options = ["--pair-filter=any"]
        if self.max_n < 1:  # from 1 on, cutadapt takes the value for a number of bases
            options += ["--max-n", f"{self.max_n:g}"]
        if self.shortens_reads:
            options += ["-m", str(self.minimum_length)]
        if self.poly_g:
            options += ["--nextseq-trim", "20"]
        for option, adapter in self.adapters():
            options += [option, adapter if isinstance(adapter, str) else f"file:{_local_name(option)}"]
        return options

    def adapter_inputs(self) -> tuple[Input, ...]:
        """The adapter files as inputs of a job."""
        return tuple(
            Input(_local_name(option), file) for option, file in self.adapters() if isinstance(file, StoredFile)
        )


def trim_reads(sample: str, reads: ReadFiles, trimming: Trimming, layout: OutputLayout) -> Job:
    """Trim reads and discard pairs, with cutadapt's report as text and JSON.

    Facts: `pairs_in` and `pairs_out`. The script fails with a message if no pair is left.
    """
    local1, local2 = f"{sample}.1.fastq.gz", f"{sample}.2.fastq.gz"
    outputs = {key: f"{sample}.cutadapt.{suffix}" for key, suffix in _SUFFIXES.items()}
    adapter_files = trimming.adapter_inputs()
    return Job(
        key=ResultKey("trimmed_reads", sample),
        version=VERSION,
        script=render(
            "trim_reads",
            sample=sample,
            reads1=local1,
            reads2=local2,
            trimmed1=outputs["reads1"],
            trimmed2=outputs["reads2"],
            log=outputs["log"],
            report=outputs["json"],
            options=trimming.options(),
            adapter_files=[file.local for file in adapter_files],
            adapter_names=[file_name(file.file.uri) for file in adapter_files],
        ),
        inputs=(Input(local1, reads.reads1), Input(local2, reads.reads2), *adapter_files),
        outputs=tuple(
            sample_output(
                layout,
                key,
                sample,
                f"cutadapt.{suffix}",
                _CANONICAL[key],
                size_share=0.5 if key in {"reads1", "reads2"} else 0.0,
            )
            for key, suffix in _SUFFIXES.items()
        ),
        tools=("cutadapt", "bgzip"),
        parameters=dict(_parameters(trimming)),
        resources=resources.for_trimming(reads.size),
    )


_SUFFIXES: Final = {"reads1": "1.fastq.gz", "reads2": "2.fastq.gz", "log": "log", "json": "json"}
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
    if trimming.shortens_reads:
        yield "minimum_length", trimming.minimum_length


def _local_name(option: str) -> str:
    return {"-g": "five_prime.1.fa", "-G": "five_prime.2.fa", "-a": "three_prime.1.fa", "-A": "three_prime.2.fa"}[
        option
    ]
