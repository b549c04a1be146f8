import subprocess
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.steps.files import IndexedBam
from bioinfo_assets.steps.recalibration import Recalibration, recalibrate
from bioinfo_assets_tests.steps.bench import TOOL_PATH, Bench, StepResult, samtools, stored
from bioinfo_assets_tests.steps.builders import LAYOUT, QUANTIZED_QUALS, bam, reference, sites
from bioinfo_assets_tests.steps.chain import LANES, SAMPLE, Chain

NO_SITES = Recalibration((), QUANTIZED_QUALS, Engine.GATK)


@pytest.fixture(scope="module")
def recalibrated(chain: Chain) -> StepResult:
    return chain.results["recalibrated_bam"]


def test_qualities_are_quantized_or_too_low_to_recalibrate(recalibrated: StepResult) -> None:
    """ApplyBQSR does not change qualities below 6, and writes 10, 20 and 30."""
    lines = samtools("view", str(recalibrated.path("bam")))
    assert {ord(character) - 33 for line in lines for character in line.split("\t")[10]} <= {*range(6), 10, 20, 30}


def test_only_qualities_change(chain: Chain, recalibrated: StepResult) -> None:
    def without_qualities(path: Path) -> list[list[str]]:
        return [
            fields[:10] + sorted(fields[11:]) for fields in (line.split("\t") for line in samtools("view", str(path)))
        ]

    assert without_qualities(recalibrated.path("bam")) == without_qualities(Path(chain.marked.bam.uri))


def test_each_lane_has_a_fact_with_its_observed_bases(recalibrated: StepResult) -> None:
    facts = recalibrated.report.facts
    each = [int(facts[f"observed_bases.{flowcell}.{number}"]) for flowcell, number in LANES]
    assert facts["recalibrated"] == "yes"
    assert sum(each) == int(facts["observed_bases"])
    assert min(each) > 1000


def test_too_few_observed_bases_give_one_warning(recalibrated: StepResult) -> None:
    facts = recalibrated.report.facts
    groups = [f"{flowcell}.{number}" for flowcell, number in LANES]
    fewest = min(groups, key=lambda group: int(facts[f"observed_bases.{group}"]))
    (warning,) = recalibrated.report.warnings
    assert warning == (
        f"{SAMPLE}: 4 read groups have fewer than 100 million observed bases, the fewest {fewest} with "
        f"{facts[f'observed_bases.{fewest}']}: their recalibrated qualities are inaccurate"
    )


def test_index_and_md5_match_the_bam(recalibrated: StepResult) -> None:
    line = f"{recalibrated.path('md5').read_text()}  {recalibrated.path('bam')}\n"
    assert (
        subprocess.run(["md5sum", "--check"], input=line, capture_output=True, check=False, text=True).returncode == 0
    )
    assert samtools("idxstats", str(recalibrated.path("bam")))[0].startswith("chrM\t16569\t")


def test_program_lines_are_one_chain(chain: Chain, recalibrated: StepResult) -> None:
    """PP of each @PG is the ID of the one before (SAM specification, section 1.3); the aligner's is the first."""

    def programs(path: Path) -> list[tuple[str, str | None]]:
        lines = [line.split("\t")[1:] for line in samtools("view", "-H", "--no-PG", str(path)) if line[:3] == "@PG"]
        tags = [dict(field.split(":", 1) for field in line) for line in lines]
        return [(program["ID"], program.get("PP")) for program in tags]

    aligned, marked = ("bwa", None), ("MarkDuplicates", "bwa")
    assert programs(chain.results["aligned_bam"].path("bam")) == [aligned]
    assert programs(chain.results["marked_bam"].path("bam")) == [aligned, marked]
    assert programs(recalibrated.path("bam")) == [aligned, marked, ("GATK ApplyBQSR", "MarkDuplicates")]


def test_contigs_keep_their_m5s(chain: Chain, recalibrated: StepResult) -> None:
    def contigs(step: str) -> list[str]:
        return [line for line in samtools("view", "-H", str(chain.results[step].path("bam"))) if line[:3] == "@SQ"]

    assert "M5:" in contigs("aligned_bam")[0]
    assert contigs("recalibrated_bam") == contigs("marked_bam") == contigs("aligned_bam")


def test_a_failure_of_apply_bqsr_ends_the_job(chain: Chain, tmp_path: Path) -> None:
    """The job does not wait for the process that reads ApplyBQSR's BAM."""
    (tmp_path / "bin").mkdir()
    broken = tmp_path / "bin" / "gatk"
    broken.write_text(f'#!/bin/bash\n[[ $1 != ApplyBQSR ]] || exit 3\nexec "{TOOL_PATH[0] / "gatk"}" "$@"\n')
    broken.chmod(0o755)
    bench = Bench(tmp_path / "scratch", (broken.parent, *TOOL_PATH))
    job = recalibrate(
        SAMPLE, chain.marked, chain.reference, Recalibration(chain.sites, QUANTIZED_QUALS, Engine.GATK), LAYOUT
    )
    assert "failed with exit code 3" in bench.failure(job)


CONTIG, M5 = "@SQ\tSN:chrM\tLN:16569", "c68f52674c9fb33aef52dcf399755519"


@pytest.mark.parametrize(
    ("contigs", "difference"),
    [
        (CONTIG, None),  # an imported BAM without M5
        (f"{CONTIG}\tAS:GRCh38\tM5:{M5.upper()}", None),
        (
            f"{CONTIG}\tM5:{'0' * 32}",
            f"1 is chrM of 16569 bases with M5 {'0' * 32}, and that of genome.dict is chrM of 16569 bases with M5 {M5}",
        ),
        ("@SQ\tSN:MT\tLN:16569", "1 is MT of 16569 bases, and that of genome.dict is chrM of 16569 bases"),
        ("@SQ\tSN:chrM\tLN:16571", "1 is chrM of 16571 bases, and that of genome.dict is chrM of 16569 bases"),
        (f"{CONTIG}\n@SQ\tSN:chr1\tLN:9", "2 is chr1 of 9 bases, and that of genome.dict is none"),
        ("@CO\tnone", "1 is none, and that of genome.dict is chrM of 16569 bases"),
    ],
)
def test_a_bam_of_another_reference_is_a_failure(
    chain: Chain, bench: Bench, tmp_path: Path, contigs: str, difference: str | None
) -> None:
    path = tmp_path / "other.bam"
    command = ["samtools", "view", "-b", "--no-PG", "-o", str(path)]
    subprocess.run(command, input=f"@HD\tVN:1.6\tSO:coordinate\n{contigs}\n", text=True, check=True)
    subprocess.run(["samtools", "index", path], check=True)
    other = IndexedBam(stored(path), stored(Path(f"{path}.bai")))
    job = recalibrate("expt", other, chain.reference, NO_SITES, OutputLayout(str(tmp_path / "out")))
    if difference is None:
        assert bench.run(job).report.facts["records"] == "0"
    else:
        assert bench.failure(job) == (
            f"expt.mark_dup.bam is of another reference: its contig {difference}: "
            "align the reads to the reference of this project"
        )


def test_picard_validates_the_bam(chain: Chain, recalibrated: StepResult) -> None:
    bam = str(recalibrated.path("bam"))
    command = [str(TOOL_PATH[0] / "picard"), "ValidateSamFile", "-I", bam, "-MODE", "SUMMARY"]
    validation = subprocess.run(
        [*command, "-R", chain.reference.fasta.uri], capture_output=True, check=False, text=True
    )
    assert validation.stdout.strip().endswith("No errors found"), validation.stdout


def test_without_known_sites_the_marked_bam_is_copied(chain: Chain, bench: Bench, tmp_path: Path) -> None:
    result = bench.run(
        recalibrate(SAMPLE, chain.marked, chain.reference, NO_SITES, OutputLayout(str(tmp_path / "out")))
    )
    assert set(result.files) == {"bam", "bai", "md5"}
    assert result.path("bam").read_bytes() == Path(chain.marked.bam.uri).read_bytes()
    assert result.files["bam"].content == chain.marked.bam.content
    assert result.path("md5").read_text() == chain.results["marked_bam"].path("md5").read_text()
    assert result.report.facts["recalibrated"] == "no"


def test_known_sites_and_quantized_qualities_are_passed_to_gatk() -> None:
    recalibration = Recalibration((sites("a.vcf.gz"), sites("b.vcf.gz")), quantized_quals=(12, 25), engine=Engine.GATK)
    job = recalibrate("expt", bam(), reference(), recalibration, LAYOUT)
    assert "known_sites=(--known-sites a.vcf.gz --known-sites b.vcf.gz)" in job.script
    assert "quantized=(--static-quantized-quals 12 --static-quantized-quals 25)" in job.script
    assert {item.local for item in job.inputs} >= {"a.vcf.gz", "a.vcf.gz.tbi", "b.vcf.gz", "b.vcf.gz.tbi"}


@pytest.mark.parametrize("qualities", [(0,), (10, 94), (-1,)])
def test_invalid_qualities_are_refused(qualities: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="give numbers from 1 to 93"):
        Recalibration((), qualities, Engine.GATK)
