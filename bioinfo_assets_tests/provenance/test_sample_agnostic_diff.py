"""Texts of two samples are compared without regard to the samples' pair."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.provenance.sample_agnostic_diff import SamplePair

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,8}", fullmatch=True)
TEXTS = st.lists(st.text("#$ /=\n'", min_size=1))


@given(NAMES, NAMES, TEXTS)
def test_texts_that_differ_only_in_the_names_are_equivalent(first: str, second: str, between: list[str]) -> None:
    assert SamplePair(first, second).are_equivalent(first.join(between), second.join(between))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("cp a.bam x", "cp b.bam y"),
        ("max_n=0.1", "max_n=0.2"),
        (["@RG SM:a LB:a"], ["@RG SM:b LB:library"]),
        (["a"], ["b", "b"]),
        (0.1, 0.2),
        ("a", None),
    ],
)
def test_values_that_differ_in_more_than_the_names_are_not_equivalent(first: object, second: object) -> None:
    assert not SamplePair("a", "b").are_equivalent(first, second)


def test_a_sample_may_have_the_name_of_a_word_in_scripts() -> None:
    assert SamplePair("a", "b").are_equivalent("depth -a a.bam | tabix -b 2", "depth -a b.bam | tabix -b 2")
    pair = SamplePair("bam", "expt")
    assert pair.are_equivalent("sort bam.bam > bam.sorted.bam", "sort expt.bam > expt.sorted.bam")
    assert pair.common_name("bam.aln.bam", "bam") == pair.common_name("expt.aln.bam", "expt") == "SAMPLE.aln.bam"


def test_long_lists_are_not_compared_in_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a report on ten thousand samples differ by a few."""
    compared = []
    are_equivalent = SamplePair.are_equivalent

    def count(pair: SamplePair, first: object, second: object) -> bool:
        compared.append(first)
        return are_equivalent(pair, first, second)

    monkeypatch.setattr(SamplePair, "are_equivalent", count)
    names = [f"sample{number}" for number in range(1000)]
    assert SamplePair("multiqc", "multiqc").render(names, [*names[:-1], "other"]) == ('["sample999"]', '["other"]')
    assert len(compared) < 3 * len(names)


def test_names_within_words_and_names_of_the_same_sample_are_not_replaced() -> None:
    assert SamplePair("a", "b").are_equivalent("cat a.fastq a_1 tail", "cat b.fastq b_1 tail")
    assert not SamplePair("a", "b").are_equivalent("tail", "tbil")
    assert not SamplePair("a", "a").are_equivalent("cat a", "cat b")


def test_lines_that_differ_only_in_the_names_are_aligned() -> None:
    first, second = ["depth -a", "cat a.bam", "x=1"], ["depth -a", "cat b.bam", "cat c.bam"]
    assert SamplePair("a", "b").align_lines(first, second) == ["depth -a", "cat a.bam", "cat c.bam"]


def test_lists_are_rendered_by_the_items_that_differ() -> None:
    assert SamplePair("a", "b").render(["a", "x", "y"], ["b", "y", "z"]) == ('["x"]', '["z"]')
    assert SamplePair("a", "a").render([1, 2], [2, 1]) == ("[1, 2]", "[2, 1]")
    assert SamplePair("a", "a").render(2500, "100") == ("2500", "100")
