"""The first bytes of gzipped files: plain gzip, and the blocked gzip of bgzip (SAM specification, section 4.1)."""

import re
import zlib
from dataclasses import dataclass
from typing import Final

_MAGIC: Final = b"\x1f\x8b\x08"
_HAS_EXTRA_FIELD: Final = 4
_HEADER: Final = 12
_PADDING: Final = re.compile(rb"\0*")
_PIECE: Final = 4 * 1024
"""Bytes that are given to zlib at once: it copies what follows the end of a member, so a large file of many members
would otherwise take the square of its size."""

HOW_TO_REPAIR: Final = (
    "if it is complete, compress it again with `gzip -dc FILE | gzip > NEW`, otherwise copy it again from its source"
)
"""What to do with a file that has other bytes after a gzip stream: trailing ones look like damage."""


@dataclass(frozen=True, slots=True)
class Inflated:
    """The uncompressed beginning of a gzipped file.

    Attributes:
        data: The uncompressed bytes.
        ended: Whether a gzip stream ends with the last compressed byte, so that these may be a complete file.
    """

    data: bytes
    ended: bool


def is_gzip(data: bytes) -> bool:
    """Whether these are the first bytes of a gzipped file."""
    return data.startswith(_MAGIC)


def is_bgzf(data: bytes) -> bool:
    """Whether these are the first bytes of a BGZF file: its gzip header has the extra field `BC`."""
    if not is_gzip(data) or len(data) < _HEADER or not data[3] & _HAS_EXTRA_FIELD:
        return False
    extra = data[_HEADER : _HEADER + int.from_bytes(data[10:12], "little")]
    while len(extra) >= 4:
        length = int.from_bytes(extra[2:4], "little")
        if extra.startswith(b"BC") and length == 2:
            return True
        extra = extra[4 + length :]
    return False


def inflate(data: bytes, *, max_bytes: int) -> Inflated:
    """Decompress the first bytes of a gzipped file of one or more members; they may end anywhere.

    Args:
        data: The file's first bytes.
        max_bytes: The maximal length of the result.

    Raises:
        zlib.error: The bytes are damaged, or not gzipped.

    >>> import gzip
    >>> members = gzip.compress(b"one ") + gzip.compress(b"file")
    >>> inflate(members, max_bytes=100)
    Inflated(data=b'one file', ended=True)
    >>> inflate(members[:-1], max_bytes=100).ended
    False
    """
    if not data:
        return Inflated(b"", ended=True)
    result = bytearray()
    stream, position = _new_stream(), 0
    while position < len(data) and len(result) < max_bytes:
        piece = data[position : position + _PIECE]
        result += stream.decompress(piece, max_bytes - len(result))
        position += len(piece) - len(stream.unused_data)
        if stream.eof:
            position = _end_of_padding(data, position)
            if position == len(data):
                return Inflated(bytes(result), ended=True)
            stream = _new_stream()
        else:
            position -= len(stream.unconsumed_tail)
    return Inflated(bytes(result), ended=False)


def _new_stream() -> "zlib._Decompress":
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)


def _end_of_padding(data: bytes, position: int) -> int:
    """Where the next member begins: block devices and tapes pad files with zeros, which gzip ignores too."""
    match = _PADDING.match(data, position)
    return match.end() if match else position
