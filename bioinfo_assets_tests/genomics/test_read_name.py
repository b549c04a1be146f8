import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.genomics.read_name import parse_read_name


@pytest.mark.parametrize(
    ("header", "flowcell", "lane", "barcode", "read"),
    [
        ("@EAS139:136:FC706VJ:2:2104:15343:197393 1:Y:18:ATCACG", "FC706VJ", 2, "ATCACG", 1),
        ("@A00:1:HXX:4:1101:1:1 2:N:0:ACGT+TTGA", "HXX", 4, "ACGT+TTGA", 2),
        ("@A00:1:HXX:4:1101:1:1:ACGTT+GGATC 1:N:0:NCGT", "HXX", 4, "NCGT", 1),
        ("@M00:5:000000000-A1B2C:1:1101:1:1 1:N:0:12", "000000000-A1B2C", 1, None, 1),
        ("@A00:1:HXX:4:1101:1:1", "HXX", 4, None, None),
        ("@A00:1:HXX:4:1101:1:1/2", "HXX", 4, None, 2),
        ("@A00:1:HXX:4:1101:1:1_ACGTT 1:N:0:NCGT", "HXX", 4, "NCGT", 1),  # umi_tools
        # Element names its runs.
        ("@AV234602:FC336:2416495127:1:10102:0091:0008 1:N:0:ACGT+TTGA", "2416495127", 1, "ACGT+TTGA", 1),
        ("@PLT-04:KOL-0149:2140948423:2:10102:0003:0040", "2140948423", 2, None, None),
    ],
)
def test_names_since_casava_1_8_have_the_flow_cell(
    header: str, flowcell: str, lane: int, barcode: str | None, read: int | None
) -> None:
    name = parse_read_name(header)
    assert (name.form, name.flowcell, name.lane) == ("since 1.8", flowcell, lane)
    assert (name.barcode, name.read) == (barcode, read)


@pytest.mark.parametrize(
    ("header", "first", "lane", "barcode", "read"),
    [
        ("@HK3T5CCXX160204:3:1123:21318:57126", "HK3T5CCXX160204", 3, None, None),
        ("@HWUSI-EAS100R:6:73:941:1973#0/1", "HWUSI-EAS100R", 6, None, 1),
        ("@HWUSI-EAS100R:6:73:941:1973#ATCACG/2", "HWUSI-EAS100R", 6, "ATCACG", 2),
    ],
)
def test_older_names_have_the_lane_and_a_first_field(
    header: str, first: str, lane: int, barcode: str | None, read: int | None
) -> None:
    name = parse_read_name(header)
    assert (name.form, name.first, name.flowcell, name.lane) == ("before 1.8", first, None, lane)
    assert (name.barcode, name.read) == (barcode, read)


@pytest.mark.parametrize("header", ["@V300012345L1C001R0010000000/1", "@E100012345L1C002R00300000123"])
def test_names_of_dnbseq_sequencers_have_flow_cell_and_lane(header: str) -> None:
    name = parse_read_name(header)
    assert (name.form, name.flowcell, name.lane) == ("dnbseq", header[1:11], 1)


@pytest.mark.parametrize(
    "header", ["@SRR1.1 1 length=100", "@SRR1.1", "@read", "@a:b:c:d:e", "@V300012345C001R0010000000/1", "@1:2:3"]
)
def test_other_names_have_no_lane(header: str) -> None:
    name = parse_read_name(header)
    assert (name.form, name.flowcell, name.lane, name.barcode) == ("other", None, None, None)


def test_mates_have_the_same_name() -> None:
    names = {parse_read_name(f"@A00:1:HXX:4:1101:1:1{end}").name for end in ("/1", "/2", " 1:N:0:A", "\t2:N:0:A", "")}
    assert names == {"A00:1:HXX:4:1101:1:1"}


def test_lane_zero_is_ignored() -> None:
    assert parse_read_name("@SIM:1:FC:0:1:1:1").lane is None


@given(st.text(max_size=80))
def test_any_line_is_parsed(header: str) -> None:
    name = parse_read_name(header)
    assert " " not in name.name
    assert name.lane is None or name.lane > 0
