"""Files that expand, have no line ends, or lie about their lengths take neither much memory nor much time."""

import gzip
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics import bam_header, reference
from bioinfo_assets.genomics.bam_header import EOF_BLOCK, parse_bam_header
from bioinfo_assets.genomics.fastq_head import HEAD_BYTES, read_head
from bioinfo_assets.genomics.gzipped import inflate
from bioinfo_assets.genomics.known_sites import contigs_of_vcf
from bioinfo_assets.genomics.reference import Contig, contigs_of_fasta
from bioinfo_assets.pipeline import jobs
from bioinfo_assets.records import bam_files
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.genomics.builders import bgzip

MIB = 1024 * 1024
BOMB = gzip.compress(bytes(MIB), mtime=0)
"""A kibibyte that expands to a mebibyte; repeated, it is a gzip file of many members."""


@contextmanager
def memory_below(limit_mib: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit_mib * MIB, f"{peak / MIB:.0f} MiB"


@contextmanager
def cpu_time_below(seconds: float) -> Iterator[None]:
    started = time.process_time()
    yield
    assert time.process_time() - started < seconds


def test_the_head_of_a_fastq_that_expands_to_a_quarter_of_a_gigabyte() -> None:
    data = (BOMB * 300)[:HEAD_BYTES]
    assert len(data) == HEAD_BYTES
    with memory_below(64), pytest.raises(InputError, match="is not FASTQ"):
        read_head("/reads/expt_FC1_L4_1.fastq.gz", data)


def test_a_file_of_a_hundred_thousand_empty_blocks() -> None:
    """zlib copies what follows each member: 28 bytes at a time, that was the square of the file's size."""
    with cpu_time_below(5):
        assert inflate(EOF_BLOCK * 100_000, max_bytes=MIB).ended


def test_a_fasta_without_line_ends(tmp_path: Path) -> None:
    fasta = tmp_path / "genome.fa"
    with fasta.open("wb") as file:
        file.write(b">chr1\n")
        file.truncate(6 + 64 * MIB)
    with memory_below(8):
        assert contigs_of_fasta(fasta) == (Contig("chr1", 64 * MIB),)


def test_a_line_that_is_read_in_pieces_is_one_line(tmp_path: Path) -> None:
    """A piece may begin with the character of a name, or end before the line's end."""
    fasta = tmp_path / "genome.fa"
    for extra in range(4):
        bases = b"A" * (reference._PIECE - 1 + extra) + b">" + b"C" * 10
        fasta.write_bytes(b">chr1\n" + bases + b"\r\nACGT\n>chr2\nA")
        assert contigs_of_fasta(fasta) == (Contig("chr1", len(bases) + 4), Contig("chr2", 1))


def test_a_gzipped_fasta_that_expands_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "MAX_FASTA_TEXT", 8 * MIB)
    fasta = tmp_path / "genome.fa.gz"
    fasta.write_bytes(gzip.compress(b">chr1\n") + BOMB * 10)
    with memory_below(8), pytest.raises(InputError, match="more than 0 GiB of text: check that it is the FASTA"):
        contigs_of_fasta(fasta)


def test_a_fasta_of_nothing_but_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "MAX_CONTIGS", 1000)
    fasta = tmp_path / "genome.fa"
    fasta.write_text("".join(f">{number}\nA\n" for number in range(1001)))
    with pytest.raises(InputError, match="more than 1000 sequences"):
        contigs_of_fasta(fasta)


def test_a_sequence_name_of_megabytes(tmp_path: Path) -> None:
    fasta = tmp_path / "genome.fa"
    fasta.write_bytes(b">" + b"x" * MIB + b"\nACGT\n")
    with pytest.raises(InputError, match="a sequence name of more than 65536 bytes"):
        contigs_of_fasta(fasta)


@pytest.mark.parametrize(
    "fields",
    ["a" * 100_000, 'a="' * 30_000, "ID=" + "<" * 50_000, 'a="\\",' * 20_000],
    ids=["a key without an end", "quotes", "brackets", "escaped quotes"],
)
def test_a_contig_line_of_a_vcf_that_takes_no_longer_than_its_length(fields: str) -> None:
    vcf = f"##fileformat=VCFv4.2\n##contig=<{fields}>\n##contig=<ID=chr1,length=9>\n#CHROM\n"
    with cpu_time_below(2):
        contigs = contigs_of_vcf("/data/sites.vcf.gz", bgzip(vcf), complete=True)
    assert contigs is not None
    assert contigs["chr1"] == 9


def test_a_bam_of_empty_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bam_files, "MAX_HEADER_BYTES", MIB)
    bam = tmp_path / "x.bam"
    bam.write_bytes(EOF_BLOCK * 50_000)
    with memory_below(16), pytest.raises(InputError, match="no complete header in its first 1 MiB"):
        bam_files.read_bam_header(Store(), str(bam))


def test_a_vcf_of_empty_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_MAX_HEADER_BYTES", MIB)
    vcf = tmp_path / "x.vcf.gz"
    vcf.write_bytes(EOF_BLOCK * 50_000)
    with memory_below(16), pytest.raises(InputError, match="no complete header in its first 1 MiB"):
        jobs.vcf_contigs(Store(), str(vcf))


def test_a_bam_whose_header_expands_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bam_header, "MAX_HEADER", 4 * MIB)
    begin = bgzip("BAM\x01")[: -len(EOF_BLOCK)]
    length = gzip.compress((0x7FFFFFFF).to_bytes(4, "little"))
    with memory_below(32), pytest.raises(InputError, match="a header of more than 4 MiB"):
        parse_bam_header("/data/x.bam", begin + length + BOMB * 100, complete=False)


@pytest.mark.parametrize("length", [0x7FFFFFFF, -1])
def test_a_bam_that_lies_about_its_lengths(length: int) -> None:
    data = bgzip("BAM\x01")[: -len(EOF_BLOCK)] + gzip.compress(length.to_bytes(4, "little", signed=True) + b"@HD")
    with memory_below(8), pytest.raises(InputError, match=r"its header"):
        parse_bam_header("/data/x.bam", data, complete=True)
