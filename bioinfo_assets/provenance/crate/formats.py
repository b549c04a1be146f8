"""File formats by file name: the media type, and the term of the EDAM ontology (http://edamontology.org)."""

from typing import Final, NamedTuple


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
