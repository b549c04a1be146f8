"""The contigs of a FASTA, read from the file itself before it has an index."""

import gzip
import zlib
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.gzipped import is_gzip
from bioinfo_assets.genomics.reference import Contig

MAX_BYTES: Final = 256 * 1024 * 1024
"""A larger file takes longer to read than a user wants to wait before anything starts."""


def contigs_of_fasta(path: Path) -> tuple[Contig, ...]:
    """Reads the contigs of a FASTA, plain or gzipped, in their order.

    Raises:
        InputError: it is no FASTA, is cut short, or names one contig twice.
    """
    with path.open("rb") as file:
        opened = gzip.open if is_gzip(file.read(16)) else open
    lengths: dict[str, int] = {}
    try:
        with opened(path, "rb") as file:
            name = ""
            for line in file:
                if line.startswith(b">"):
                    name = _new_name(path, line, lengths)
                elif name:
                    lengths[name] += len(line.rstrip())
                elif line.strip():
                    raise InputError(f"{path} is not a FASTA: its first line should begin with '>'")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is cut short or damaged: copy it again from where it came") from error
    empty = next((name for name, length in lengths.items() if not length), None)
    if empty or not lengths:
        raise InputError(f"{path} has no bases{f' in {empty}' if empty else ''}: give a FASTA of whole sequences")
    return tuple(Contig(name, length) for name, length in lengths.items())


def _new_name(path: Path, line: bytes, lengths: dict[str, int]) -> str:
    words = line[1:].split()
    name = words[0].decode("utf-8", errors="replace") if words else ""
    if not name or name in lengths:
        problem = f"has contig {name} twice" if name else "has a sequence without a name"
        raise InputError(f"{path} {problem}: give each sequence a name of its own")
    lengths[name] = 0
    return name
