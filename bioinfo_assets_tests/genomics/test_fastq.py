import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.fastq import FastqHead, check_pair, lane_of, read_head
from bioinfo_assets_tests.data_sets import na12878
from bioinfo_assets_tests.genomics.builders import head

ILLUMINA = "SIM:1:HXXCCXY:4:1101:10:20"
NAMED = "/r/expt_HXXCCXY_L4_1.fastq.gz"


def first(*names: str, uri: str = "/r/expt_FC1_L4_1.fastq.gz", complete: bool = False) -> FastqHead:
    return head(*names, uri=uri, complete=complete)


def second(*names: str, uri: str = "/r/expt_FC1_L4_2.fastq.gz", complete: bool = False) -> FastqHead:
    return head(*names, uri=uri, complete=complete)


@pytest.mark.parametrize(
    ("name1", "name2"),
    [
        ("r", "r"),
        ("r/1", "r/2"),
        (f"{ILLUMINA} 1:N:0:A", f"{ILLUMINA} 2:N:0:A"),
        ("SRR1.1 1 length=5", "SRR1.1 1"),
        ("SRR1.7.1 7", "SRR1.7.2 7"),
    ],
)
def test_mates_are_accepted(name1: str, name2: str) -> None:
    check_pair(first(name1), second(name2))


def test_other_read_names_are_refused_with_the_record() -> None:
    with pytest.raises(InputError, match="record 2 is b in the first and c in the second"):
        check_pair(first("a", "b"), second("a", "c"))


@pytest.mark.parametrize(("name1", "name2"), [("SRR1.1.1", "SRR1.2.2"), ("SRR1.1.2", "SRR1.1.1"), ("a.1", "a.3")])
def test_archive_names_of_different_pairs_are_refused(name1: str, name2: str) -> None:
    with pytest.raises(InputError, match=f"record 1 is {name1} in the first and {name2} in the second"):
        check_pair(first(name1), second(name2))


def test_swapped_files_are_refused() -> None:
    with pytest.raises(InputError, match=r"holds read 2 and .* read 1.*swap them"):
        check_pair(first("r/2"), second("r/1"))


@pytest.mark.parametrize("number", [1, 2])
def test_two_files_of_the_same_read_are_refused(number: int) -> None:
    with pytest.raises(InputError, match=f"both hold read {number}"):
        check_pair(first(f"r/{number}"), second(f"r/{number}"))


def test_unequal_counts_are_refused_if_both_heads_are_complete() -> None:
    with pytest.raises(InputError, match=r"has 2 reads and .* has 1"):
        check_pair(first("a", "b", complete=True), second("a", complete=True))


def test_unequal_counts_are_accepted_if_a_head_is_incomplete() -> None:
    check_pair(first("a", "b"), second("a", complete=True))


def test_flow_cell_and_barcode_are_parsed_from_names_since_casava_1_8() -> None:
    reads = [f"{ILLUMINA} 1:N:0:{barcode}" for barcode in ("ACGN+TTGA", "ACGT+TTGA", "ACGT+TTGA")]
    lane = lane_of(first(*reads, uri=NAMED), second(*reads), library="expt")
    assert (lane.flowcell, lane.number, lane.barcode, lane.library) == ("HXXCCXY", 4, "ACGT+TTGA", "expt")
    assert (lane.read1, lane.read2) == (NAMED, "/r/expt_FC1_L4_2.fastq.gz")


@pytest.mark.parametrize(
    ("uri", "read", "label", "flowcell", "number"),
    [
        # Only the file name has the lane.
        ("/r/expt_FC1_L4_1.fastq.gz", "SRR1.1 1", None, "FC1", 4),
        ("/r/expt_S1_L002_R1_001.fastq.gz", "SRR1.1 1", None, "NOFC", 2),
        # The read names have a longer flow cell than the file name.
        ("/r/x_HK3T5_L3_1.fastq.gz", "HK3T5CCXX160204:3:1:2:3", None, "HK3T5CCXX160204", 3),
        # The first field is an instrument: the flow cell is in the file name.
        ("/r/x_FC1_L3_1.fastq.gz", "HWUSI-EAS100R:3:1:2:3#0", None, "FC1", 3),
        # A part of the flow cell, or its side of the instrument before it; and a renamed file of bcl2fastq.
        ("/r/x_HXXC_L4_1.fastq.gz", ILLUMINA, None, "HXXCCXY", 4),
        ("/r/x_AHXXCCXY_L4_1.fastq.gz", ILLUMINA, None, "HXXCCXY", 4),
        ("/r/x_S12_L004_R1.fastq.gz", ILLUMINA, None, "HXXCCXY", 4),
        # Files of a samplesheet may have any name.
        ("/r/reads1.fastq.gz", ILLUMINA, "lane_9", "HXXCCXY", 4),
        ("/r/reads1.fastq.gz", "HWUSI-EAS100R:6:1:2:3", None, "HWUSI-EAS100R", 6),
        ("/r/SRR1_1.fastq.gz", "SRR1.1 1", "lane_2", "NOFC", 2),
        ("/r/SRR1_1.fastq.gz", "SRR1.1 1", "L001", "NOFC", 1),
        ("/r/SRR1_1.fastq.gz", "SRR1.1 1", "7", "NOFC", 7),
        # bcl2fastq --no-lane-splitting
        ("/r/expt_S1_R1_001.fastq.gz", ILLUMINA, None, "HXXCCXY", 4),
    ],
)
def test_a_lane_is_found_in_read_names_then_file_name_then_samplesheet(
    uri: str, read: str, label: str | None, flowcell: str, number: int
) -> None:
    lane = lane_of(first(read, uri=uri), second(read), library="expt", lane=label)
    assert (lane.flowcell, lane.number) == (flowcell, number)


def test_a_file_name_that_contradicts_its_reads_is_refused() -> None:
    with pytest.raises(InputError, match=r"_L5_1\.fastq\.gz is of lane 5 by its name, but .* is of lane 4"):
        lane_of(first(ILLUMINA, uri="/r/expt_FC1_L5_1.fastq.gz"), second(ILLUMINA), library="expt")


@pytest.mark.parametrize("name", ["patient_01_L004_R1", "patient_rep2_L4_1", "patient_C_L4_1"])
def test_the_end_of_a_samples_name_is_not_taken_for_a_flow_cell(name: str) -> None:
    """Otherwise `patient_01` and `patient_02` would become one sample."""
    with pytest.raises(
        InputError, match=r"of flow cell \w+ by its name, but its reads are of HXXCCXY: .* a samplesheet"
    ):
        lane_of(first(ILLUMINA, uri=f"/r/{name}.fastq.gz"), second(ILLUMINA), library="patient")


def test_reads_of_a_second_lane_in_one_file_are_refused() -> None:
    with pytest.raises(InputError, match="of lane 5"):
        lane_of(first(ILLUMINA, ILLUMINA.replace(":4:", ":5:"), uri=NAMED), second(ILLUMINA), library="expt")


@pytest.mark.parametrize("label", [None, "", "lane", "A"])
def test_an_unknown_lane_is_refused(label: str | None) -> None:
    with pytest.raises(InputError, match=r"the lane of /r/reads1\.fastq\.gz is unknown"):
        lane_of(first("SRR1.1", uri="/r/reads1.fastq.gz"), second("SRR1.1"), library="expt", lane=label)


def test_a_lane_of_na12878_is_found_in_its_files() -> None:
    read1, read2 = (
        read_head(str(path), path.read_bytes(), complete=True)
        for path in sorted(na12878().fastqs.glob("NA12878_HK3T5_L3_?.*"))
    )
    check_pair(read1, read2)
    lane = lane_of(read1, read2, library="NA12878")
    assert (lane.flowcell, lane.number, lane.barcode) == ("HK3T5CCXX160204", 3, None)
