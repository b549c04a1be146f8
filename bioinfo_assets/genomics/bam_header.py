r"""The header of a BAM, parsed from the file's first bytes (SAM specification, sections 1.3 and 4.2).

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
from bioinfo_assets.genomics.reference import Contig

EOF_BLOCK: Final = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
"""The empty block at the end of every complete BGZF file (SAM specification, section 4.1.2)."""

MAX_HEADER: Final = 512 * 1024 * 1024
"""Bytes of an uncompressed header and the first records that are read; ten million contigs have about as many."""

_MAGIC: Final = b"BAM\x01"
_INDEX_MAGIC: Final = b"BAI\x01"
_MAX_BLOCK: Final = 64 * 1024
"""The largest BGZF block, in bytes (section 4.1)."""


@dataclass(frozen=True, slots=True)
class BamHeader:
    """The header of a BAM, and the names of its first records.

    Attributes:
        text: The header as SAM text.
        contigs: The contigs that its records are aligned to, in order.
        lines: The type and the fields by tag of each header line, without comments.
        first_names: The read names of the first records, as far as the bytes reached.
    """

    text: str
    contigs: tuple[Contig, ...]
    lines: tuple[tuple[str, Mapping[str, str]], ...]
    first_names: tuple[str, ...] = ()

    @property
    def sort_order(self) -> str:
        """SO of the line `@HD`: unknown, unsorted, queryname or coordinate; unknown where there is no SO."""
        return next((fields.get("SO", "unknown") for kind, fields in self.lines if kind == "@HD"), "unknown")

    @property
    def read_groups(self) -> tuple[Mapping[str, str], ...]:
        """The fields of each line `@RG`, by tag."""
        return tuple(fields for kind, fields in self.lines if kind == "@RG")

    @property
    def samples(self) -> tuple[str, ...]:
        """The unique samples of the read groups (SM); an empty string for a group without one."""
        return tuple(dict.fromkeys(group.get("SM", "") for group in self.read_groups))

    @property
    def has_scattered_reads(self) -> bool:
        """Whether records of other reads come between the records of one read, among the first records."""
        earlier: set[str] = set()
        last = None
        for name in self.first_names:
            if name != last and name in earlier:
                return True
            earlier.add(name)
            last = name
        return False


def parse_bam_header(uri: str, data: bytes, *, complete: bool) -> BamHeader | None:
    """Parse the header of a BAM from its first bytes; None if more bytes are needed.

    Args:
        uri: The file, for error messages.
        data: The first bytes of the file.
        complete: Whether `data` is the complete file.

    Raises:
        InputError: The file is not a BAM, or its header is damaged or truncated.
    """
    if not is_bgzf(data):
        raise InputError(f"{uri} is not a BAM: convert it with `samtools view -b`")
    try:
        inflated = inflate(data, max_bytes=min(len(data) * 64 + _MAX_BLOCK, MAX_HEADER)).data
    except zlib.error as error:
        raise InputError(f"{uri} is damaged in its first blocks: copy it again from its source") from error
    if len(inflated) >= 4 and not inflated.startswith(_MAGIC):
        raise InputError(f"{uri} is not a BAM: convert it with `samtools view -b`")
    try:
        return _parse_binary_header(_ByteReader(inflated))
    except _OutOfBytesError:
        if len(inflated) >= MAX_HEADER:
            raise InputError(
                f"{uri} has a header of more than {MAX_HEADER >> 20} MiB: check that it is a BAM of a genome"
            ) from None
        if complete:
            raise InputError(f"{uri} ends within its header: copy it again from its source") from None
        return None
    except ValueError as error:
        raise InputError(f"{uri} is damaged in its header: copy it again from its source") from error


def parse_sam_header(text: str) -> BamHeader:
    """Parse a SAM header, such as a sequence dictionary; its contigs are those of its lines `@SQ`.

    Raises:
        ValueError: A line `@SQ` has no name or no length.
    """
    lines = tuple(_parse_lines(text))
    contigs = [fields for kind, fields in lines if kind == "@SQ"]
    if any("SN" not in fields or not fields.get("LN", "").isdecimal() for fields in contigs):
        raise ValueError("a line @SQ has no name (SN) or no length (LN)")
    return BamHeader(
        text, tuple(Contig(fields["SN"], int(fields["LN"]), fields.get("M5")) for fields in contigs), lines
    )


def contig_difference(bam: Sequence[Contig], reference: Sequence[Contig]) -> str:
    """Describe the first difference between a BAM's contigs and a reference's; an empty string if there is none.

    Names, lengths, order, and M5s where both have them are compared.

    >>> contig_difference([Contig("chr1", 100)], [Contig("chr1", 90)])
    'its contig 1 is chr1 (100 bases), and that of the reference is chr1 (90 bases)'
    """
    for number, (contig, other) in enumerate(zip(bam, reference, strict=False), start=1):
        if not contig.is_compatible(other):
            return f"its contig {number} is {contig}, and that of the reference is {other}"
    if len(bam) != len(reference):
        return f"it has {len(bam)} contigs, and the reference has {len(reference)}"
    return ""


def parse_read_group(line: str) -> ReadGroup:
    r"""Parse a line `@RG`, in which `\t` may stand for a tab as on a command line.

    Raises:
        InputError: The line is not an `@RG` line, or lacks a required field: ID, SM, LB, PL, PU.

    >>> parse_read_group(r"@RG\tID:FC1.4\tSM:expt\tLB:lib1\tPL:ILLUMINA\tPU:FC1.4").library
    'lib1'
    """
    kind, fields = next(_parse_lines(line.replace("\\t", "\t")), ("", {}))
    missing = [tag for tag in ("ID", "SM", "LB", "PL", "PU") if not fields.get(tag)]
    if kind != "@RG" or missing:
        raise InputError(
            f"{line!r} is not a read group, it has no {' and no '.join(missing) or '@RG'}: "
            "give '@RG\\tID:…\\tSM:…\\tLB:…\\tPL:…\\tPU:…'"
        )
    return ReadGroup(fields["ID"], fields["SM"], fields["LB"], fields["PL"], fields["PU"])


def count_indexed_contigs(uri: str, data: bytes) -> int:
    """Return the number of contigs of an indexed BAM, from the first eight bytes of its index (section 5.2).

    Raises:
        InputError: The file is not a BAM index.
    """
    if not data.startswith(_INDEX_MAGIC) or len(data) < 8:
        raise InputError(f"{uri} is not the index of a BAM: build it again with `samtools index -b`")
    return int.from_bytes(data[4:8], "little")


class _OutOfBytesError(Exception):
    """The data end before the field to read."""


class _ByteReader:
    """Reads the fields of a BAM one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data, self._position = data, 0

    def read(self, length: int) -> bytes:
        field = self._data[self._position : self._position + length]
        if len(field) < length:
            raise _OutOfBytesError
        self._position += length
        return field

    def read_int32(self) -> int:
        return int.from_bytes(self.read(4), "little", signed=True)

    def read_length(self) -> int:
        length = self.read_int32()
        if length < 0:
            raise ValueError(f"a field has a length of {length}")
        return length

    def read_text(self) -> str:
        return self.read(self.read_length()).rstrip(b"\0").decode("utf-8", "replace")


def _parse_binary_header(data: _ByteReader) -> BamHeader:
    data.read(len(_MAGIC))
    text = data.read_text()
    lines = tuple(_parse_lines(text))
    md5s = {fields.get("SN"): fields.get("M5") for kind, fields in lines if kind == "@SQ"}
    contigs = []
    for _ in range(data.read_length()):
        name = data.read_text()
        contigs.append(Contig(name, data.read_length(), md5s.get(name)))
    return BamHeader(text, tuple(contigs), lines, tuple(_read_names(data)))


def _read_names(data: _ByteReader) -> Iterator[str]:
    """The read names of the records after a header: their length is the byte at offset 8, they begin at 32."""
    try:
        while True:
            record = data.read(max(0, data.read_int32()))
            if len(record) > 32:
                yield record[32 : 32 + record[8]].rstrip(b"\0").decode("ascii", "replace")
    except _OutOfBytesError:
        return


def _parse_lines(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    for line in text.split("\n"):
        kind, *fields = line.rstrip("\r").split("\t")
        if kind.startswith("@") and kind != "@CO":
            yield kind, {tag: value for tag, _, value in (field.partition(":") for field in fields)}
