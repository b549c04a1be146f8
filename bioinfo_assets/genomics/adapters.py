"""Illumina's TruSeq adapters as they are read (Illumina Adapter Sequences, document 1000000002694)."""

from typing import Final

TRUSEQ_1: Final = "AGATCGGAAGAGCACACGTCTGAACTCCAGTCA"
"""What follows the insert in read 1."""

TRUSEQ_2: Final = "AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGT"
"""What follows the insert in read 2."""
