"""Check that a ready-made index of bwa or bwa-mem2 belongs to a FASTA and is complete.

The forms of the files are those that bwa 0.7.17 (bntseq.c, bwt.c) and bwa-mem2 2.2 (FMI_search.cpp) write.

This file uses the standard library only, and nothing of this project: its source is part of the script that indexes a
reference, where `python3 -c SOURCE FASTA INDEX` ends with a message if the index is not that of the FASTA. The FASTA
has its `.fai`, and INDEX is the path of the index files without their suffixes.
"""

import re
import struct
import sys
from collections.abc import Callable, Iterator
from itertools import accumulate, zip_longest
from pathlib import Path
from typing import BinaryIO, Final

_BLOCK: Final = 4 * 1024 * 1024
_NAME: Final = re.compile(rb">[^\n]*\n?")
_AMBIGUOUS: Final = 4
_CODES: Final = bytes(b"ACGT".find(byte) % (_AMBIGUOUS + 1) for byte in bytes(range(256)).upper())
"""A, C, G and T as 0 to 3, and all other letters as 4: the index has a random base in their place."""

_UNPACKED: Final = tuple(bytes(byte >> shift & 3 for shift in (6, 4, 2, 0)) for byte in range(256))
"""The four bases in each byte of a `.pac`."""


def check_index(fasta: Path, index: str) -> None:
    """Check the contigs and bases of an index, and the sizes of its files.

    Raises:
        ValueError: it is of another FASTA, or damaged.
    """
    length = _check_contigs(Path(f"{fasta}.fai"), Path(f"{index}.ann"))
    _check_size(f"{index}.pac", length // 4 + 2)
    is_mem2 = Path(f"{index}.0123").exists()
    if is_mem2:
        _check_size(f"{index}.0123", 2 * length)
    with Path(f"{index}.{'0123' if is_mem2 else 'pac'}").open("rb") as file:
        counts = _compare_bases(fasta, length, file.read if is_mem2 else _unpacking(file))
    # Both strands are indexed, so that there are as many A as T, and as many C as G.
    both = (counts[0] + counts[3], counts[1] + counts[2], counts[2] + counts[1], counts[3] + counts[0])
    header = tuple(accumulate(both))
    if is_mem2:
        rows = 2 * length + 1
        _check_header(f"{index}.bwt.2bit.64", "<6q", (rows, 0, *header))
        _check_size(f"{index}.bwt.2bit.64", 56 + 64 * ((rows >> 6) + 1) + 5 * ((rows >> 3) + 1))
    else:
        _check_header(f"{index}.bwt", "<8x4q", header)
        _check_size(f"{index}.bwt", 40 + 4 * ((2 * length + 15) // 16 + 8 * ((2 * length + 127) // 128 + 1)))
        _check_header(f"{index}.sa", "<8x4q", header)
        _check_size(f"{index}.sa", 56 + 8 * (2 * length // 32))


def _check_contigs(fai: Path, ann: Path) -> int:
    """Compare the names and lengths of the contigs, and return their total length."""
    own = [line.split("\t")[:2] for line in fai.read_text(encoding="utf-8").splitlines()]
    try:
        lines = ann.read_text(encoding="utf-8").splitlines()
        # After the first line each contig has two: its name after a number, and its length after its offset.
        theirs = [[lines[at].split()[1], lines[at + 1].split()[1]] for at in range(1, len(lines), 2)]
    except (IndexError, UnicodeDecodeError):
        raise ValueError(f"{ann} is not a file of an index of bwa or bwa-mem2") from None
    for at, (contig, other) in enumerate(zip_longest(own, theirs), start=1):
        if contig != other:
            raise ValueError(
                f"the index is of another reference: its contig {at} is {_describe(other)}, and that of {fai.stem} is "
                f"{_describe(contig)}"
            )
    return sum(int(length) for _, length in own)


def _describe(contig: list[str] | None) -> str:
    return f"{contig[0]} of {contig[1]} bases" if contig else "missing"


def _compare_bases(fasta: Path, length: int, read: Callable[[int], bytes]) -> list[int]:
    """Compare the bases of a FASTA with those that `read` returns, and count the A, C, G and T of the index."""
    counts, position = [0] * 4, 0
    for codes in _read_codes(fasta):
        bases = read(len(codes))
        if bases != codes and any(
            code not in (_AMBIGUOUS, base) for code, base in zip(codes, bases.ljust(len(codes), b"\5"), strict=True)
        ):
            raise ValueError(f"the index is of another reference: its bases differ from those of {fasta.name}")
        for base in range(4):
            counts[base] += bases.count(base)
        position += len(codes)
    if position != length:
        raise ValueError(f"{fasta.name}.fai is not the index of {fasta.name}")
    return counts


def _read_codes(fasta: Path) -> Iterator[bytes]:
    """Read the bases of all contigs as codes, in blocks whose length is a multiple of four, except for the last."""
    rest = b""
    is_in_name = False  # a line, also that of a name, may be longer than a block
    with fasta.open("rb") as file:
        while text := file.read(_BLOCK):
            if is_in_name:
                _, newline, text = text.partition(b"\n")
                is_in_name = not newline
            is_in_name = is_in_name or text.rfind(b">") > text.rfind(b"\n")
            block = rest + _NAME.sub(b"", text).translate(_CODES, b" \t\r\n")
            whole = len(block) // 4 * 4
            rest = block[whole:]
            yield block[:whole]
    yield rest


def _unpacking(file: BinaryIO) -> Callable[[int], bytes]:
    """A function that reads bases from a `.pac`; their number is a multiple of four, except for the last."""
    return lambda number: b"".join(map(_UNPACKED.__getitem__, file.read((number + 3) // 4)))[:number]


def _check_header(file: str, form: str, expected: tuple[int, ...]) -> None:
    with Path(file).open("rb") as stream:
        data = stream.read(struct.calcsize(form))
    if len(data) < struct.calcsize(form) or struct.unpack(form, data) != expected:
        raise ValueError(f"{Path(file).name} does not belong to the other files of the index")


def _check_size(file: str, expected: int) -> None:
    size = Path(file).stat().st_size
    if size != expected:
        raise ValueError(f"{Path(file).name} has {size:,} bytes instead of {expected:,}: copy it again")


def _main(fasta: str, index: str) -> None:
    try:
        check_index(Path(fasta), index)
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    _main(*sys.argv[1:])
