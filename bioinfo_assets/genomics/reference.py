r"""A reference genome: its contigs, and the name of its FASTA.

>>> parse_fai("chrM\t16569\t6\t60\t61\n")
(Contig(name='chrM', length=16569),)
"""

import re
from dataclasses import dataclass
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.uri import file_name

_FASTA: Final = re.compile(r"(?P<stem>[A-Za-z0-9_][A-Za-z0-9._+-]*)\.(fa|fasta|fna)(\.b?gz)?")


@dataclass(frozen=True, slots=True)
class Contig:
    """A sequence of a reference: its name, and its length in bases."""

    name: str
    length: int

    def __post_init__(self) -> None:
        if not self.name or self.length < 1:
            raise ValueError(f"a contig has a name and at least one base, not {self}")


def parse_fai(text: str) -> tuple[Contig, ...]:
    """Read the contigs from the index that `samtools faidx` makes: name and length are its first two columns of five.

    Raises:
        InputError: The text is no such index, names no contig, or one contig twice.
    """
    contigs = tuple(_parse_fai_line(number, line) for number, line in enumerate(text.splitlines(), start=1))
    if not contigs:
        raise InputError("the reference has no contig: give a FASTA with at least one sequence")
    names = [contig.name for contig in contigs]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"the reference has contig {twice} twice: give each sequence of the FASTA a name of its own")
    return contigs


def fasta_name(uri: str) -> str:
    """The local name of a reference's FASTA, uncompressed and ending in `.fa`.

    Raises:
        InputError: The address does not end in a FASTA's name.

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
            "check that the FASTA has no empty sequence and make the index again"
        )
    return Contig(name, int(length))
