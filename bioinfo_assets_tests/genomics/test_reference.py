import gzip
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.reference import Contig, contigs_of_fasta, fasta_name, parse_fai
from bioinfo_assets_tests.data_sets import na12878


def test_an_index_of_samtools_is_parsed(tmp_path: Path) -> None:
    fasta = tmp_path / "two.fa"
    fasta.write_text(">first some words\nACGTA\nCG\n>second\nAC\n")
    subprocess.run(["samtools", "faidx", fasta], check=True)
    assert parse_fai((tmp_path / "two.fa.fai").read_text()) == (Contig("first", 7), Contig("second", 2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no contig"),
        ("chr1\t0\t6\t0\t0\n", "line 1"),
        ("chr1\t7\t6\t5\t6\nchr2\n", "line 2"),
        ("chr1\tseven\t6\t5\t6\n", "line 1"),
        ("\t7\t6\t5\t6\n", "line 1"),
        ("chr1\t7\t6\t5\t6\nchr1\t7\t20\t5\t6\n", "contig chr1 twice"),
    ],
)
def test_a_malformed_index_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_fai(text)


@given(st.text(max_size=80))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with suppress(InputError):
        assert all(contig.length > 0 for contig in parse_fai(text))


def test_a_contig_without_bases_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one base"):
        Contig("chr1", 0)


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("https://hgdownload.soe.ucsc.edu/goldenPath/hg38/chromosomes/chr22.fa.gz", "chr22.fa"),
        ("/ref/genome.fa", "genome.fa"),
        ("s3://b/Homo_sapiens_assembly38.fasta", "Homo_sapiens_assembly38.fa"),
        ("gs://b/GRCh38.p14.fna.bgz", "GRCh38.p14.fa"),
    ],
)
def test_a_reference_is_named_by_its_stem(uri: str, name: str) -> None:
    assert fasta_name(uri) == name


@pytest.mark.parametrize(
    "uri", ["/ref/genome.2bit", "/ref/genome", "/ref/my genome.fa", "/ref/.fa", "/ref/-x.fa", "/ref/genome.fa.zip"]
)
def test_a_name_without_the_suffix_of_a_fasta_is_refused(uri: str) -> None:
    with pytest.raises(InputError, match="is not the name of a reference") as caught:
        fasta_name(uri)
    assert uri in str(caught.value)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "genome.fa"
    path.write_bytes(text.encode())
    return path


def test_names_end_at_the_first_blank_and_lengths_are_summed_over_lines(tmp_path: Path) -> None:
    path = write(tmp_path, ">chr1 of 7\nACGTA\nCG\n>chr2\tx\r\nNNN\r\n")
    assert contigs_of_fasta(path) == (Contig("chr1", 7), Contig("chr2", 3))


def test_the_contig_of_a_real_reference_is_read() -> None:
    """The revised Cambridge Reference Sequence has 16,569 bases."""
    assert [contig.length for contig in contigs_of_fasta(na12878().reference)] == [16569]


@given(
    st.lists(st.text("ACGTN", min_size=1, max_size=130), min_size=1, max_size=5),
    st.integers(1, 70),
    st.sampled_from([None, 1, 9]),
)
def test_contigs_are_read_for_any_line_width_and_compression(
    tmp_path_factory: pytest.TempPathFactory, sequences: list[str], width: int, level: int | None
) -> None:
    lines = [
        line
        for number, bases in enumerate(sequences)
        for line in (f">c{number}", *(bases[start : start + width] for start in range(0, len(bases), width)))
    ]
    data = "".join(f"{line}\n" for line in lines).encode()
    path = tmp_path_factory.mktemp("fasta") / "genome.fa"
    path.write_bytes(data if level is None else gzip.compress(data, level))
    assert contigs_of_fasta(path) == tuple(Contig(f"c{number}", len(bases)) for number, bases in enumerate(sequences))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no bases"),
        (">chr1\n", "no bases in chr1"),
        ("ACGT\n", "not a FASTA"),
        (">\nACGT\n", "without a name"),
        (">chr1\nA\n>chr1\nC\n", "chr1 twice"),
    ],
)
def test_an_unusable_fasta_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        contigs_of_fasta(write(tmp_path, text))


def test_bytes_after_the_gzip_stream_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "genome.fa.gz"
    path.write_bytes(gzip.compress(b">chr1\nACGT\n") + b"trailing bytes")
    with pytest.raises(InputError, match=r"bytes after its gzip stream.*compress it again"):
        contigs_of_fasta(path)


def test_a_truncated_fasta_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "genome.fa.gz"
    path.write_bytes(gzip.compress(b">chr1\n" + b"ACGTTGCA" * 1000)[:-12])
    with pytest.raises(InputError, match="truncated or damaged"):
        contigs_of_fasta(path)
