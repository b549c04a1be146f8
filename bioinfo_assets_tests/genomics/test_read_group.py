import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.read_group import (
    PLATFORMS,
    ReadGroup,
    check_platform,
    escape_for_bwa,
    read_groups_of,
)
from bioinfo_assets.genomics.sample import Sample
from bioinfo_assets_tests.data_sets import na12878
from bioinfo_assets_tests.genomics.builders import lane

VALUE = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=20)


def group(*, id: str = "FC1.4", sample: str = "expt", library: str = "expt", unit: str = "FC1.4") -> ReadGroup:  # noqa: A002
    return ReadGroup(id, sample, library, "ILLUMINA", unit)


def test_a_header_line_has_tags_and_values_separated_by_tabs() -> None:
    assert group().header_line() == "@RG\tID:FC1.4\tSM:expt\tLB:expt\tPL:ILLUMINA\tPU:FC1.4"


def test_a_comment_is_a_tag_with_the_id() -> None:
    assert group().comment() == "RG:Z:FC1.4"


@given(library=VALUE)
def test_a_header_line_is_one_line_of_six_fields(library: str) -> None:
    line = group(library=library).header_line()
    assert len(line.splitlines()) == 1
    assert line.split("\t")[3] == f"LB:{library}"


@pytest.mark.parametrize("value", ["", "a\tb", "a\nb", "a\r", "\x00", "é"])
def test_a_value_that_would_break_the_header_is_refused(value: str) -> None:
    with pytest.raises(InputError, match="is not a valid LB"):
        group(library=value)


@pytest.mark.parametrize("text", ["illumina", "Illumina", "ILLUMINA"])
def test_a_platform_is_in_upper_case(text: str) -> None:
    assert check_platform(text) == "ILLUMINA"


def test_the_platforms_are_those_of_the_sam_specification() -> None:
    assert len(PLATFORMS) == 12
    assert {check_platform(platform.lower()) for platform in PLATFORMS} == set(PLATFORMS)


@pytest.mark.parametrize("text", ["", "solexa", "ILLUMINA "])
def test_an_unknown_platform_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"is not a sequencing platform: use one of .*ILLUMINA"):
        check_platform(text)


def test_each_lane_becomes_a_read_group_in_order() -> None:
    sample = Sample("expt", (lane("FC2", 1), lane("FC1", 10), lane("FC1", 9, barcode="ACGT")))
    groups = read_groups_of(sample, "illumina")
    assert [item.id for item in groups] == ["FC1.9", "FC1.10", "FC2.1"]
    assert [item.platform_unit for item in groups] == ["FC1.9.ACGT", "FC1.10", "FC2.1"]
    assert {(item.sample, item.library, item.platform) for item in groups} == {("expt", "expt", "ILLUMINA")}


def test_libraries_on_one_lane_have_different_read_groups() -> None:
    sample = Sample("expt", (lane(library="a"), lane(library="b")))
    groups = read_groups_of(sample, "ILLUMINA")
    assert [(item.id, item.library, item.platform_unit) for item in groups] == [
        ("FC1.4.a", "a", "FC1.4.a"),
        ("FC1.4.b", "b", "FC1.4.b"),
    ]


def test_two_libraries_with_one_barcode_on_a_lane_are_refused() -> None:
    sample = Sample("expt", (lane(library="a", barcode="ACGT"), lane(library="b", barcode="ACGT")))
    with pytest.raises(InputError, match="libraries a and b with one barcode on flow cell FC1, lane 4"):
        read_groups_of(sample, "ILLUMINA")


@given(
    places=st.sets(st.tuples(st.sampled_from("ABC"), st.integers(1, 8), st.sampled_from(["l1", "l2"])), min_size=1),
)
def test_ids_and_platform_units_are_unique(places: set[tuple[str, int, str]]) -> None:
    sample = Sample("expt", tuple(lane(flowcell, number, library=library) for flowcell, number, library in places))
    groups = read_groups_of(sample, "ILLUMINA")
    assert len({item.id for item in groups}) == len({item.platform_unit for item in groups}) == len(places)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prefix = tmp_path_factory.mktemp("index") / "genome.fa"
    subprocess.run(["bwa", "index", "-p", prefix, na12878().reference], check=True, capture_output=True)
    return prefix


def test_bwa_writes_escaped_header_lines_unchanged(index: Path, tmp_path: Path) -> None:
    groups = [group(library=r"a\tb\\c\n"), group(id="FC1.5", library='"q" $HOME')]
    lines = [item.header_line() for item in groups]
    header = tmp_path / "header.sam"
    header.write_text("".join(f"{escape_for_bwa(line)}\n" for line in lines))
    reads = tmp_path / "reads.fq"
    reads.write_text("@r\nACGTACGT\n+\nIIIIIIII\n")
    sam = subprocess.run(["bwa", "mem", "-H", header, index, reads], check=True, capture_output=True, text=True).stdout
    assert [line for line in sam.splitlines() if line.startswith("@RG")] == lines
