r"""A reference genome: its contigs, and the name of its FASTA.

>>> parse_fai("chrM\t16569\t6\t60\t61\n")
(Contig(name='chrM', length=16569, md5=None),)
"""

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.gzipped import HOW_TO_REPAIR, is_gzip
from bioinfo_assets.genomics.uri import file_name

MAX_FASTA_BYTES: Final = 256 * 1024 * 1024
"""The size up to which reading a FASTA takes seconds, so that it can be checked before a run."""

MAX_FASTA_TEXT: Final = 8 * 1024 * 1024 * 1024
"""Bytes of text up to which a gzipped FASTA is read: of `MAX_FASTA_BYTES`, a genome has four times as many."""

MAX_CONTIGS: Final = 10_000_000
"""Sequences of a FASTA that are read before a run; they take a gigabyte of memory."""

_PIECE: Final = 64 * 1024

_FASTA: Final = re.compile(r"(?P<stem>[A-Za-z0-9_][A-Za-z0-9._+-]*)\.(fa|fasta|fna)(\.b?gz)?")


@dataclass(frozen=True, slots=True)
class Contig:
    """A sequence of a reference.

    Attributes:
        name: Its name (SN of a SAM header).
        length: Its length in bases (LN).
        md5: MD5 of its bases in upper case (M5), or None where it is unknown.

    Raises:
        ValueError: The name is empty, or the length is less than 1.
    """

    name: str
    length: int
    md5: str | None = None

    def __post_init__(self) -> None:
        if not self.name or self.length < 1:
            raise ValueError(f"a contig has a name and at least one base, not {self}")
        if self.md5 is not None:
            object.__setattr__(self, "md5", self.md5.lower())  # some programs write it in upper case

    def __str__(self) -> str:
        md5 = f", M5 {self.md5}" if self.md5 else ""
        return f"{self.name} ({self.length} bases{md5})"

    def is_compatible(self, other: "Contig") -> bool:
        """Whether both can be the same contig: equal name and length, and equal M5 where both have it."""
        md5s = {self.md5, other.md5} - {None}
        return (self.name, self.length) == (other.name, other.length) and len(md5s) < 2


def parse_length(text: str) -> int | None:
    """A number of bases; None for any other text, also for one of more than 18 digits: Python refuses some of those.

    >>> parse_length("16569"), parse_length("-1"), parse_length("9" * 5000)
    (16569, None, None)
    """
    return int(text) if text.isdecimal() and len(text) <= 18 else None


def parse_fai(text: str) -> tuple[Contig, ...]:
    """Read the contigs from an index of `samtools faidx`: name and length are the first two of its five columns.

    Raises:
        InputError: The text is not such an index, has no contig, or has one contig twice.
    """
    contigs = tuple(_parse_fai_line(number, line) for number, line in enumerate(text.splitlines(), start=1))
    if not contigs:
        raise InputError("the reference has no contig: give a FASTA with at least one sequence")
    names = [contig.name for contig in contigs]
    if len(set(names)) < len(names):
        repeated, _ = Counter(names).most_common(1)[0]
        raise InputError(f"the reference has contig {repeated} twice: give each sequence of the FASTA a unique name")
    return contigs


def contigs_of_fasta(path: Path) -> tuple[Contig, ...]:
    """Read the contigs of a FASTA, plain or gzipped, in their order; memory is bounded however long its lines are.

    Raises:
        InputError: The file is not a FASTA, is truncated, has one contig twice, or is larger than `MAX_FASTA_TEXT`.
    """
    with path.open("rb") as file:
        open_fasta = gzip.open if is_gzip(file.read(16)) else open
    try:
        with open_fasta(path, "rb") as file:
            lengths = _sequence_lengths(path, file)
    except gzip.BadGzipFile as error:
        raise InputError(f"{path} has bytes after its gzip stream, or is damaged: {HOW_TO_REPAIR}") from error
    except (EOFError, zlib.error) as error:
        raise InputError(f"{path} is truncated or damaged: copy it again from its source") from error
    empty = next((name for name, length in lengths.items() if not length), None)
    if empty or not lengths:
        raise InputError(f"{path} has no bases{f' in {empty}' if empty else ''}: give a FASTA of complete sequences")
    return tuple(Contig(name, length) for name, length in lengths.items())


def fasta_name(uri: str) -> str:
    """Return the local name of a reference's FASTA, uncompressed and ending in `.fa`.

    Raises:
        InputError: The address does not end in the name of a FASTA.

    >>> fasta_name("https://example.org/goldenPath/chr22.fa.gz")
    'chr22.fa'
    >>> fasta_name("/refs/GRCh38.p14.fasta")
    'GRCh38.p14.fa'
    """
    match = _FASTA.fullmatch(file_name(uri))
    if not match:
        raise InputError(
            f"{uri} is not the name of a reference: give a file that ends in .fa, .fasta or .fna, or in one of these "
            "and .gz, named with letters, digits, '.', '_', '+' and '-'"
        )
    return f"{match['stem']}.fa"


def _parse_fai_line(number: int, line: str) -> Contig:
    name, length, *rest = [*line.split("\t"), ""]
    bases = parse_length(length)
    if not name or not bases or len(rest) < 3:
        raise InputError(
            f"line {number} of the reference's index is not a contig of `samtools faidx`: "
            "check that the FASTA has no empty sequence, and build the index again"
        )
    return Contig(name, bases)


def _sequence_lengths(path: Path, file: gzip.GzipFile | BufferedReader) -> dict[str, int]:
    lengths: dict[str, int] = {}
    name, is_continued = "", False
    for piece in _pieces(path, file):
        if piece.startswith(b">") and not is_continued:
            name = _sequence_name(path, piece, lengths)
            lengths[name] = 0
        elif name:
            lengths[name] += len(piece.rstrip())
        elif piece.strip():
            raise InputError(f"{path} is not a FASTA: its first line should begin with '>'")
        is_continued = not piece.endswith(b"\n")
    return lengths


def _pieces(path: Path, file: gzip.GzipFile | BufferedReader) -> Iterator[bytes]:
    """The lines of a file, long ones in pieces, until there are too many bytes."""
    size = 0
    while piece := file.readline(_PIECE):
        size += len(piece)
        if size > MAX_FASTA_TEXT:
            raise InputError(
                f"{path} has more than {MAX_FASTA_TEXT >> 30} GiB of text: check that it is the FASTA of a genome; "
                "if it is, give it uncompressed"
            )
        yield piece


def _sequence_name(path: Path, line: bytes, lengths: dict[str, int]) -> str:
    words = line[1:].split()
    name = words[0].decode("utf-8", errors="replace") if words else ""
    if not line.endswith(b"\n") and len(line) == _PIECE:
        raise InputError(f"{path} has a sequence name of more than {_PIECE} bytes: shorten it")
    if len(lengths) == MAX_CONTIGS:
        raise InputError(f"{path} has more than {MAX_CONTIGS} sequences: check that it is the FASTA of a genome")
    if not name or name in lengths:
        problem = f"has contig {name} twice" if name else "has a sequence without a name"
        raise InputError(f"{path} {problem}: give each sequence a unique name")
    return name
