import hashlib
import subprocess

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.steps.duplicates import mark_duplicates
from bioinfo_assets_tests.steps.bench import TOOL_PATH, samtools, stored
from bioinfo_assets_tests.steps.builders import LAYOUT, reference, somewhere

DUPLICATE, SUPPLEMENTARY = "0x400", "0x800"


@pytest.fixture(scope="module")
def marked(chain):
    return chain.made["marked_bam"]


def test_it_is_sorted_by_coordinate_and_holds_every_record(chain, marked):
    bam = str(marked.path("bam"))
    assert samtools("view", "-H", bam)[0].split("\t")[2] == "SO:coordinate"
    assert samtools("view", "-c", bam) == [chain.made["aligned_bam"].report.facts["records"]]
    places = [int(line.split("\t")[3]) for line in samtools("view", "-F", "4", bam)]
    assert places == sorted(places)


def test_supplementary_records_are_flagged_with_their_reads(marked):
    """A read's records are duplicates all or none; the seed's order leaves the supplementary ones unflagged."""
    bam = str(marked.path("bam"))
    flagged = {line.split("\t")[0] for line in samtools("view", "-f", DUPLICATE, "-F", "0x904", bam)}
    supplementary = {line.split("\t")[0] for line in samtools("view", "-f", SUPPLEMENTARY, bam)}
    of_duplicates = {line.split("\t")[0] for line in samtools("view", "-f", "0xC00", bam)}
    assert flagged
    assert of_duplicates == flagged & supplementary


def test_mapped_records_have_nm_md_and_uq(marked):
    tags = [line.split("\t")[11:] for line in samtools("view", "-F", "4", str(marked.path("bam")))]
    assert all({tag[:2] for tag in of_record} >= {"NM", "MD", "UQ", "RG"} for of_record in tags)


def test_picard_finds_no_error_in_it(chain, marked):
    command = [TOOL_PATH[0] / "picard", "ValidateSamFile", "-I", marked.path("bam"), "-MODE", "SUMMARY"]
    told = subprocess.run([*command, "-R", chain.reference.fasta.uri], capture_output=True, check=False, text=True)
    assert told.stdout.strip().endswith("No errors found"), told.stdout


def test_index_and_md5_belong_to_it(marked):
    assert marked.path("md5").read_text() == hashlib.md5(marked.path("bam").read_bytes()).hexdigest()  # noqa: S324 - Picard's
    assert marked.path("bai").name == "NA12878.mark_dup.bam.bai"
    assert samtools("idxstats", str(marked.path("bam")))[0].startswith("chrM\t16569\t")


def test_the_metrics_count_the_reads_that_were_flagged(marked):
    lines = marked.path("metrics").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("## METRICS CLASS"))
    row = dict(zip(lines[start + 1].split("\t"), lines[start + 2].split("\t"), strict=True))
    # Unmapped mates of duplicates are flagged with them, and not counted.
    flagged = samtools("view", "-c", "-f", DUPLICATE, "-F", "0x904", str(marked.path("bam")))
    assert flagged == [str(2 * int(row["READ_PAIR_DUPLICATES"]) + int(row["UNPAIRED_READ_DUPLICATES"]))]
    assert row["LIBRARY"] == "NA12878"


def test_the_optical_distance_reaches_picard():
    job = mark_duplicates("expt", somewhere("/x.bam"), reference(), LAYOUT, optical_distance=100)
    assert "optical_distance=100" in job.script
    assert job.parameters == {"optical_distance": 100}
    with pytest.raises(InputError, match="optical distance of -1 pixels is not possible"):
        mark_duplicates("expt", somewhere("/x.bam"), reference(), LAYOUT, optical_distance=-1)


def test_a_bam_that_was_cut_is_refused(bench, chain, tmp_path):
    whole = chain.made["aligned_bam"].path("bam").read_bytes()
    cut = tmp_path / "cut.bam"
    cut.write_bytes(whole[: len(whole) // 2])
    assert "failed with exit code 1" in bench.failure(mark_duplicates("expt", stored(cut), chain.reference, LAYOUT))
