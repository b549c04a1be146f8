"""Builders of records, headers and lanes, so that a test states only the values it is about."""

import gzip
import subprocess
from random import Random

from bioinfo_assets.genomics.fastq import FastqHead, read_head
from bioinfo_assets.genomics.sample import Lane


def record(name: str = "SIM:1:FC1:4:1101:10:20", sequence: str = "ACGTA", quality: str | None = None) -> str:
    return f"@{name}\n{sequence}\n+\n{'I' * len(sequence) if quality is None else quality}\n"


def gz(text: str) -> bytes:
    return gzip.compress(text.encode("latin-1"), mtime=0)


def head(*names: str, uri: str = "/reads/expt_FC1_L4_1.fastq.gz", complete: bool = False) -> FastqHead:
    return read_head(uri, gz("".join(record(name) for name in names)), complete=complete)


def lane(
    flowcell: str = "FC1", number: int = 4, *, library: str = "expt", barcode: str | None = None, at: str = "/reads"
) -> Lane:
    stem = f"{at}/{library}_{flowcell}_L{number}"
    return Lane(flowcell, number, f"{stem}_1.fastq.gz", f"{stem}_2.fastq.gz", library, barcode)


def bgzip(text: str) -> bytes:
    return subprocess.run(["bgzip", "-c"], input=text.encode(), stdout=subprocess.PIPE, check=True).stdout


def random_source(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - the data must be reproducible
