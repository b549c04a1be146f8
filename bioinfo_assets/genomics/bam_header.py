r"""The header of a BAM, read from the file's first bytes (SAM specification, sections 1.3 and 4.2).

>>> header = parse_sam_header("@HD\tVN:1.6\tSO:coordinate\n@RG\tID:FC1.4\tSM:expt\n")
>>> header.sort_order, header.samples
('coordinate', ('expt',))
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.gzipped import inflate, is_bgzf
from bioinfo_assets.genomics.read_group import ReadGroup

EOF_BLOCK: Final = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
"""The empty block that ends every BGZF file, so that one cut short is told (SAM specification, section 4.1.2)."""

_MAGIC: Final = b"BAM\x01"
_INDEX_MAGIC: Final = b"BAI\x01"
_BLOCK: Final = 64 * 1024
"""A BGZF block holds at most so many bytes (section 4.1), so that this many more suffice for one more record."""


@dataclass(frozen=True, slots=True)
class Sequenced:
    """A contig that reads are aligned to.

    Attributes:
        name: Its name (SN).
        length: Bases (LN).
        md5: MD5 of its letters in upper case (M5), where the header tells it.
    """

    name: str
    length: int
    md5: str | None = None

    def __str__(self) -> str:
        md5 = f", M5 {self.md5}" if self.md5 else ""
        return f"{self.name} ({self.length} bases{md5})"

    def is_like(self, other: "Sequenced") -> bool:
        """Whether both may be one contig: of one name and length, and of one M5 if both tell it."""
        md5s = {self.md5, other.md5} - {None}
        return (self.name, self.length) == (other.name, other.length) and len(md5s) < 2


@dataclass(frozen=True, slots=True)
class BamHeader:
    """What a BAM says before its first record.

    Attributes:
        text: The header as SAM has it.
        contigs: What its records are aligned to, in order.
        lines: The header's lines, each its type and its fields by tag; comments are left out.
        first_names: The names of the first records, as far as the bytes went.
    """

    text: str
    contigs: tuple[Sequenced, ...]
    lines: tuple[tuple[str, Mapping[str, str]], ...]
    first_names: tuple[str, ...] = ()

    @property
    def sort_order(self) -> str:
        """SO of the line `@HD`: unknown, unsorted, queryname or coordinate; unknown where nothing says it."""
        return next((fields.get("SO", "unknown") for kind, fields in self.lines if kind == "@HD"), "unknown")

    @property
    def read_groups(self) -> tuple[Mapping[str, str], ...]:
        """The fields of each line `@RG`, by tag."""
        return tuple(fields for kind, fields in self.lines if kind == "@RG")

    @property
    def samples(self) -> tuple[str, ...]:
        """The samples of the read groups (SM), each once; empty text for a group that names none."""
        return tuple(dict.fromkeys(group.get("SM", "") for group in self.read_groups))

    @property
    def splits_reads(self) -> bool:
        """Whether, as far as the first records tell, those of one read do not stand together."""
        seen: set[str] = set()
        last = None
        for name in self.first_names:
            if name != last and name in seen:
                return True
            seen.add(name)
            last = name
        return False


def parse_bam_header(uri: str, data: bytes, *, whole: bool) -> BamHeader | None:
    """Read the header of a BAM from its first bytes; None where that takes more of them.

    Args:
        uri: The file, for what is said of it.
        data: Its first bytes, as many as are at hand.
        whole: They are all of the file.

    Raises:
        InputError: It is no BAM, or its header is damaged or cut short.
    """
    if not is_bgzf(data):
        raise InputError(f"{uri} is not a BAM: convert it with `samtools view -b`")
    try:
        inflated = inflate(data, most=len(data) * 64 + _BLOCK).data
    except zlib.error as error:
        raise InputError(f"{uri} is damaged in its first blocks: copy it again from where it came") from error
    if len(inflated) >= 4 and not inflated.startswith(_MAGIC):
        raise InputError(f"{uri} is not a BAM: convert it with `samtools view -b`")
    try:
        return _header(uri, _Bytes(inflated))
    except _EndError:
        if whole:
            raise InputError(f"{uri} ends within its header: copy it again from where it came") from None
        return None


def parse_sam_header(text: str) -> BamHeader:
    """Read a header as text, such as a sequence dictionary; its contigs are those of its lines `@SQ`.

    Raises:
        ValueError: A line `@SQ` has no name or no length.
    """
    lines = tuple(_lines(text))
    contigs = [fields for kind, fields in lines if kind == "@SQ"]
    if any("SN" not in fields or not fields.get("LN", "").isdecimal() for fields in contigs):
        raise ValueError("a line @SQ has no name (SN) or no length (LN)")
    return BamHeader(
        text, tuple(Sequenced(fields["SN"], int(fields["LN"]), fields.get("M5")) for fields in contigs), lines
    )


def other_contigs(bam: Sequence[Sequenced], reference: Sequence[Sequenced]) -> str:
    """Say in what a BAM's contigs differ from a reference's, in name, length, letters or order; empty where in nothing.

    >>> other_contigs([Sequenced("chr1", 100)], [Sequenced("chr1", 90)])
    'its contig 1 is chr1 (100 bases), and that of the reference is chr1 (90 bases)'
    """
    for number, (one, other) in enumerate(zip(bam, reference, strict=False), start=1):
        if not one.is_like(other):
            return f"its contig {number} is {one}, and that of the reference is {other}"
    if len(bam) != len(reference):
        return f"it has {len(bam)} contigs, and the reference has {len(reference)}"
    return ""


def parse_read_group(line: str) -> ReadGroup:
    r"""Read a line `@RG`, in which `\t` may stand for a tab as on a command line.

    Raises:
        InputError: It is none, or lacks a field that every read group here has: ID, SM, LB, PL, PU.

    >>> parse_read_group(r"@RG\tID:FC1.4\tSM:expt\tLB:lib1\tPL:ILLUMINA\tPU:FC1.4").library
    'lib1'
    """
    kind, fields = next(_lines(line.replace("\\t", "\t")), ("", {}))
    missing = [tag for tag in ("ID", "SM", "LB", "PL", "PU") if not fields.get(tag)]
    if kind != "@RG" or missing:
        raise InputError(
            f"{line!r} is not a read group: give '@RG\\tID:…\\tSM:…\\tLB:…\\tPL:…\\tPU:…', "
            f"of which it has no {' and no '.join(missing) or '@RG'}"
        )
    return ReadGroup(fields["ID"], fields["SM"], fields["LB"], fields["PL"], fields["PU"])


def contigs_of_index(uri: str, data: bytes) -> int:
    """Give the number of contigs that a BAM's index is of, from its first eight bytes (section 5.2).

    Raises:
        InputError: It is no such index.
    """
    if not data.startswith(_INDEX_MAGIC) or len(data) < 8:
        raise InputError(f"{uri} is not the index of a BAM: make it again with `samtools index -b`")
    return int.from_bytes(data[4:8], "little")


class _EndError(Exception):
    """The bytes at hand end too early."""


class _Bytes:
    """Bytes that are read from the front."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, length: int) -> bytes:
        taken = self._data[self._at : self._at + length]
        if len(taken) < length:
            raise _EndError
        self._at += length
        return taken

    def number(self) -> int:
        return int.from_bytes(self.take(4), "little", signed=True)


def _header(uri: str, data: _Bytes) -> BamHeader:
    data.take(len(_MAGIC))
    text = data.take(_length(uri, data)).rstrip(b"\0").decode("utf-8", "replace")
    lines = tuple(_lines(text))
    md5s = {fields.get("SN"): fields.get("M5") for kind, fields in lines if kind == "@SQ"}
    contigs = []
    for _ in range(_length(uri, data)):
        name = data.take(_length(uri, data)).rstrip(b"\0").decode("utf-8", "replace")
        contigs.append(Sequenced(name, _length(uri, data), md5s.get(name)))
    return BamHeader(text, tuple(contigs), lines, tuple(_names(data)))


def _length(uri: str, data: _Bytes) -> int:
    number = data.number()
    if number < 0:
        raise InputError(f"{uri} is damaged in its header: copy it again from where it came")
    return number


def _names(data: _Bytes) -> Iterator[str]:
    """The names of the records that follow a header: the byte at 8 tells the length, the name begins at 32."""
    try:
        while True:
            record = data.take(max(0, data.number()))
            if len(record) > 32:
                yield record[32 : 32 + record[8]].rstrip(b"\0").decode("ascii", "replace")
    except _EndError:
        return


def _lines(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    for line in text.split("\n"):
        kind, *fields = line.rstrip("\r").split("\t")
        if kind.startswith("@") and kind != "@CO":
            yield kind, {tag: value for tag, _, value in (field.partition(":") for field in fields)}
