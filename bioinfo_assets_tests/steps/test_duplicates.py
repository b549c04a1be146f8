import hashlib
import re
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.metrics import Numbers, picard_numbers
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps.duplicates import mark_duplicates
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets_tests.steps.bench import TOOL_PATH, Bench, StepResult, samtools, stored
from bioinfo_assets_tests.steps.builders import LAYOUT, OPTICAL_DISTANCE, reference, somewhere
from bioinfo_assets_tests.steps.chain import SAMPLE, Chain

DUPLICATE, SUPPLEMENTARY = "0x400", "0x800"


@pytest.fixture(scope="module")
def marked(chain: Chain) -> StepResult:
    return chain.results["marked_bam"]


def test_the_bam_is_sorted_by_coordinate_and_has_every_record(chain: Chain, marked: StepResult) -> None:
    bam = str(marked.path("bam"))
    assert samtools("view", "-H", bam)[0].split("\t")[2] == "SO:coordinate"
    assert samtools("view", "-c", bam) == [chain.results["aligned_bam"].report.facts["records"]]
    positions = [int(line.split("\t")[3]) for line in samtools("view", "-F", "4", bam)]
    assert positions == sorted(positions)


def test_supplementary_records_are_flagged_with_their_reads(marked: StepResult) -> None:
    """Either all records of a read are duplicates or none; a sorted input would leave supplementary ones unflagged."""
    bam = str(marked.path("bam"))
    flagged = {line.split("\t")[0] for line in samtools("view", "-f", DUPLICATE, "-F", "0x904", bam)}
    supplementary = {line.split("\t")[0] for line in samtools("view", "-f", SUPPLEMENTARY, bam)}
    of_duplicates = {line.split("\t")[0] for line in samtools("view", "-f", "0xC00", bam)}
    assert flagged
    assert of_duplicates == flagged & supplementary


def test_mapped_records_have_nm_md_and_uq(marked: StepResult) -> None:
    tags = [line.split("\t")[11:] for line in samtools("view", "-F", "4", str(marked.path("bam")))]
    assert all({tag[:2] for tag in record_tags} >= {"NM", "MD", "UQ", "RG"} for record_tags in tags)


def test_picard_validates_the_bam(chain: Chain, marked: StepResult) -> None:
    bam = str(marked.path("bam"))
    command = [str(TOOL_PATH[0] / "picard"), "ValidateSamFile", "-I", bam, "-MODE", "SUMMARY"]
    validation = subprocess.run(
        [*command, "-R", chain.reference.fasta.uri], capture_output=True, check=False, text=True
    )
    assert validation.stdout.strip().endswith("No errors found"), validation.stdout


def test_index_and_md5_match_the_bam(marked: StepResult) -> None:
    assert marked.path("md5").read_text() == hashlib.md5(marked.path("bam").read_bytes()).hexdigest()  # noqa: S324 - of Picard
    assert marked.path("bai").name == "NA12878.mark_dup.bam.bai"
    assert samtools("idxstats", str(marked.path("bam")))[0].startswith("chrM\t16569\t")


def test_the_metrics_count_the_flagged_reads(marked: StepResult) -> None:
    lines = marked.path("metrics").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("## METRICS CLASS"))
    row = dict(zip(lines[start + 1].split("\t"), lines[start + 2].split("\t"), strict=True))
    # Unmapped mates of duplicates are flagged with them, and not counted.
    flagged = samtools("view", "-c", "-f", DUPLICATE, "-F", "0x904", str(marked.path("bam")))
    assert flagged == [str(2 * int(row["READ_PAIR_DUPLICATES"]) + int(row["UNPAIRED_READ_DUPLICATES"]))]
    assert row["LIBRARY"] == "NA12878"


def test_a_soft_masked_reference_gives_the_same_tags(bench: Bench, chain: Chain, tmp_path: Path) -> None:
    lower = tmp_path / "genome.fa"
    lines = Path(chain.reference.fasta.uri).read_text().splitlines(keepends=True)
    lower.write_text("".join(line if line.startswith(">") else line.lower() for line in lines))
    masked = replace(chain.reference, fasta=stored(lower))
    aligned, out = chain.results["aligned_bam"].files["bam"], OutputLayout(str(tmp_path / "out"))
    result = bench.run(
        mark_duplicates(SAMPLE, aligned, masked, out, optical_distance=OPTICAL_DISTANCE, engine=Engine.GATK)
    )
    tags = [line.partition("MD:Z:")[2].partition("\t")[0] for line in samtools("view", str(result.path("bam")))]
    assert any(re.search("[A-Z]", tag) for tag in tags)
    assert not any(re.search("[a-z]", tag) for tag in tags)
    assert result.files["bam"].content == chain.results["marked_bam"].files["bam"].content


SPLIT_CLUSTER = ("4:1101:1000:1000", "4:1101:1050:1000")  # 50 pixels apart: one cluster


def marked_clusters(
    bench: Bench, chain: Chain, folder: Path, clusters: Sequence[Sequence[str]], engine: Engine
) -> tuple[Numbers, Sequence[str]]:
    """Picard's metrics and the warnings, given the names of the pairs of each cluster, which are duplicates."""
    header = "".join(f"{line}\n" for line in samtools("view", "-H", chain.marked.bam.uri) if line[:3] in {"@SQ", "@RG"})
    bases, qualities = "GATCACAGGTCTATCACCCT", "I" * 20
    rows = "".join(
        f"{name}\t{flag}\tchrM\t{at}\t60\t20M\t=\t{mate}\t{size}\t{bases}\t{qualities}\tRG:Z:HJYFJ.4\n"
        for start, names in enumerate(clusters, start=1)
        for name in names
        for flag, at, mate, size in ((99, start, start + 200, 220), (147, start + 200, start, -220))
    )
    aligned = folder / "aln.bam"
    subprocess.run(["samtools", "view", "-b", "-o", aligned], input=(header + rows).encode(), check=True)
    out = OutputLayout(str(folder / "out"))
    job = mark_duplicates(
        "expt", stored(aligned), chain.reference, out, optical_distance=OPTICAL_DISTANCE, engine=engine
    )
    result = bench.run(job)
    return picard_numbers(result.path("metrics").read_text()), result.report.warnings


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize(
    ("run", "umi", "warned"),
    [("1", "", 0), ("1", ":ACGT+TTGA", 1), ("1", "_ACGT", 1), ("KOL-0149", ":ACGT+TTGA", 1), ("KOL-0149", "", 0)],
    ids=["no UMI", "a UMI", "umi_tools", "Element with a UMI", "Element"],
)
def test_optical_duplicates_are_found_in_names_with_and_without_umi(
    bench: Bench, chain: Chain, tmp_path: Path, run: str, umi: str, warned: int, engine: Engine
) -> None:
    names = [f"M:{run}:FC1:{name}{umi}" for name in SPLIT_CLUSTER]
    numbers, warnings = marked_clusters(bench, chain, tmp_path, [names], engine)
    assert numbers["read_pair_duplicates"] == numbers["read_pair_optical_duplicates"] == 1
    assert len(warnings) == warned
    assert all("have UMIs in their names" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("engine", "umis"), [(Engine.GATK, (":ACGT", "")), (Engine.NATIVE, (":ACGT", "")), (Engine.NATIVE, ("", ":ACGT"))]
)
def test_optical_duplicates_are_found_in_all_runs_if_only_some_have_umis(
    bench: Bench, chain: Chain, tmp_path: Path, engine: Engine, umis: tuple[str, ...]
) -> None:
    names = [[f"M:1:FC1:{name}{umi}" for name in SPLIT_CLUSTER] for umi in umis]
    numbers, _ = marked_clusters(bench, chain, tmp_path, names, engine)
    assert numbers["read_pair_duplicates"] == numbers["read_pair_optical_duplicates"] == len(umis)


def test_the_optical_distance_is_passed_to_picard() -> None:
    job = mark_duplicates("expt", somewhere("/x.bam"), reference(), LAYOUT, optical_distance=100, engine=Engine.GATK)
    assert "optical_distance=100" in job.script
    assert job.parameters == {"engine": "gatk", "optical_distance": 100}
    with pytest.raises(InputError, match="optical distance -1 is not valid"):
        mark_duplicates("expt", somewhere("/x.bam"), reference(), LAYOUT, optical_distance=-1, engine=Engine.GATK)


def test_a_truncated_bam_is_a_failure(bench: Bench, chain: Chain, tmp_path: Path) -> None:
    data = chain.results["aligned_bam"].path("bam").read_bytes()
    truncated = tmp_path / "truncated.bam"
    truncated.write_bytes(data[: len(data) // 2])
    job = mark_duplicates(
        "expt", stored(truncated), chain.reference, LAYOUT, optical_distance=OPTICAL_DISTANCE, engine=Engine.GATK
    )
    assert "failed with exit code 1" in bench.failure(job)


def test_a_bam_of_another_reference_is_a_failure(bench: Bench, chain: Chain, tmp_path: Path) -> None:
    other = tmp_path / "other.bam"
    header = "@SQ\tSN:chr1\tLN:248956422\n@SQ\tSN:chrM\tLN:16569\n"
    subprocess.run(["samtools", "view", "-b", "-o", other], input=header, text=True, check=True)
    job = mark_duplicates(
        "expt", stored(other), chain.reference, LAYOUT, optical_distance=OPTICAL_DISTANCE, engine=Engine.GATK
    )
    assert bench.failure(job) == (
        "expt.aln.bam is of another reference: its contig 1 is chr1 of 248956422 bases, and that of genome.dict is "
        "chrM of 16569 bases: align the reads to the reference of this project"
    )
