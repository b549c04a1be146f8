import csv
import io
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.samplesheet import (
    SheetRow,
    is_samplesheet,
    pair_up,
    parse_folder_list,
    parse_samplesheet,
)
from bioinfo_assets_tests.data_sets import na12878

SHEET = "/data/sheet.csv"
SAREK = """patient,sex,status,sample,lane,fastq_1,fastq_2
p1,XX,0,normal,lane_1,reads/n_1.fastq.gz,reads/n_2.fastq.gz
p1,XX,1,tumour,lane_1,s3://bucket/t_1.fastq.gz,s3://bucket/t_2.fastq.gz
"""


def test_a_samplesheet_of_sarek_is_parsed() -> None:
    assert parse_samplesheet(SAREK, SHEET) == (
        SheetRow("normal", "/data/reads/n_1.fastq.gz", "/data/reads/n_2.fastq.gz", None, "lane_1", None, "XX", "p1"),
        SheetRow("tumour", "s3://bucket/t_1.fastq.gz", "s3://bucket/t_2.fastq.gz", None, "lane_1", None, "XX", "p1"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + SAREK,
        SAREK.replace("\n", "\r\n"),
        "\n\n" + SAREK.replace("\n", "\n\n"),
        SAREK.replace("\n", "\n,,,,,,\n"),
        SAREK.replace(",", ", "),
        SAREK.replace(",", "\t"),
        SAREK.replace(",", ";"),
        "sep=,\n" + SAREK,
        "\ufeffsep=;\r\n" + SAREK.replace(",", ";").replace("\n", "\r\n"),
        "# run 7\n" + SAREK.replace("\np1", "\n#p1,XX,0,old,1,a,b\np1"),
        SAREK.replace("fastq.gz\n", "fastq.gz,\n"),
        SAREK.replace("normal", '"normal"').replace("patient", '"Patient"'),
        SAREK.rstrip("\n"),
    ],
)
def test_the_format_of_a_saved_sheet_makes_no_difference(text: str) -> None:
    assert parse_samplesheet(text, SHEET) == parse_samplesheet(SAREK, SHEET)


def test_the_library_column_is_optional_in_each_row() -> None:
    text = "sample,library,fastq_1,fastq_2\na,lib1,1.fq.gz,2.fq.gz\na,,3.fq.gz,4.fq.gz\n"
    assert [row.library for row in parse_samplesheet(text, SHEET)] == ["lib1", None]


@pytest.mark.parametrize(
    ("lane", "flowcell"),
    [("V350012345_L01", "V350012345"), ("HK3T5-X_2", "HK3T5-X"), ("lane_1", None), ("L001", None), ("1", None)],
)
def test_a_lane_may_be_labelled_with_its_flow_cell(lane: str, flowcell: str | None) -> None:
    [row] = parse_samplesheet(f"sample,lane,fastq_1,fastq_2\na,{lane},1.fq.gz,2.fq.gz\n", SHEET)
    assert (row.lane, row.flowcell) == (lane, flowcell)


@pytest.mark.parametrize(
    ("text", "sex"), [("XX", "XX"), ("female", "XX"), ("xy", "XY"), ("M", "XY"), ("NA", None), ("", None)]
)
def test_the_sex_has_an_optional_column(text: str, sex: str | None) -> None:
    [row] = parse_samplesheet(f"sample,sex,fastq_1,fastq_2\na,{text},1.fq.gz,2.fq.gz\n", SHEET)
    assert row.sex == sex


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("XZ", "XZ", "line 2 of /data/sheet.csv has the sex 'XZ': write XX, XY or NA"),
        (
            "XX",
            "XY",
            (
                "line 3 of /data/sheet.csv has sample a with the sex XY, and another row has it with XX: "
                "correct one of them"
            ),
        ),
    ],
)
def test_a_sample_has_one_sex(first: str, second: str, message: str) -> None:
    text = f"sample,sex,fastq_1,fastq_2\na,{first},1.fq.gz,2.fq.gz\na,{second},3.fq.gz,4.fq.gz\n"
    with pytest.raises(InputError) as failure:
        parse_samplesheet(text, SHEET)
    assert str(failure.value) == message


def test_the_flow_cell_has_an_optional_column() -> None:
    [row] = parse_samplesheet("sample,flowcell,lane,fastq_1,fastq_2\na,FC7,1,1.fq.gz,2.fq.gz\n", SHEET)
    assert row.flowcell == "FC7"


def test_a_line_keeps_its_number_under_a_comment() -> None:
    with pytest.raises(InputError, match=r"line 4 of /data/sheet.csv has no sample"):
        parse_samplesheet("# run 7\nsample,fastq_1,fastq_2\n#\n,1.fq.gz,2.fq.gz\n", SHEET)


def test_quoted_fields_may_have_commas() -> None:
    [row] = parse_samplesheet('sample,fastq_1,fastq_2\na,"run 1, again/1.fq.gz",2.fq.gz\n', SHEET)
    assert row.read1 == "/data/run 1, again/1.fq.gz"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column sample, fastq_1, fastq_2"),
        ("sample,fastq_1\na,1.fq.gz\n", "no column fastq_2"),
        (
            "sample_id,fastq1,fastq2\na,1.fq.gz,2.fq.gz\n",
            "no column sample, .*, and this one has sample_id, fastq1, fastq2",
        ),
        ("sample,sample,fastq_1,fastq_2\n", "two columns 'sample'"),
        ("sample,fastq_1,fastq_2\n", "lists no FASTQs"),
        ("sample,fastq_1,fastq_2\n\na,1.fq.gz,\n", "line 3 of /data/sheet.csv has no fastq_2: only paired"),
        ("sample,fastq_1,fastq_2\na,1.fq.gz\n", "line 2 of /data/sheet.csv has no fastq_2"),
        ("sample,fastq_1,fastq_2\n,1.fq.gz,2.fq.gz\n", "line 2 of /data/sheet.csv has no sample"),
        ("sample,fastq_1,fastq_2\na,,2.fq.gz\n", "has no fastq_1"),
        ("sample,fastq_1,fastq_2\na,1.fq.gz,2.fq.gz,3.fq.gz\n", "4 fields under 3 columns"),
        (
            "sample,fastq_1,fastq_2\na/b,1.fq.gz,2.fq.gz\n",
            "line 2 of /data/sheet.csv: 'a/b' is not a valid sample name",
        ),
        ("sample,fastq_1,fastq_2,bam,bai\na,,,x.bam,x.bai\n", "line 2 of /data/sheet.csv starts from bam"),
        ("sample,fastq_1,fastq_2,cram\na,,,x.cram\n", "starts from cram"),
        ("sample,fastq_1,fastq_2,spring_1\na,,,x.spring\n", "starts from spring_1"),
        ("patient,sample,fastq_1,fastq_2\np,a,1,2\nq,a,3,4\n", "line 3 .* has sample a for patient q, .* for p"),
    ],
)
def test_an_invalid_sheet_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_samplesheet(text, SHEET)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("column", ["bam", "cram"])
def test_a_sheet_of_alignments_is_refused_with_the_missing_columns(column: str) -> None:
    text = f"patient,sample,{column}\np,a,x\n"
    assert is_samplesheet(text)
    with pytest.raises(InputError, match="no column fastq_1, fastq_2"):
        parse_samplesheet(text, SHEET)


FIELD = st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="./:"),
    min_size=1,
).filter(lambda text: text == text.strip())


@given(st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=5))
def test_every_path_is_parsed_from_a_written_sheet(paths: list[tuple[str, str]]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([("sample", "fastq_1", "fastq_2"), *(("a", *pair) for pair in paths)])
    rows = parse_samplesheet(text.getvalue(), "s.csv")
    assert [Path(row.read1) for row in rows] == [Path(read1) for read1, _ in paths]


@given(st.text(max_size=200))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with suppress(InputError):
        is_samplesheet(text)
    with suppress(InputError):
        assert parse_samplesheet(f"sample,fastq_1,fastq_2\n{text}", SHEET)
    with suppress(InputError):
        assert parse_folder_list(text, SHEET)


@pytest.mark.parametrize(
    "text",
    [
        SAREK,
        "\ufeffsample,fastq_1,fastq_2",
        "sep=;\nsample;x",
        "# a\nsample_id,fastq1",
        '\n"sample",x',
        "sample\tfastq_1\tfastq_2\n",
    ],
)
def test_samplesheets_are_recognised_by_their_first_line(text: str) -> None:
    assert is_samplesheet(text)


@pytest.mark.parametrize(
    "text", ["", "\n", "data/sample1\n", "# a,b\nsamples/x\n", "/data/a,b/\n", "s3://bucket/sample\n", "sample\n"]
)
def test_lists_of_folders_are_not_samplesheets(text: str) -> None:
    assert not is_samplesheet(text)


def test_a_list_of_folders_is_parsed() -> None:
    text = "# first run\r\n\r\nrun1/expt/\r\n  /else/toy \r\ns3://bucket/x/\r\n"
    assert parse_folder_list(text, "/data/samples.txt") == ("/data/run1/expt", "/else/toy", "s3://bucket/x")


@pytest.mark.parametrize(
    ("text", "message"), [("# none\n\n", "lists no folder"), ("a\nb/\na/\n", "lists /data/a twice")]
)
def test_an_empty_or_repetitive_list_of_folders_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_folder_list(text, "/data/samples.txt")


SEED = (
    "/s1/expt_FC1_L4_1.fastq.gz",
    "/s1/expt_FC1_L4_2.fastq.gz",
    "/s1/expt_FC1_L5_1.fastq.gz",
    "/s1/expt_FC1_L5_2.fastq.gz",
    "/s2/toy_FC1_L4_1.fastq.gz",
    "/s2/toy_FC1_L4_2.fastq.gz",
    "/s2/toy_FC2_L5_1.fastq.gz",
    "/s2/toy_FC2_L5_2.fastq.gz",
)


@given(st.permutations(SEED))
def test_the_order_of_pairs_does_not_depend_on_the_listing(uris: list[str]) -> None:
    rows = pair_up(uris)
    assert [(row.sample, row.read1, row.read2) for row in rows] == [
        ("expt", SEED[0], SEED[1]),
        ("expt", SEED[2], SEED[3]),
        ("toy", SEED[4], SEED[5]),
        ("toy", SEED[6], SEED[7]),
    ]


def test_lanes_are_sorted_as_numbers() -> None:
    rows = pair_up(f"/x/a_FC_L{lane}_{read}.fq.gz" for lane in (10, 9) for read in (1, 2))
    assert [row.lane for row in rows] == ["9", "10"]


def test_a_sample_may_be_in_two_folders() -> None:
    uris = [f"/run{run}/a_S1_L001_R{read}_001.fastq.gz" for run in (1, 2) for read in (1, 2)]
    assert [(row.sample, row.read1) for row in pair_up(uris)] == [("a", uris[0]), ("a", uris[2])]


def test_other_files_index_reads_and_undetermined_reads_are_ignored() -> None:
    others = ["/s1/md5.txt", "/s1/expt_S1_L001_I1_001.fastq.gz", "/s1/Undetermined_S0_L001_R1_001.fastq.gz"]
    assert pair_up([*SEED, *others]) == pair_up(SEED)


@pytest.mark.parametrize("missing", [0, 1, 6, 7])
def test_a_fastq_without_its_mate_is_refused(missing: int) -> None:
    mate = SEED[missing ^ 1]
    with pytest.raises(InputError, match=f"{mate} has no read {missing % 2 + 1} in its folder: add {SEED[missing]}"):
        pair_up(uri for uri in SEED if uri != SEED[missing])


def test_mates_in_two_folders_are_not_a_pair() -> None:
    with pytest.raises(InputError, match="in its folder"):
        pair_up(["/a/x_FC1_L1_1.fastq.gz", "/b/x_FC1_L1_2.fastq.gz"])


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("/x/a_S1_L001_R1_002.fastq.gz", "part 2 of a lane: join"),
        ("/x/a_FC1_L1_1.fastq", "not compressed"),
        ("/x/reads.fastq.gz", "SAMPLE_FLOWCELL_LANE_READ"),
    ],
)
def test_a_file_that_cannot_be_paired_is_refused(uri: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        pair_up([uri])


def test_no_files_have_no_pairs() -> None:
    assert pair_up([]) == ()


def test_na12878_has_24_lanes_of_five_flow_cells() -> None:
    rows = pair_up(str(path) for path in na12878().fastqs.iterdir())
    assert {row.sample for row in rows} == {"NA12878"}
    assert len(rows) == 24
    assert len({Path(row.read1).name.split("_")[1] for row in rows}) == 5
