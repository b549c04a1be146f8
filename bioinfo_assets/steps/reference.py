"""The reference genome: copied uncompressed, and indexed for samtools, GATK and an aligner."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from bioinfo_assets.genomics import aligner_index, refget
from bioinfo_assets.genomics.reference import fasta_name
from bioinfo_assets.genomics.uri import file_name
from bioinfo_assets.launch.job import Input, Job, Output, StoredFile
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.steps import resources
from bioinfo_assets.steps.files import OutputFiles
from bioinfo_assets.steps.script import module_source, render

FETCH_VERSION: Final = "1"
INDEX_VERSION: Final = "2"


class Aligner(StrEnum):
    """An aligner by its command; an index is that of bwa or that of bwa-mem2."""

    BWA = "bwa"
    BWA_MEM2 = "bwa-mem2"
    BWA_MEM3 = "bwa-mem3"

    @property
    def index_suffixes(self) -> tuple[str, ...]:
        """The suffixes of its index files, which follow the FASTA's name and a dot."""
        return _INDEX_SUFFIXES[self]

    @property
    def indexing_bytes_per_base(self) -> float:
        """The memory for indexing: bwa took 1.5 (docs/reference/requirements.md), bwa-mem2 takes 28 by its readme."""
        return 2.0 if self is Aligner.BWA else 28.0

    @property
    def index_bytes_per_base(self) -> float:
        """The size of the index on disk."""
        return 1.8 if self is Aligner.BWA else 6.0

    @property
    def thread_mib(self) -> int:
        """The memory for each thread of alignment, in MiB; for bwa-mem3 it is that of a batch of reads."""
        return _THREAD_MIB[self]


_INDEX_SUFFIXES: Final[Mapping[Aligner, tuple[str, ...]]] = {
    Aligner.BWA: ("amb", "ann", "bwt", "pac", "sa"),
    Aligner.BWA_MEM2: ("0123", "amb", "ann", "bwt.2bit.64", "pac"),
    Aligner.BWA_MEM3: ("0123", "amb", "ann", "bwt.2bit.64", "pac"),
}

_THREAD_MIB: Final[Mapping[Aligner, int]] = {Aligner.BWA: 48, Aligner.BWA_MEM2: 1200, Aligner.BWA_MEM3: 1024}
"""Measured, or from the source: docs/reference/requirements.md."""


@dataclass(frozen=True, slots=True)
class IndexedReference:
    """A reference genome with its indexes.

    Attributes:
        fasta: The sequences, uncompressed.
        fai: The index of samtools.
        dictionary: The sequence dictionary, with the bytes of Picard's.
        aligner: The aligner of the index.
        index: The aligner's files by suffix, including `alt` for an ALT-aware reference.
    """

    fasta: StoredFile
    fai: StoredFile
    dictionary: StoredFile
    aligner: Aligner
    index: Mapping[str, StoredFile]

    @classmethod
    def of(cls, fasta: StoredFile, aligner: Aligner, outputs: OutputFiles) -> "IndexedReference":
        """Take the FASTA and the outputs of `index_reference`."""
        index = {suffix: outputs[suffix] for suffix in (*aligner.index_suffixes, "alt") if suffix in outputs}
        return cls(fasta, outputs["fai"], outputs["dict"], aligner, index)

    @property
    def name(self) -> str:
        """The local name of the FASTA."""
        return file_name(self.fasta.uri)

    def inputs(self) -> tuple[Input, ...]:
        """The inputs of a job that runs samtools, Picard or GATK: the FASTA with `.fai` and `.dict`."""
        return (
            Input(self.name, self.fasta, shared=True),
            Input(f"{self.name}.fai", self.fai, shared=True),
            self.dictionary_input(),
        )

    @property
    def dictionary_name(self) -> str:
        """The local name of the dictionary, with which the contigs of BAMs are compared."""
        return _dictionary_name(self.name)

    def dictionary_input(self) -> Input:
        """The dictionary as an input of a job."""
        return Input(self.dictionary_name, self.dictionary, shared=True)

    def index_inputs(self) -> tuple[Input, ...]:
        """The aligner's index files as inputs of a job."""
        return tuple(Input(f"{self.name}.{suffix}", file, shared=True) for suffix, file in self.index.items())


def fetch_reference(source: StoredFile, layout: OutputLayout) -> Job:
    """Copy a FASTA uncompressed to `references/NAME.fa`.

    Raises:
        InputError: The source does not have the name of a FASTA.
    """
    fasta = fasta_name(source.uri)
    return Job(
        key=ResultKey("reference_genome", "references"),
        version=FETCH_VERSION,
        script=render("fetch_reference", source_name=file_name(source.uri), fasta=fasta),
        inputs=(Input("source", source),),
        outputs=(Output("fasta", fasta, layout.reference(fasta)),),
        parameters={"reference": file_name(source.uri)},
        resources=resources.for_fetching(source.size, is_gzipped=file_name(source.uri).endswith("gz")),
    )


def index_reference(
    fasta: StoredFile,
    alt: StoredFile | None,
    aligner: Aligner,
    layout: OutputLayout,
    ready_made: Mapping[str, StoredFile] = MappingProxyType({}),
) -> Job:
    """Index a FASTA for samtools, GATK and the aligner; `alt` is the `.alt` file of an ALT-aware reference.

    The files of a ready-made index, by suffix, are checked (`genomics.aligner_index`) and copied; without them the
    aligner indexes the FASTA.

    `references/NAME.fa.refget.json` has the digests of the sequences (`genomics.refget`); the script fails with a
    message if their M5s differ from the dictionary's. Facts: `contigs`, `bases`, `seqcol` (the digest of the sequence
    collection), and `m5.CONTIG` of each contig if there are no more than 100.
    """
    name = file_name(fasta.uri)
    dictionary, identities = _dictionary_name(name), f"{name}.refget.json"
    suffixes = (*aligner.index_suffixes, *(("alt",) if alt else ()))
    return Job(
        key=ResultKey("reference_index", "references"),
        version=INDEX_VERSION,
        script=render(
            "index_reference",
            fasta=name,
            dictionary=dictionary,
            identities=identities,
            aligner=aligner,
            has_alt=bool(alt),
            refget=module_source(refget),
            suffixes=sorted(ready_made),
            check_index=module_source(aligner_index) if ready_made else "",
        ),
        inputs=(
            Input(name, fasta),
            *((Input("alternate_contigs", alt),) if alt else ()),
            *(Input(f"index.{suffix}", file) for suffix, file in ready_made.items()),
        ),
        outputs=(
            *(Output(suffix, f"{name}.{suffix}", layout.reference(f"{name}.{suffix}")) for suffix in suffixes),
            Output("fai", f"{name}.fai", layout.reference(f"{name}.fai")),
            Output("dict", dictionary, layout.reference(dictionary)),
            Output("refget", identities, layout.reference(identities)),
        ),
        tools=(aligner.value, "samtools"),
        parameters={"aligner": aligner.value},
        resources=resources.for_copying_index(fasta.size, sum(file.size for file in ready_made.values()))
        if ready_made
        else resources.for_indexing(fasta.size, aligner.indexing_bytes_per_base, aligner.index_bytes_per_base),
    )


def _dictionary_name(fasta: str) -> str:
    return f"{fasta.removesuffix('.fa')}.dict"
