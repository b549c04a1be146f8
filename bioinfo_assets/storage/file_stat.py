"""What is known of a stored file without reading it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileStat:
    """A file at one moment: one with the same size and stamp has not been rewritten since.

    Attributes:
        size: Bytes.
        stamp: Local: the time of its last change in nanoseconds. Remote: its ETag, or where there is none the time of
            its last change.
        etag: The remote store's name for its content, or None.
    """

    size: int
    stamp: str
    etag: str | None = None
