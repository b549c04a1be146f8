"""Indexes of small genomes in the form of bwa-mem2, for the aligner bwa-mem3, whose package cannot make them.

The form is that of bwa-mem2 2.2 (FMI_search.cpp, FMI_search.h): a file of bases, and one with the Burrows-Wheeler
transform in blocks of 64 rows, the number of each base before each block, and every eighth row of the suffix array.
"""

import struct
import subprocess
from itertools import accumulate, pairwise
from pathlib import Path


def index_for_mem2(fasta: Path, prefix: Path) -> None:
    """Index a FASTA: `PREFIX.amb`, `.ann` and `.pac` are those of bwa."""
    subprocess.run(["bwa", "index", "-p", str(prefix), str(fasta)], capture_output=True, check=True)
    length = int(Path(f"{prefix}.ann").read_text().split()[0])
    packed = Path(f"{prefix}.pac").read_bytes()
    forward = bytes(packed[at >> 2] >> ((~at & 3) << 1) & 3 for at in range(length))
    bases = forward + bytes(3 - base for base in reversed(forward))
    Path(f"{prefix}.0123").write_bytes(bases)
    Path(f"{prefix}.bwt.2bit.64").write_bytes(_transform(bases))
    for suffix in ("bwt", "sa"):
        Path(f"{prefix}.{suffix}").unlink()


def _transform(bases: bytes) -> bytes:
    suffixes = [len(bases), *_suffix_array(bases)]
    rows = [bases[at - 1] if at else 4 for at in suffixes]
    parts = [struct.pack("<6q", len(rows), 0, *accumulate(bases.count(base) for base in range(4)))]
    seen = [0, 0, 0, 0]
    for start in range(0, len(rows), 64):
        block = rows[start : start + 64]
        bits = (int("".join("01"[row == base] for row in block).ljust(64, "0"), 2) for base in range(4))
        parts.append(struct.pack("<4q4Q", *seen, *bits))
        seen = [before + block.count(base) for base, before in enumerate(seen)]
    samples = suffixes[::8]
    parts += [bytes(at >> 32 for at in samples), struct.pack(f"<{len(samples)}I", *samples)]
    return b"".join([*parts, struct.pack("<q", suffixes.index(0))])


def _suffix_array(text: bytes) -> list[int]:
    """The starts of the suffixes in their order, by prefix doubling (Manber and Myers, 1993)."""
    keys: list[bytes] | list[tuple[int, int]] = [text[at : at + 32] for at in range(len(text))]
    width = 32
    while True:
        order = sorted(range(len(text)), key=keys.__getitem__)
        ranks = [0] * len(text)
        for before, at in pairwise(order):
            ranks[at] = ranks[before] + (keys[before] != keys[at])
        if ranks[order[-1]] == len(text) - 1:
            return order
        keys = [(rank, ranks[at + width] if at + width < len(text) else -1) for at, rank in enumerate(ranks)]
        width *= 2
