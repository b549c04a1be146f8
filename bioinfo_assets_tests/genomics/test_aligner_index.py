"""A ready-made index is used only if it is that of the FASTA, and whole."""

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bioinfo_assets.genomics import aligner_index
from bioinfo_assets.genomics.aligner_index import check_index
from bioinfo_assets_tests.steps.mem2_index import index_for_mem2

LINE = 60


def write_fasta(path: Path, sequences: dict[str, str]) -> Path:
    path.write_text(
        "".join(
            f">{name} of a test\n" + "".join(f"{bases[at : at + LINE]}\n" for at in range(0, len(bases), LINE))
            for name, bases in sequences.items()
        )
    )
    subprocess.run(["samtools", "faidx", str(path)], check=True)
    return path


def genome(seed: int = 1) -> dict[str, str]:
    """Two contigs with what is not A, C, G or T: N, an IUPAC code, and lower case."""
    rng = random.Random(seed)  # noqa: S311
    first, second = ("".join(rng.choices("ACGT", k=length)) for length in (1003, 777))
    return {"chr1": f"NNNNN{first[:400].lower()}R{first[400:]}", "chr2": second}


def index_for_bwa(fasta: Path, prefix: Path) -> None:
    subprocess.run(["bwa", "index", "-p", str(prefix), str(fasta)], capture_output=True, check=True)


@pytest.fixture(params=[index_for_bwa, index_for_mem2])
def make_index(request: pytest.FixtureRequest) -> Callable[[Path, Path], None]:
    maker: Callable[[Path, Path], None] = request.param
    return maker


@pytest.fixture
def index(tmp_path: Path, make_index: Callable[[Path, Path], None]) -> tuple[Path, Path]:
    fasta, prefix = write_fasta(tmp_path / "genome.fa", genome()), tmp_path / "index"
    make_index(fasta, prefix)
    return fasta, prefix


def test_the_index_of_the_fasta_is_accepted(index: tuple[Path, Path]) -> None:
    check_index(index[0], str(index[1]))


@pytest.mark.parametrize("block", [4, 7, 1000])
def test_lines_may_be_longer_than_what_is_read_at_once(
    index: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(aligner_index, "_BLOCK", block)
    check_index(index[0], str(index[1]))


def test_one_other_base_is_noticed(index: tuple[Path, Path], tmp_path: Path) -> None:
    sequences = genome()
    at = 700
    other = "A" if sequences["chr2"][at] != "A" else "C"
    sequences["chr2"] = sequences["chr2"][:at] + other + sequences["chr2"][at + 1 :]
    fasta = write_fasta(tmp_path / "other.fa", sequences)
    with pytest.raises(
        ValueError, match=r"^the index is of another reference: its bases differ from those of other\.fa$"
    ):
        check_index(fasta, str(index[1]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda contigs: contigs.pop("chr2"), "its contig 2 is chr2 of 777 bases, and that of other.fa is missing"),
        (
            lambda contigs: contigs.update(chr2=contigs["chr2"][:-1]),
            "its contig 2 is chr2 of 777 bases, and that of other.fa is chr2 of 776 bases",
        ),
        (
            lambda contigs: contigs.update(chr3="ACGT"),
            "its contig 3 is missing, and that of other.fa is chr3 of 4 bases",
        ),
    ],
)
def test_other_contigs_are_named(
    index: tuple[Path, Path], tmp_path: Path, change: Callable[[dict[str, str]], object], message: str
) -> None:
    sequences = genome()
    change(sequences)
    fasta = write_fasta(tmp_path / "other.fa", sequences)
    with pytest.raises(ValueError) as failure:
        check_index(fasta, str(index[1]))
    assert str(failure.value) == f"the index is of another reference: {message}"


def test_each_file_that_is_cut_off_is_named(index: tuple[Path, Path]) -> None:
    fasta, prefix = index
    for file in prefix.parent.glob("index.*"):
        if file.suffix in (".ann", ".amb"):
            continue
        whole = file.read_bytes()
        file.write_bytes(whole[:-1])
        with pytest.raises(ValueError) as failure:
            check_index(fasta, str(prefix))
        assert str(failure.value) == (
            f"{file.name} has {len(whole) - 1:,} bytes instead of {len(whole):,}: copy it again"
        )
        file.write_bytes(whole)


def test_a_file_of_another_index_is_noticed(
    index: tuple[Path, Path], tmp_path: Path, make_index: Callable[[Path, Path], None]
) -> None:
    """Same contigs and lengths, other bases: all sizes are equal."""
    fasta, prefix = index
    make_index(write_fasta(tmp_path / "other.fa", genome(seed=2)), tmp_path / "other")
    for suffix in ("bwt", "sa", "bwt.2bit.64"):
        file = Path(f"{prefix}.{suffix}")
        if file.exists():
            whole = file.read_bytes()
            file.write_bytes(Path(f"{tmp_path / 'other'}.{suffix}").read_bytes())
            with pytest.raises(ValueError, match=f"^{file.name} does not belong to the other files of the index$"):
                check_index(fasta, str(prefix))
            file.write_bytes(whole)


@pytest.mark.parametrize("content", ["", "12 1 11\n", "12 1 11\n0\n", "12 1 11\n0 chr1\n0 12"])
def test_an_ann_file_that_is_none_is_an_error(index: tuple[Path, Path], content: str) -> None:
    Path(f"{index[1]}.ann").write_text(content)
    with pytest.raises(ValueError):
        check_index(index[0], str(index[1]))
