"""Size and version of a stored file, known without reading it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileStat:
    """A file at one moment: as long as size and stamp are the same, it has not been rewritten.

    Attributes:
        size: Bytes.
        stamp: Local: the modification time in nanoseconds. Remote: the ETag, or if there is none the modification time.
        etag: The remote file's ETag, or None.
    """

    size: int
    stamp: str
    etag: str | None = None
