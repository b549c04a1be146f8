r"""A reference genome: its contigs, and the name of its FASTA.

>>> parse_fai("chrM\t16569\t6\t60\t61\n")
(Contig(name='chrM', length=16569, md5=None),)
"""

import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.gzipped import HOW_TO_REPAIR, is_gzip
from bioinfo_assets.genomics.uri import file_name

MAX_FASTA_BYTES: Final = 256 * 1024 * 1024
"""The size up to which reading a FASTA takes seconds, so that it can be checked before a run."""

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

    def __str__(self) -> str:
        md5 = f", M5 {self.md5}" if self.md5 else ""
        return f"{self.name} ({self.length} bases{md5})"

    def is_compatible(self, other: "Contig") -> bool:
        """Whether both can be the same contig: equal name and length, and equal M5 where both have it."""
        md5s = {self.md5, other.md5} - {None}
        return (self.name, self.length) == (other.name, other.length) and len(md5s) < 2


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
        repeated = next(name for name in names if names.count(name) > 1)
        raise InputError(f"the reference has contig {repeated} twice: give each sequence of the FASTA a unique name")
    return contigs


def contigs_of_fasta(path: Path) -> tuple[Contig, ...]:
    """Read the contigs of a FASTA, plain or gzipped, in their order.

    Raises:
        InputError: The file is not a FASTA, is truncated, or has one contig twice.
    """
    with path.open("rb") as file:
        open_fasta = gzip.open if is_gzip(file.read(16)) else open
    lengths: dict[str, int] = {}
    try:
        with open_fasta(path, "rb") as file:
            name = ""
            for line in file:
                if line.startswith(b">"):
                    name = _sequence_name(path, line, lengths)
                    lengths[name] = 0
                elif name:
                    lengths[name] += len(line.rstrip())
                elif line.strip():
                    raise InputError(f"{path} is not a FASTA: its first line should begin with '>'")
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
    if not name or not length.isdecimal() or int(length) < 1 or len(rest) < 3:
        raise InputError(
            f"line {number} of the reference's index is not a contig of `samtools faidx`: "
            "check that the FASTA has no empty sequence, and build the index again"
        )
    return Contig(name, int(length))


def _sequence_name(path: Path, line: bytes, lengths: dict[str, int]) -> str:
    words = line[1:].split()
    name = words[0].decode("utf-8", errors="replace") if words else ""
    if not name or name in lengths:
        problem = f"has contig {name} twice" if name else "has a sequence without a name"
        raise InputError(f"{path} {problem}: give each sequence a unique name")
    return name
