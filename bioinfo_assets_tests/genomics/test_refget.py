import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.genomics import refget
from bioinfo_assets.genomics.refget import (
    SequenceDigests,
    canonical_json,
    digests_of_fasta,
    level0,
    level1,
    sha512t24u,
    to_json,
)
from bioinfo_assets_tests.data_sets import na12878

X, ONE, TWO = (
    f"SQ.{digest}"
    for digest in (
        "iYtREV555dUFKg2_agSJW6suquUyPpMw",
        "YBbVX0dLKG1ieEDCiMmkrTZFt_Z5Vdaj",
        "AcLxtBuKEPk_7PGE_H4dGElwZHCujwH6",
    )
)
"""The identifiers of TTGGGGAA, GGAA and GCGC, the sequences in the tests of GA4GH's reference implementation."""


def write(folder: Path, *contigs: tuple[str, str]) -> Path:
    path = folder / "genome.fa"
    path.write_text("".join(f">{name}\n{bases}\n" for name, bases in contigs))
    return path


def read(path: Path) -> list[SequenceDigests]:
    return list(digests_of_fasta(path))


def test_the_digest_is_that_of_the_specification() -> None:
    """The example of Refget Sequences v2.0.0."""
    assert sha512t24u(b"ACGT") == "aKF498dAxcJAqme6QYQ7EZ07-fiw8Kw2"


@pytest.mark.parametrize(
    ("contigs", "collection", "names", "lengths", "sequences", "coordinates"),
    [
        (
            (("chrX", "TTGGGGAA"), ("chr1", "GGAA"), ("chr2", "GCGC")),
            "XZlrcEGi6mlopZ2uD8ObHkQB1d0oDwKk",
            "Fw1r9eRxfOZD98KKrhlYQNEdSRHoVxAG",
            "cGRMZIb3AVgkcAfNv39RN7hnT5Chk7RX",
            "0uDQVLuHaOZi1u76LjV__yrVUIz9Bwhr",
            "zjM1Ie9m0zFbqsAnZ6jAJSXuFpKTr40J",
        ),
        (  # other names
            (("X", "TTGGGGAA"), ("1", "GGAA"), ("2", "GCGC")),
            "QvT5tAQ0B8Vkxd-qFftlzEk2QyfPtgOv",
            "lrCv6NNXom7AC9tKFWqhcLLZsrcgJIqq",
            "cGRMZIb3AVgkcAfNv39RN7hnT5Chk7RX",
            "0uDQVLuHaOZi1u76LjV__yrVUIz9Bwhr",
            "1FQEGOQQ-m0NmZ0R-eeJEfnH1ayqJQ0T",
        ),
        (  # another order: the coordinate system is the same
            (("chr1", "GGAA"), ("chr2", "GCGC"), ("chrX", "TTGGGGAA")),
            "Tpdsg75D4GKCGEHtIiDSL9Zx-DSuX5V8",
            "dOAOfPGkf3wAf3CUsbjVTKhY9Wq2DL6f",
            "x5qpE4FtMkvlwpKIzvHs3a02Nex5tthp",
            "7t6Ulz6OeUWu6FBxntbvFKOl8w3icl2h",
            "zjM1Ie9m0zFbqsAnZ6jAJSXuFpKTr40J",
        ),
        (  # one fewer
            (("chrX", "TTGGGGAA"), ("chr1", "GGAA")),
            "sv7GIP1K0qcskIKF3iaBmQpaum21vH74",
            "iyNUhtfR0TALytlmxK1Zx1_q3frkZyAd",
            "7-_HdxYiRf-AJLBKOTaJUdxXrUkIXs6T",
            "3ZP38SZcoc9wN7jsRyNSP9mQ1a3TUoUF",
            "AvGYsdgtJpTLKYil3eLddJxwrE5OfKhE",
        ),
    ],
)
def test_digests_are_those_of_published_collections(
    tmp_path: Path,
    contigs: Sequence[tuple[str, str]],
    collection: str,
    names: str,
    lengths: str,
    sequences: str,
    coordinates: str,
) -> None:
    """github.com/refgenie/refget, test_fasta/test_fasta_digests.json."""
    attributes = level1(read(write(tmp_path, *contigs)))
    assert attributes == {
        "names": names,
        "lengths": lengths,
        "sequences": sequences,
        "sorted_name_length_pairs": coordinates,
    }
    assert level0(attributes) == collection


def test_the_digest_is_that_of_the_tutorial_of_the_specification() -> None:
    """ga4gh.github.io/refget/seqcols/digest_from_collection: three names with identifiers of an older form."""
    rows = (
        ("chr1", 248956422, "SQ.2648ae1bacce4ec4b6cf337dcae37816"),
        ("chr2", 133797422, "SQ.907112d17fcb73bcab1ed1c72b97ce68"),
        ("chr3", 135086622, "SQ.1511375dc2dd1b633af8cf439ae90cec"),
    )
    contigs = [SequenceDigests(name, length, "", identifier) for name, length, identifier in rows]
    assert level0(level1(contigs)) == "KxZO6qIbVNCIKtQj0WR3fwzg2rsJLlC3"


def test_m5_is_computed_from_letters_in_upper_case(tmp_path: Path) -> None:
    """The example of section 1.3.2 of the SAM specification, without its characters that are not letters."""
    (contig,) = read(write(tmp_path, ("one", "ACGT ACGT ACGT\nacgt acgt acgt")))
    assert contig.md5 == hashlib.md5(b"ACGT" * 6, usedforsecurity=False).hexdigest()
    assert contig.length == 24


def test_m5_of_the_revised_cambridge_reference() -> None:
    """The M5 of chrM in dictionaries of GRCh38."""
    (contig,) = read(na12878().reference)
    assert (contig.name, contig.length, contig.md5) == ("chrM", 16569, "c68f52674c9fb33aef52dcf399755519")


def test_names_end_at_the_first_blank_and_all_letters_are_hashed(tmp_path: Path) -> None:
    contigs = read(write(tmp_path, ("chrX a > b", "TTGGGGAA"), ("chr1\tx", "ggaa"), ("chr2", "NRYK")))
    assert [contig.name for contig in contigs] == ["chrX", "chr1", "chr2"]
    assert [contig.refget for contig in contigs] == [X, ONE, f"SQ.{sha512t24u(b'NRYK')}"]


@given(
    st.lists(st.text("ACGTNacgtn", min_size=1, max_size=130), min_size=1, max_size=5),
    st.integers(1, 70),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 200),
)
def test_digests_do_not_depend_on_lines_and_blocks(
    tmp_path_factory: pytest.TempPathFactory, sequences: list[str], width: int, end: str, block: int
) -> None:
    path = tmp_path_factory.mktemp("fasta") / "genome.fa"
    lines = [
        line
        for number, bases in enumerate(sequences)
        for line in (f">c{number}", *(bases[start : start + width] for start in range(0, len(bases), width)))
    ]
    path.write_bytes("".join(f"{line}{end}" for line in lines).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refget, "_BLOCK", block)
        contigs = read(path)
    letters = [bases.upper().encode() for bases in sequences]
    assert [contig.md5 for contig in contigs] == [
        hashlib.md5(sequence, usedforsecurity=False).hexdigest() for sequence in letters
    ]
    assert [contig.refget for contig in contigs] == [f"SQ.{sha512t24u(sequence)}" for sequence in letters]
    assert [contig.length for contig in contigs] == [len(sequence) for sequence in letters]


@pytest.mark.parametrize(("bases", "character"), [("ACG-T", "-"), ("AC*", "*"), ("AC1", "1"), ("ACé", "Ã")])
def test_a_character_that_is_not_a_letter_is_an_error(tmp_path: Path, bases: str, character: str) -> None:
    with pytest.raises(ValueError, match=f"genome.fa has '[{character}]' in chr2, which is not a letter"):
        read(write(tmp_path, ("chr1", "ACGT"), ("chr2", bases)))


def test_the_json_has_the_collection_and_a_line_for_each_contig(tmp_path: Path) -> None:
    text = to_json(read(write(tmp_path, ("chrX", "TTGGGGAA"), ("chr1", "GGAA"), ("chr2", "GCGC"))))
    document = json.loads(text)
    assert document["seqcol"] == "XZlrcEGi6mlopZ2uD8ObHkQB1d0oDwKk"
    assert document["level1"]["sorted_name_length_pairs"] == "zjM1Ie9m0zFbqsAnZ6jAJSXuFpKTr40J"
    assert [(contig["name"], contig["length"], contig["refget"]) for contig in document["contigs"]] == [
        ("chrX", 8, X),
        ("chr1", 4, ONE),
        ("chr2", 4, TWO),
    ]
    assert sum("refget" in line for line in text.splitlines()) == 3


def test_canonical_json_follows_rfc_8785() -> None:
    """Keys are sorted, and there are no blanks and no unnecessary escapes."""
    assert canonical_json({"b": [1, 2], "a": 'é"\\\n'}) == '{"a":"é\\"\\\\\\n","b":[1,2]}'.encode()


def test_the_source_runs_without_the_project(tmp_path: Path) -> None:
    source = Path(refget.__file__).read_text()
    write(tmp_path, ("chr1", "GGAA"))
    command = [sys.executable, "-I", "-S", "-c", source, "genome.fa", "refget.json"]
    table = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, text=True).stdout
    assert table == f"chr1\t4\t{hashlib.md5(b'GGAA', usedforsecurity=False).hexdigest()}\t{ONE}\n"
    assert (tmp_path / "refget.json").read_text() == to_json(read(tmp_path / "genome.fa"))
