import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.reference import Contig, fasta_name, parse_fai


def test_the_index_of_samtools_is_read(tmp_path: Path):
    fasta = tmp_path / "two.fa"
    fasta.write_text(">first some words\nACGTA\nCG\n>second\nAC\n")
    subprocess.run(["samtools", "faidx", fasta], check=True)
    assert parse_fai((tmp_path / "two.fa.fai").read_text()) == (Contig("first", 7), Contig("second", 2))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no contig"),
        ("chr1\t0\t6\t0\t0\n", "line 1"),
        ("chr1\t7\t6\t5\t6\nchr2\n", "line 2"),
        ("chr1\tseven\t6\t5\t6\n", "line 1"),
        ("\t7\t6\t5\t6\n", "line 1"),
        ("chr1\t7\t6\t5\t6\nchr1\t7\t20\t5\t6\n", "contig chr1 twice"),
    ],
)
def test_what_is_no_index_is_refused(text: str, said: str):
    with pytest.raises(InputError, match=said):
        parse_fai(text)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str):
    with suppress(InputError):
        assert all(contig.length > 0 for contig in parse_fai(text))


def test_a_contig_has_bases():
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
def test_a_reference_is_called_by_its_stem(uri: str, name: str):
    assert fasta_name(uri) == name


@pytest.mark.parametrize(
    "uri", ["/ref/genome.2bit", "/ref/genome", "/ref/my genome.fa", "/ref/.fa", "/ref/-x.fa", "/ref/genome.fa.zip"]
)
def test_what_is_not_named_as_a_fasta_is_refused(uri: str):
    with pytest.raises(InputError, match="is not the name of a reference") as caught:
        fasta_name(uri)
    assert uri in str(caught.value)
