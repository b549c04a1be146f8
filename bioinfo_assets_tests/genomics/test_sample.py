import re
import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.sample import RESERVED_NAMES, Lane, Sample, check_distinct, check_sample_name
from bioinfo_assets_tests.genomics.builders import lane

SAFE = string.ascii_letters + string.digits + "._-"


@pytest.mark.parametrize("name", ["NA12878", "1", "a.b_c-d", "x" * 64])
def test_a_valid_name_is_returned(name: str) -> None:
    assert check_sample_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a/b",
        "a b",
        'a"b',
        "a'b",
        "a\nb",
        "a\n",
        "a..b",
        "..",
        ".a",
        "-a",
        "_a",
        "$HOME",
        "a;b",
        "é",
        "a\tb",
        "a\\b",
        "x" * 65,
    ],
)
def test_an_unsafe_name_is_refused_and_quoted_in_one_line(name: str) -> None:
    with pytest.raises(InputError) as caught:
        check_sample_name(name)
    assert repr(name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["references", "records", "samples", "data", "multiqc", "MultiQC"])
def test_a_reserved_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="reserved"):
        check_sample_name(name)


@given(st.text(max_size=80))
def test_a_valid_name_has_only_safe_characters(name: str) -> None:
    try:
        check_sample_name(name)
    except InputError:
        unsafe = set(name) - set(SAFE) or ".." in name or not name or name[0] in "._-"
        assert unsafe or len(name) > 64 or name.lower() in RESERVED_NAMES
    else:
        assert set(name) <= set(SAFE)
        assert re.match("[A-Za-z0-9]", name)


def test_lanes_are_sorted_by_library_flow_cell_and_number() -> None:
    expected = (lane("FC1", 2), lane("FC1", 10), lane("FC2", 1), lane("FC0", 1, library="second"))
    assert Sample("expt", expected[::-1]).lanes == expected


def test_libraries_are_unique() -> None:
    sample = Sample("expt", (lane("FC1", 1), lane("FC1", 2), lane("FC1", 1, library="b")))
    assert sample.libraries == ("b", "expt")


def test_a_sample_without_reads_is_refused() -> None:
    with pytest.raises(InputError, match="expt has no FASTQs"):
        Sample("expt", ())


def test_an_imported_sample_may_have_no_reads() -> None:
    assert Sample("expt", (), imported=True).lanes == ()


def test_a_repeated_lane_is_refused_with_both_files() -> None:
    with pytest.raises(InputError, match=r"flow cell FC1, lane 4 twice, in /a/\S+_1\S+ and /b/\S+_1\S+:"):
        Sample("expt", (lane(at="/a"), lane(at="/b")))


def test_a_lane_may_have_two_libraries() -> None:
    assert len(Sample("expt", (lane(), lane(library="other"))).lanes) == 2


@pytest.mark.parametrize(("read1", "read2"), [("/a_1.fq.gz", "/b_2.fq.gz"), ("/c_1.fq.gz", "/a_2.fq.gz")])
def test_a_fastq_in_two_lanes_is_refused(read1: str, read2: str) -> None:
    lanes = (Lane("FC1", 1, "/a_1.fq.gz", "/a_2.fq.gz", "expt"), Lane("FC1", 2, read1, read2, "expt"))
    with pytest.raises(InputError, match=r"uses /a_\d.fq.gz twice"):
        Sample("expt", lanes)


def test_a_fastq_in_two_samples_is_refused() -> None:
    """A row of a samplesheet that was copied, and whose files were not changed."""
    lanes = (Lane("FC1", 1, "/a_1.fq.gz", "/a_2.fq.gz", "lib"),)
    check_distinct([Sample("a", lanes), Sample("a", lanes)])
    with pytest.raises(InputError, match=r"samples a and b both have the reads of /a_1.fq.gz"):
        check_distinct([Sample("a", lanes), Sample("b", lanes)])


def test_names_that_are_one_folder_on_some_disks_are_refused() -> None:
    """As on macOS, Windows and SMB, where one sample would replace the other."""
    with pytest.raises(InputError, match="samples NA1a and NA1A differ in upper and lower case only"):
        check_distinct([Sample(name, (), imported=True) for name in ("NA1a", "NA1b", "NA1A")])


def test_a_fastq_as_both_reads_is_refused() -> None:
    with pytest.raises(InputError, match=r"uses /a.fq.gz twice"):
        Sample("expt", (Lane("FC1", 1, "/a.fq.gz", "/a.fq.gz", "expt"),))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: lane("F C"), "flow cell"),
        (lambda: lane("FC.1"), "flow cell"),
        (lambda: lane(number=0), "lane 0"),
        (lambda: lane(library="a\tb"), "library"),
        (lambda: lane(barcode="ACGT TT"), "index"),
    ],
)
def test_an_invalid_lane_is_refused(build: Callable[[], Lane], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()


@pytest.mark.parametrize("barcode", [None, "ACGT", "ACGTN+TTGA"])
def test_barcodes_may_be_single_or_dual(barcode: str | None) -> None:
    assert lane(barcode=barcode).barcode == barcode
