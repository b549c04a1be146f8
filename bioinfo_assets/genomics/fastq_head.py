"""The first records of a gzipped FASTQ: their checks, names and read groups.

Base qualities must be Phred+33, the encoding that every sequencer has written since Casava 1.8. Phred+64 files of
Illumina's earlier sequencers are recognised by qualities that nobody writes in Phred+33: all of Q26 and more, and the
highest of Q61 to Q73.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.gzipped import HOW_TO_REPAIR, inflate, is_gzip
from bioinfo_assets.genomics.read_name import MAX_NAME_LENGTH, ReadName, parse_read_name

HEAD_BYTES: Final = 256 * 1024
"""How many bytes of a gzipped FASTQ `read_head` needs for its thousand records, unless these are very long."""

_MAX_RECORDS: Final = 1000
_MAX_TEXT: Final = 8 * 1024 * 1024
_SEQUENCE: Final = re.compile(r"[A-Za-z.]+")
_QUALITY: Final = re.compile(r"[!-~]+")
_MIN_PHRED_64: Final = ";"  # Solexa's -5, the lowest score that was ever written with an offset of 64
_HIGHEST_OF_PHRED_64: Final = ("^", "j")
"""Q30 and Q42 with an offset of 64: the highest quality of a file's first records is between them."""

_TAG: Final = re.compile(r"[A-Za-z][A-Za-z0-9]:[AifZHB]:[ -~]*")
"""A tag of a SAM record (SAM specification, section 1.5)."""


@dataclass(frozen=True, slots=True)
class FastqHead:
    """The first records of a FASTQ.

    Attributes:
        uri: The file.
        reads: The parsed names of the first records, in their order; at least one, at most a thousand.
        complete: Whether these are all records of the file.
    """

    uri: str
    reads: tuple[ReadName, ...]
    complete: bool


def read_head(uri: str, data: bytes, *, complete: bool = False) -> FastqHead:
    """Parse and check the first records of a gzipped FASTQ.

    Args:
        uri: The file, for error messages.
        data: Its first `HEAD_BYTES` or so; the compressed stream may end anywhere.
        complete: Whether `data` is the complete file, so that a stream that ends too early is an error.

    Raises:
        InputError: The file is empty, not compressed with gzip, truncated or damaged; a record is malformed; or the
            qualities are Phred+64.
    """
    if not data:
        raise InputError(f"{uri} is empty: copy it again from its source, or leave its lane out")
    text, ended = _decompress(uri, data)
    if complete and not ended and len(text) < _MAX_TEXT:
        raise InputError(f"{uri} is not a complete gzip file: copy it again from its source")
    if not text and ended:
        raise InputError(f"{uri} holds no reads: copy it again from its source, or leave its lane out")
    records = list(_parse_records(uri, text, to_end=complete and ended))
    if not records:
        raise InputError(f"{uri} is not FASTQ: its first {len(data)} bytes hold no record of four lines")
    _check_phred_33(uri, [quality for _, quality in records])
    return FastqHead(
        uri=uri,
        reads=tuple(parse_read_name(header) for header, _ in records),
        complete=complete and len(records) < _MAX_RECORDS,
    )


def read_group_ids(data: bytes, records: int) -> tuple[str | None, ...]:
    r"""Return the unique read groups in the comments of a FASTQ's first records; None for a comment without one.

    `bwa mem -C` turns these comments into tags.

    Args:
        data: The first bytes of a gzipped file that `read_head` has accepted.
        records: How many records to read.

    >>> import gzip
    >>> read_group_ids(gzip.compress(b"@r1 RG:Z:FC1.4\nA\n+\nF\n@r2\nA\n+\nF\n"), records=2)
    ('FC1.4', None)
    """
    lines = inflate(data, max_bytes=_MAX_TEXT).data.decode("latin-1").split("\n")
    return tuple(dict.fromkeys(_read_group_id(header) for header in lines[: 4 * records : 4]))


def _read_group_id(header: str) -> str | None:
    """The read group, if the comment consists of tags alone: bwa would copy other words into the SAM record."""
    _, *comment = re.split(r"[ \t]", header, maxsplit=1)
    tags = comment[0].split("\t") if comment else []
    if not all(map(_TAG.fullmatch, tags)):
        return None
    return next((tag.removeprefix("RG:Z:") for tag in tags if tag.startswith("RG:Z:")), None)


def _decompress(uri: str, data: bytes) -> tuple[str, bool]:
    """Return the text of the first records, and whether a gzip stream ends with the data."""
    if not is_gzip(data):
        raise InputError(f"{uri} is not compressed with gzip: compress it with `gzip`")
    try:
        inflated = inflate(data, max_bytes=_MAX_TEXT)
    except zlib.error as error:
        raise InputError(f"{uri} is damaged within its gzip stream, or has bytes after it: {HOW_TO_REPAIR}") from error
    return inflated.data.decode("latin-1"), inflated.ended


def _parse_records(uri: str, text: str, *, to_end: bool) -> Iterator[tuple[str, str]]:
    """Check the complete records, yield their headers and qualities; `to_end`: the text reaches the end of the file."""
    lines = text.split("\n")
    rest = lines.pop()
    if rest and to_end:
        lines.append(rest)
    elif to_end:
        lines = _strip_blank_end(lines)
    lines = lines[: 4 * _MAX_RECORDS]
    for start in range(0, len(lines), 4):
        record = lines[start : start + 4]
        if len(record) == 4:
            yield _check_record(uri, start + 1, record)
        elif to_end:
            raise InputError(
                f"{uri} ends within a record, at line {start + len(record)}: copy it again from its source"
            )


def _strip_blank_end(lines: list[str]) -> list[str]:
    """Remove the blank lines after the last record; the last line of a record without bases is blank too."""
    end = len(lines)
    while end and not lines[end - 1] and (end % 4 or not any(lines[end - 4 : end])):
        end -= 1
    return lines[:end]


def _check_record(uri: str, line: int, record: list[str]) -> tuple[str, str]:
    header, sequence, plus, quality = record
    if header.endswith("\r"):
        raise InputError(f"{uri} has Windows line ends: rewrite it with `zcat FILE | tr -d '\\r' | gzip > NEW`")
    if not header.startswith("@") or not header[1:].strip() or header[1].isspace():
        raise InputError(f"{uri} is not FASTQ: line {line} should be '@' and a read's name, not {header[:40]!r}")
    if not plus.startswith("+"):
        raise InputError(f"{uri} is not FASTQ: line {line + 2} should begin with '+', not {plus[:40]!r}")
    if len(sequence) != len(quality):
        raise InputError(
            f"{uri} is malformed at line {line + 3}: {len(sequence)} bases have {len(quality)} qualities; "
            "copy it again from its source"
        )
    if not sequence:
        raise InputError(f"{uri} has a read without bases at line {line + 1}: remove such pairs with `cutadapt -m 1`")
    name = header[1:].split(maxsplit=1)[0]
    if len(name) > MAX_NAME_LENGTH:
        raise InputError(
            f"{uri} has a read name of {len(name)} characters at line {line}, and a BAM can hold {MAX_NAME_LENGTH}: "
            "shorten the names of its reads"
        )
    if not _SEQUENCE.fullmatch(sequence):
        raise InputError(
            f"{uri} has a character that is not a base at line {line + 1}: write unknown bases as N, or copy it again "
            "from its source"
        )
    if not _QUALITY.fullmatch(quality):
        raise InputError(
            f"{uri} has a character that is not a quality at line {line + 3}: copy it again from its source"
        )
    return header, quality


def _check_phred_33(uri: str, qualities: list[str]) -> None:
    lowest = min(map(min, qualities))
    highest = max(map(max, qualities))
    if lowest >= _MIN_PHRED_64 and _HIGHEST_OF_PHRED_64[0] <= highest <= _HIGHEST_OF_PHRED_64[1]:
        raise InputError(
            f"{uri} has Phred+64 qualities ({lowest!r} to {highest!r}), as of Illumina sequencers before 2011: "
            "convert it to Phred+33 with `seqtk seq -Q64 -V FILE | gzip > NEW`"
        )
