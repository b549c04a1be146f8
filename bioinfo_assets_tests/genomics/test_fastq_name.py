from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.fastq_name import is_fastq, is_left_out, parse_fastq_name
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
def test_a_name_tells_sample_flow_cell_lane_read_and_part(uri: str, expected: tuple[object, ...]):
    name = parse_fastq_name(uri)
    assert (name.sample, name.flowcell, name.lane, name.read, name.chunk) == expected


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("/r/expt_FC1_L4_1.fastq", "not compressed"),
        ("/r/expt_S1_L001_I1_001.fastq.gz", "index reads"),
        ("/r/expt_S1_L001_R3_001.fastq.gz", "read 3"),
        ("/r/expt.fastq.gz", "SAMPLE_FLOWCELL_LANE_READ"),
        ("/r/expt_1.fastq.gz", "samplesheet"),
        ("/r/expt_FC1_L4_3.fastq.gz", "SAMPLE_FLOWCELL_LANE_READ"),
        ("/r/my expt_FC1_L4_1.fastq.gz", "'my expt' cannot name a sample"),
        ("/r/a..b_FC1_L4_1.fastq.gz", "'a..b' cannot name a sample"),
    ],
)
def test_a_name_that_tells_too_little_is_refused_by_name(uri: str, said: str):
    with pytest.raises(InputError) as caught:
        parse_fastq_name(uri)
    assert uri in str(caught.value)
    assert said in str(caught.value)


def test_both_files_of_a_pair_have_one_pair_name():
    first, second, other = (
        parse_fastq_name(f"expt_FC1_L{lane}_{read}.fastq.gz").pair for lane, read in ((1, 1), (1, 2), (2, 1))
    )
    assert first == second
    assert first != other


@given(
    sample=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}", fullmatch=True),
    flowcell=st.from_regex(r"[A-Z0-9]{1,9}", fullmatch=True),
    lane=st.integers(1, 99),
    read=st.sampled_from([1, 2]),
)
def test_every_name_of_the_convention_is_read_back(sample: str, flowcell: str, lane: int, read: int):
    if sample.lower() in RESERVED_NAMES:
        return
    name = parse_fastq_name(f"/x/{sample}_{flowcell}_L{lane}_{read}.fastq.gz")
    assert (name.sample, name.flowcell, name.lane, name.read) == (sample, flowcell, lane, read)


@given(st.text(max_size=60))
def test_any_name_is_read_or_refused(name: str):
    with suppress(InputError):
        assert parse_fastq_name(name).read in {1, 2}


@pytest.mark.parametrize("uri", ["a.fastq.gz", "a.fq", "A.FASTQ.GZ", "gs://b/a.fq.gz"])
def test_fastqs_are_known_by_their_ends(uri: str):
    assert is_fastq(uri)


@pytest.mark.parametrize("uri", ["a.bam", "fastq.gz.md5", "a.fastq.gz.md5", "readme.txt", ".fastq.gz"])
def test_other_files_are_no_fastqs(uri: str):
    assert not is_fastq(uri)


def test_index_and_undetermined_reads_belong_to_no_sample():
    assert is_left_out("/x/expt_S1_L001_I2_001.fastq.gz")
    assert is_left_out("/x/Undetermined_S0_L001_R1_001.fastq.gz")
    assert not is_left_out("/x/expt_S1_L001_R1_001.fastq.gz")
    assert not is_left_out("/x/expt_FC1_L4_1.fastq.gz")
