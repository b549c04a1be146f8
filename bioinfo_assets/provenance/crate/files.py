"""The inputs and outputs of jobs in a crate: their addresses, sizes, digests and formats; small results as copies."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.uri import file_name
from bioinfo_assets.provenance.crate.entities import Entities, Ref, format_time, iri_of, local_id
from bioinfo_assets.provenance.lineage import TracedFile, TracedJob, traced_output
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import FileRecord


class Format(NamedTuple):
    """A file format.

    Attributes:
        media_type: As in the IANA registry; `application/octet-stream` if it has none.
        edam: The term's number in EDAM, such as `format_2572`; empty if EDAM has none.
        name: The term's label.
    """

    media_type: str
    edam: str = ""
    name: str = ""

    @property
    def is_human_readable(self) -> bool:
        """Whether it is meant for people, as a report, plot, table or log is, and not for reads or sequences."""
        return self.media_type in _DOCUMENTS or (self.media_type == _TEXT and not self.edam)


_BYTES: Final = "application/octet-stream"
_GZIP: Final = "application/gzip"
_TEXT: Final = "text/plain"
_DOCUMENTS: Final = ("text/html", "application/json", "application/pdf")

_FORMATS: Final = {
    ".bam": Format(_BYTES, "format_2572", "BAM"),
    ".bai": Format(_BYTES, "format_3327", "BAI"),
    ".cram": Format(_BYTES, "format_3462", "CRAM"),
    ".crai": Format(_BYTES),
    ".tbi": Format(_BYTES, "format_3700", "Tabix index file format"),
    ".fastq.gz": Format(_GZIP, "format_1930", "FASTQ"),
    ".fq.gz": Format(_GZIP, "format_1930", "FASTQ"),
    ".fastq": Format(_TEXT, "format_1930", "FASTQ"),
    ".fq": Format(_TEXT, "format_1930", "FASTQ"),
    ".fa.gz": Format(_GZIP, "format_1929", "FASTA"),
    ".fasta.gz": Format(_GZIP, "format_1929", "FASTA"),
    ".fa": Format(_TEXT, "format_1929", "FASTA"),
    ".fasta": Format(_TEXT, "format_1929", "FASTA"),
    ".dict": Format(_TEXT, "format_2573", "SAM"),
    ".vcf.gz": Format(_GZIP, "format_3016", "VCF"),
    ".vcf": Format(_TEXT, "format_3016", "VCF"),
    ".html": Format("text/html", "format_2331", "HTML"),
    ".json": Format("application/json", "format_3464", "JSON"),
    ".pdf": Format("application/pdf", "format_3508", "PDF"),
    ".fai": Format("text/tab-separated-values", "format_3475", "TSV"),
    ".gz": Format(_GZIP),
    ".zip": Format("application/zip"),
    ".py": Format("text/x-python"),
    ".sh": Format("application/x-sh"),
} | {extension: Format(_TEXT) for extension in (".txt", ".log", ".md5", ".table", ".status")}

_UNKNOWN: Final = Format(_BYTES)


def format_of(name: str) -> Format:
    """The format of a file of this name, by its longest known extension.

    >>> format_of("expt.recalib.bam"), format_of("expt.1.fastq.gz").name
    (Format(media_type='application/octet-stream', edam='format_2572', name='BAM'), 'FASTQ')
    """
    parts = name.split(".")[1:]
    extensions = ("." + ".".join(parts[start:]) for start in range(len(parts)))
    return next((_FORMATS[extension] for extension in extensions if extension in _FORMATS), _UNKNOWN)


MAX_COPY_BYTES: Final = 10 * 1024 * 1024
"""Size limit of a report, plot, log or table of metrics that is copied into a crate.

MultiQC's report on two samples takes 2.2 MB.
"""


@dataclass
class Files:
    """The files of a crate.

    Attributes:
        entities: Where they are described.
        ledger: The records that name them.
        with_copies: Whether small results are copied into the crate.
        sources: The files that the project did not produce, by the asset they were observed as.
    """

    entities: Entities
    ledger: Ledger
    with_copies: bool = False
    sources: dict[str, list[Ref]] = field(default_factory=dict)
    _described: dict[str, Ref] = field(default_factory=dict)

    def describe_output(self, job: TracedJob, file: FileRecord) -> Ref:
        """Describe a file that a job wrote."""
        traced = traced_output(file, job)
        iri = _version_iri(traced)
        if iri in self._described:
            return self._described[iri]
        properties = self._properties(traced) | {
            "sdDatePublished": format_time(job.record.finished),
            "exampleOfWork": {"@id": local_id(job.record.asset, "outputs", file.key)},
        }
        if self._is_copied(job, file):
            return self._described.setdefault(iri, self._copy(file, properties))
        return self._described.setdefault(iri, self.entities.describe_external_file(iri, properties))

    def describe_input(self, file: TracedFile) -> Ref:
        """Describe a file that a job read: another job's output, or a source."""
        iri = _version_iri(file)
        if iri not in self._described:
            self._described[iri] = self._describe_source(file, iri)
        return self._described[iri]

    def describe_format(self, name: str) -> list[object]:
        """The `encodingFormat` of a file of this name; its EDAM term is described too."""
        file_format = format_of(name)
        if not file_format.edam:
            return [file_format.media_type]
        page = f"http://edamontology.org/{file_format.edam}"
        return [file_format.media_type, self.entities.describe(page, "WebSite", {"name": file_format.name})]

    def _describe_source(self, file: TracedFile, iri: str) -> Ref:
        properties = self._properties(file)
        if file.observation is None:
            return self.entities.describe_external_file(iri, properties)
        asset = file.observation.asset
        properties["exampleOfWork"] = {"@id": local_id("inputs", asset)}
        properties["sdDatePublished"] = format_time(file.observation.observed)
        ref = self.entities.describe_external_file(iri, properties)
        self.sources.setdefault(asset, []).append(ref)
        return ref

    def _is_copied(self, job: TracedJob, file: FileRecord) -> bool:
        is_readable = format_of(file_name(file.uri)).is_human_readable
        is_own = self.ledger.layout.contains(file.uri)
        is_kept = not job.replaced and file.released is None
        return self.with_copies and is_own and is_kept and is_readable and file.size <= MAX_COPY_BYTES

    def _copy(self, file: FileRecord, properties: dict[str, object]) -> Ref:
        path = f"data/{self.ledger.layout.relative(file.uri)}"
        target = self.entities.path_for(path)
        self.ledger.store.fetch(file.uri, target)
        if self.ledger.store.digest(str(target)) != f"sha256:{file.sha256}":
            raise InputError(f"{file.uri} has changed since it was recorded: check with `verify`, and run again")
        return self.entities.describe_own_file(path, properties | {"url": iri_of(file.uri)})

    def _properties(self, file: TracedFile) -> dict[str, object]:
        return {
            "name": file_name(file.uri),
            "contentSize": str(file.size),
            "sha256": file.sha256,
            "version": None if file.sha256 else file.content,  # such as the ETag of a remote source
            "description": file.note,
            "encodingFormat": self.describe_format(file_name(file.uri)),
        }


def _version_iri(file: TracedFile) -> str:
    """The file's address; with its digest if this version is no longer there, as another version may be."""
    digest = (file.sha256 or file.content or str(file.size)).rpartition(":")[2]
    return f"{iri_of(file.uri)}#{digest[:12]}" if file.note else iri_of(file.uri)
