import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.fasta import contigs_of_fasta
from bioinfo_assets.genomics.reference import Contig
from bioinfo_assets_tests.data_sets import na12878


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "genome.fa"
    path.write_bytes(text.encode())
    return path


def test_names_end_at_the_first_blank_and_lines_add_up(tmp_path: Path) -> None:
    path = write(tmp_path, ">chr1 of 7\nACGTA\nCG\n>chr2\tx\r\nNNN\r\n")
    assert contigs_of_fasta(path) == (Contig("chr1", 7), Contig("chr2", 3))


def test_a_real_reference() -> None:
    """The revised Cambridge Reference Sequence has 16,569 bases."""
    assert [contig.length for contig in contigs_of_fasta(na12878().reference)] == [16569]


@given(
    st.lists(st.text("ACGTN", min_size=1, max_size=130), min_size=1, max_size=5),
    st.integers(1, 70),
    st.sampled_from([None, 1, 9]),
)
def test_any_line_width_and_compression(
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
    ("text", "said"),
    [
        ("", "no bases"),
        (">chr1\n", "no bases in chr1"),
        ("ACGT\n", "not a FASTA"),
        (">\nACGT\n", "without a name"),
        (">chr1\nA\n>chr1\nC\n", "chr1 twice"),
    ],
)
def test_what_is_no_reference(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        contigs_of_fasta(write(tmp_path, text))


def test_a_reference_that_is_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "genome.fa.gz"
    path.write_bytes(gzip.compress(b">chr1\n" + b"ACGTTGCA" * 1000)[:-12])
    with pytest.raises(InputError, match="cut short"):
        contigs_of_fasta(path)
