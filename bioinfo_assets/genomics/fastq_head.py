"""The first records of a gzipped FASTQ, read and checked.

Sequencing quality is expected as Phred+33, the encoding that every machine has written since Casava 1.8.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.gzipped import inflate, is_gzip
from bioinfo_assets.genomics.read_name import ReadName, parse_read_name

HEAD_BYTES: Final = 256 * 1024
"""As many bytes of a gzipped FASTQ as `read_head` wants: enough for its records, unless they are very long."""

_RECORDS: Final = 1000
_MAX_TEXT: Final = 8 * 1024 * 1024
_SEQUENCE: Final = re.compile(r"[A-Za-z.*-]+")
_QUALITY: Final = re.compile(r"[!-~]+")
_LOWEST_OF_PHRED_64: Final = ";"  # Solexa's -5, the lowest that was ever written with an offset of 64
_HIGHEST_OF_PHRED_33: Final = "K"  # Q42, the highest of Illumina's machines


@dataclass(frozen=True, slots=True)
class FastqHead:
    """The first records of a FASTQ.

    Attributes:
        uri: The file.
        reads: What the records' names tell, in their order; at least one, at most a thousand.
        longest: The length of the longest of these reads, in bases.
        whole: Whether these are all records of the file.
    """

    uri: str
    reads: tuple[ReadName, ...]
    longest: int
    whole: bool


def read_head(uri: str, data: bytes, *, whole: bool = False) -> FastqHead:
    """Read and check the first records of a gzipped FASTQ.

    Args:
        uri: The file, for what is said of it.
        data: Its first bytes, `HEAD_BYTES` or so; the compressed stream may end anywhere.
        whole: The data are all of the file, so that a stream that ends too early is an error.

    Raises:
        InputError: The file is empty, not compressed with gzip, cut short, or damaged; a record is malformed; or the
            qualities are Phred+64.
    """
    if not data:
        raise InputError(f"{uri} is empty: copy it again from where it came, or leave its lane out")
    text, ended = _decompress(uri, data)
    if whole and not ended and len(text) < _MAX_TEXT:
        raise InputError(f"{uri} is cut short, its gzip stream has no end: copy it again from where it came")
    if not text and ended:
        raise InputError(f"{uri} holds no reads: copy it again from where it came, or leave its lane out")
    records = list(_records(uri, text, last=whole and ended))
    if not records:
        raise InputError(f"{uri} is not a FASTQ: no record of four lines in its first {len(data)} bytes")
    _check_phred_33(uri, [quality for _, _, quality in records])
    return FastqHead(
        uri=uri,
        reads=tuple(parse_read_name(header) for header, _, _ in records),
        longest=max(len(sequence) for _, sequence, _ in records),
        whole=whole and len(records) < _RECORDS,
    )


def _decompress(uri: str, data: bytes) -> tuple[str, bool]:
    """Give the text of the first records, and whether a gzip stream ends with the data."""
    if not is_gzip(data):
        raise InputError(f"{uri} is not compressed with gzip: compress it with `gzip`")
    try:
        inflated = inflate(data, most=_MAX_TEXT)
    except zlib.error as error:
        raise InputError(f"{uri} is damaged within its gzip stream: copy it again from where it came") from error
    return inflated.data.decode("latin-1"), inflated.ended


def _records(uri: str, text: str, *, last: bool) -> Iterator[tuple[str, str, str]]:
    """Give name, sequence and quality of the first whole records; the text's end is the file's only where `last`."""
    lines = text.split("\n")
    end = lines.pop()
    if end and last:
        lines.append(end)
    elif last:
        lines = _without_blank_end(lines)
    lines = lines[: 4 * _RECORDS]
    for start in range(0, len(lines), 4):
        record = lines[start : start + 4]
        if len(record) == 4:
            yield _check_record(uri, start + 1, record)
        elif last:
            raise InputError(f"{uri} ends within a record, at line {start + len(record)}: copy it again")


def _without_blank_end(lines: list[str]) -> list[str]:
    """Leave out the blank lines after the last record; the last one of a record without bases is blank too."""
    end = len(lines)
    while end and not lines[end - 1] and (end % 4 or not any(lines[end - 4 : end])):
        end -= 1
    return lines[:end]


def _check_record(uri: str, line: int, record: list[str]) -> tuple[str, str, str]:
    header, sequence, plus, quality = record
    if header.endswith("\r"):
        raise InputError(f"{uri} has Windows line ends: rewrite it with `zcat FILE | tr -d '\\r' | gzip > NEW`")
    if not header.startswith("@") or not header[1:].strip() or header[1].isspace():
        raise InputError(f"{uri} is not a FASTQ: line {line} should be '@' and a read's name, not {header[:40]!r}")
    if not plus.startswith("+"):
        raise InputError(f"{uri} is not a FASTQ: line {line + 2} should begin with '+', not {plus[:40]!r}")
    if len(sequence) != len(quality):
        raise InputError(
            f"{uri} is malformed at line {line + 3}: {len(sequence)} bases have {len(quality)} qualities; "
            "copy it again from where it came"
        )
    if not sequence:
        raise InputError(f"{uri} has a read without bases at line {line + 1}: remove such pairs with `cutadapt -m 1`")
    if not _SEQUENCE.fullmatch(sequence) or not _QUALITY.fullmatch(quality):
        raise InputError(f"{uri} is malformed at line {line + 1}: a character there is no base or no quality")
    return header, sequence, quality


def _check_phred_33(uri: str, qualities: list[str]) -> None:
    lowest = min(map(min, qualities))
    highest = max(map(max, qualities))
    if lowest >= _LOWEST_OF_PHRED_64 and highest > _HIGHEST_OF_PHRED_33:
        raise InputError(
            f"{uri} has Phred+64 qualities ({lowest!r} to {highest!r}), as of Illumina machines before 2011, "
            "and Phred+33 is wanted: convert it with `seqtk seq -Q64 -V FILE | gzip > NEW`"
        )
