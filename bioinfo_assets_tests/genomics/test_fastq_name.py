from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.fastq_name import is_fastq, is_index_or_undetermined, parse_fastq_name
from bioinfo_assets.genomics.sample import RESERVED_NAMES


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("expt_FC1_L4_1.fastq.gz", ("expt", "FC1", 4, 1, 1)),
        ("s3://b/x/toy_FC2_L5_2.fq.gz", ("toy", "FC2", 5, 2, 1)),
        ("/a_FC9_L1/my_long_name_HK3T5_L12_1.fastq.gz", ("my_long_name", "HK3T5", 12, 1, 1)),
        ("expt_000000000-ABCDE_L1_R2.fastq.gz", ("expt", "000000000-ABCDE", 1, 2, 1)),
        ("S_S1_L001_R1_001.fastq.gz", ("S", None, 1, 1, 1)),
        ("my_S_S12_L004_R2_003.fastq.gz", ("my_S", None, 4, 2, 3)),
        ("expt_S1_R1_001.fastq.gz", ("expt", None, None, 1, 1)),
        ("https://host/expt_FC1_L4_1.fastq.gz?versionId=3", ("expt", "FC1", 4, 1, 1)),
    ],
)
def test_sample_flow_cell_lane_read_and_part_are_parsed(uri: str, expected: tuple[object, ...]) -> None:
    name = parse_fastq_name(uri)
    assert (name.sample, name.flowcell, name.lane, name.read, name.part) == expected


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("/r/expt_FC1_L4_1.fastq", "not compressed"),
        ("/r/expt_S1_L001_I1_001.fastq.gz", "index reads"),
        ("/r/expt_S1_L001_R3_001.fastq.gz", "read 3"),
        ("/r/expt.fastq.gz", "SAMPLE_FLOWCELL_LANE_READ"),
        ("/r/expt_1.fastq.gz", "samplesheet"),
        ("/r/expt_FC1_L4_3.fastq.gz", "SAMPLE_FLOWCELL_LANE_READ"),
        ("/r/my expt_FC1_L4_1.fastq.gz", "'my expt' is not a valid sample name"),
        ("/r/a..b_FC1_L4_1.fastq.gz", "'a..b' is not a valid sample name"),
    ],
)
def test_a_name_without_the_required_fields_is_refused(uri: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_fastq_name(uri)
    assert uri in str(caught.value)
    assert message in str(caught.value)


def test_both_files_of_a_pair_have_the_same_pair_pattern() -> None:
    first, second, other = (
        parse_fastq_name(f"expt_FC1_L{lane}_{read}.fastq.gz").pair_pattern for lane, read in ((1, 1), (1, 2), (2, 1))
    )
    assert first == second
    assert first != other


@given(
    sample=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}", fullmatch=True),
    flowcell=st.from_regex(r"[A-Z0-9]{1,9}", fullmatch=True),
    lane=st.integers(1, 99),
    read=st.sampled_from([1, 2]),
)
def test_every_name_of_the_convention_is_parsed(sample: str, flowcell: str, lane: int, read: int) -> None:
    if sample.lower() in RESERVED_NAMES:
        return
    name = parse_fastq_name(f"/x/{sample}_{flowcell}_L{lane}_{read}.fastq.gz")
    assert (name.sample, name.flowcell, name.lane, name.read) == (sample, flowcell, lane, read)


@given(st.text(max_size=60))
def test_any_name_is_parsed_or_refused(name: str) -> None:
    with suppress(InputError):
        assert parse_fastq_name(name).read in {1, 2}


@pytest.mark.parametrize("uri", ["a.fastq.gz", "a.fq", "A.FASTQ.GZ", "gs://b/a.fq.gz"])
def test_fastqs_are_recognised_by_their_suffixes(uri: str) -> None:
    assert is_fastq(uri)


@pytest.mark.parametrize("uri", ["a.bam", "fastq.gz.md5", "a.fastq.gz.md5", "readme.txt", ".fastq.gz"])
def test_other_files_are_not_fastqs(uri: str) -> None:
    assert not is_fastq(uri)


def test_index_and_undetermined_reads_belong_to_no_sample() -> None:
    assert is_index_or_undetermined("/x/expt_S1_L001_I2_001.fastq.gz")
    assert is_index_or_undetermined("/x/Undetermined_S0_L001_R1_001.fastq.gz")
    assert not is_index_or_undetermined("/x/expt_S1_L001_R1_001.fastq.gz")
    assert not is_index_or_undetermined("/x/expt_FC1_L4_1.fastq.gz")
