"""Texts of two samples, compared without regard to their names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.provenance.sample_agnostic_diff import SamplePair

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,8}", fullmatch=True)
TEXTS = st.lists(st.text("#$ /=\n'", min_size=1))


@given(NAMES, NAMES, TEXTS)
def test_texts_that_differ_in_the_names_only_are_alike(one: str, other: str, between: list[str]) -> None:
    assert SamplePair(one, other).alike(one.join(between), other.join(between))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cp a.bam x", "cp b.bam y"),
        ("max_n=0.1", "max_n=0.2"),
        (["@RG SM:a LB:a"], ["@RG SM:b LB:library"]),
        (["a"], ["b", "b"]),
        (0.1, 0.2),
        ("a", None),
    ],
)
def test_what_differs_beside_the_names_is_not_alike(one: object, other: object) -> None:
    assert not SamplePair("a", "b").alike(one, other)


def test_a_sample_may_be_called_as_a_word_of_scripts_is() -> None:
    assert SamplePair("a", "b").alike("depth -a a.bam | tabix -b 2", "depth -a b.bam | tabix -b 2")
    names = SamplePair("bam", "expt")
    assert names.alike("sort bam.bam > bam.sorted.bam", "sort expt.bam > expt.sorted.bam")
    assert names.file("bam.aln.bam", "bam") == names.file("expt.aln.bam", "expt") == "SAMPLE.aln.bam"


def test_names_within_words_and_names_of_one_sample_are_left_alone() -> None:
    assert SamplePair("a", "b").alike("cat a.fastq a_1 tail", "cat b.fastq b_1 tail")
    assert not SamplePair("a", "b").alike("tail", "tbil")
    assert not SamplePair("a", "a").alike("cat a", "cat b")


def test_lines_that_differ_by_the_names_are_matched() -> None:
    lines, others = ["depth -a", "cat a.bam", "x=1"], ["depth -a", "cat b.bam", "cat c.bam"]
    assert SamplePair("a", "b").matched(lines, others) == ["depth -a", "cat a.bam", "cat c.bam"]


def test_of_lists_what_only_one_has_is_told() -> None:
    assert SamplePair("a", "b").told(["a", "x", "y"], ["b", "y", "z"]) == ('["x"]', '["z"]')
    assert SamplePair("a", "a").told([1, 2], [2, 1]) == ("[1, 2]", "[2, 1]")
    assert SamplePair("a", "a").told(2500, "100") == ("2500", "100")
