import hashlib
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.metrics import picard_numbers
from bioinfo_assets.steps.duplicates import mark_duplicates
from bioinfo_assets.steps.layout import Layout
from bioinfo_assets_tests.steps.bench import TOOL_PATH, samtools, stored
from bioinfo_assets_tests.steps.builders import LAYOUT, reference, somewhere
from bioinfo_assets_tests.steps.chain import SAMPLE

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


def test_a_soft_masked_reference_gives_the_same_tags(bench, chain, tmp_path):
    lower = tmp_path / "genome.fa"
    lines = Path(chain.reference.fasta.uri).read_text().splitlines(keepends=True)
    lower.write_text("".join(line if line.startswith(">") else line.lower() for line in lines))
    masked = replace(chain.reference, fasta=stored(lower))
    aligned, out = chain.made["aligned_bam"].files["bam"], Layout(str(tmp_path / "out"))
    made = bench.run(mark_duplicates(SAMPLE, aligned, masked, out))
    tags = [line.partition("MD:Z:")[2].partition("\t")[0] for line in samtools("view", str(made.path("bam")))]
    assert any(re.search("[A-Z]", tag) for tag in tags)
    assert not any(re.search("[a-z]", tag) for tag in tags)
    assert made.files["bam"].content == chain.made["marked_bam"].files["bam"].content


SEEN_TWICE = ("M:1:FC1:4:1101:1000:1000", "M:1:FC1:4:1101:1050:1000")  # 50 pixels apart: one cluster


@pytest.mark.parametrize(("umi", "warned"), [("", 0), (":ACGT+TTGA", 1)])
def test_optical_duplicates_are_found_in_names_with_and_without_umi(bench, chain, tmp_path, umi, warned):
    header = "".join(f"{line}\n" for line in samtools("view", "-H", chain.marked.bam.uri) if line[:3] in {"@SQ", "@RG"})
    bases, qualities = "GATCACAGGTCTATCACCCT", "I" * 20
    rows = "".join(
        f"{name}{umi}\t{flag}\tchrM\t{at}\t60\t20M\t=\t{mate}\t{size}\t{bases}\t{qualities}\tRG:Z:HJYFJ.4\n"
        for name in SEEN_TWICE
        for flag, at, mate, size in ((99, 1, 201, 220), (147, 201, 1, -220))
    )
    aligned = tmp_path / "aln.bam"
    subprocess.run(["samtools", "view", "-b", "-o", aligned], input=(header + rows).encode(), check=True)
    made = bench.run(mark_duplicates("expt", stored(aligned), chain.reference, Layout(str(tmp_path / "out"))))
    numbers = picard_numbers(made.path("metrics").read_text())
    assert numbers["read_pair_duplicates"] == numbers["read_pair_optical_duplicates"] == 1
    assert len(made.report.warnings) == warned
    assert all("have UMIs in their names" in warning for warning in made.report.warnings)


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


def test_a_bam_of_another_reference_is_refused_before_anything_is_done(bench, chain, tmp_path):
    given = tmp_path / "given.bam"
    header = "@SQ\tSN:chr1\tLN:248956422\n@SQ\tSN:chrM\tLN:16569\n"
    subprocess.run(["samtools", "view", "-b", "-o", given], input=header, text=True, check=True)
    assert bench.failure(mark_duplicates("expt", stored(given), chain.reference, LAYOUT)) == (
        "expt.aln.bam is of another reference: its contig 1 is chr1 of 248956422 bases, and that of genome.dict is "
        "chrM of 16569 bases: align the reads to the reference of this project"
    )
