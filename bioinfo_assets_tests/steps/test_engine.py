"""The steps that the native engine computes: the same contents as GATK and Picard, so nothing after them is stale."""

import hashlib
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps.duplicates import mark_duplicates
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.steps.files import IndexedBam
from bioinfo_assets.steps.metrics import alignment_metrics
from bioinfo_assets.steps.recalibration import Recalibration, recalibrate
from bioinfo_assets_tests.steps.bench import Bench, StepResult, samtools, stored
from bioinfo_assets_tests.steps.builders import OPTICAL_DISTANCE, QUANTIZED_QUALS
from bioinfo_assets_tests.steps.chain import SAMPLE, Chain


@pytest.fixture(scope="module")
def native(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, StepResult]:
    """The results of the engine on the same inputs, by asset."""
    folder = tmp_path_factory.mktemp("native")
    layout = OutputLayout(str(folder / "results"))
    recalibration = Recalibration(chain.sites, QUANTIZED_QUALS, Engine.NATIVE)
    jobs = [
        mark_duplicates(
            SAMPLE,
            chain.results["aligned_bam"].files["bam"],
            chain.reference,
            layout,
            optical_distance=OPTICAL_DISTANCE,
            engine=Engine.NATIVE,
        ),
        recalibrate(SAMPLE, chain.marked, chain.reference, recalibration, layout),
        alignment_metrics(SAMPLE, chain.recalibrated, chain.reference, layout, Engine.NATIVE),
    ]
    results = Bench(folder / "scratch").run_all(jobs)
    return {job.key.asset: result for job, result in zip(jobs, results, strict=True)}


@pytest.mark.parametrize("asset", ["marked_bam", "recalibrated_bam", "alignment_metrics"])
def test_contents_facts_and_warnings_are_those_of_the_originals(
    chain: Chain, native: Mapping[str, StepResult], asset: str
) -> None:
    ours, theirs = native[asset], chain.results[asset]
    assert ours.contents == theirs.contents
    assert ours.report.facts == theirs.report.facts
    assert ours.report.warnings == theirs.report.warnings


def test_the_index_and_the_md5_are_of_the_bam(native: Mapping[str, StepResult], tmp_path: Path) -> None:
    result = native["recalibrated_bam"]
    data = result.path("bam").read_bytes()
    assert result.path("md5").read_text() == hashlib.md5(data, usedforsecurity=False).hexdigest()
    records = samtools("view", str(result.path("bam")))
    place = records[len(records) // 2].split("\t")[3]
    found = samtools("view", str(result.path("bam")), f"chrM:{place}-{place}")
    copy = tmp_path / "copy.bam"
    copy.write_bytes(data)
    subprocess.run(["samtools", "index", copy], check=True)
    assert found
    assert found == samtools("view", str(copy), f"chrM:{place}-{place}")


def test_the_program_and_its_method_are_in_the_header(native: Mapping[str, StepResult]) -> None:
    def programs(asset: str) -> list[dict[str, str]]:
        header = samtools("view", "-H", "--no-PG", str(native[asset].path("bam")))
        return [dict(field.split(":", 1) for field in line.split("\t")[1:]) for line in header if line[:3] == "@PG"]

    recalibrated = programs("recalibrated_bam")
    assert [program["ID"] for program in recalibrated] == ["bwa", "MarkDuplicates", "bioinfo-assets-engine"]
    assert recalibrated[-1]["PP"] == "MarkDuplicates"
    assert "ApplyBQSR" in recalibrated[-1]["DS"]
    marked = programs("marked_bam")
    assert [program.get("PP") for program in marked] == [None, *(program["ID"] for program in marked[:-1])]
    assert "MarkDuplicates" in marked[1]["DS"]


def test_what_the_engine_reports_as_wrong_is_why_the_job_fails(chain: Chain, bench: Bench, tmp_path: Path) -> None:
    cut = tmp_path / "cut.bam"
    cut.write_bytes(Path(chain.marked.bam.uri).read_bytes()[:-5000])
    marked = IndexedBam(stored(cut), chain.marked.bai)
    recalibration = Recalibration(chain.sites, QUANTIZED_QUALS, Engine.NATIVE)
    job = recalibrate(SAMPLE, marked, chain.reference, recalibration, OutputLayout(str(tmp_path / "out")))
    reason = bench.failure(job)
    assert reason.startswith(f"{SAMPLE}.mark_dup.bam ")
    assert "truncated" in reason


def test_the_first_program_of_a_pipe_that_fails_has_the_reason(chain: Chain, bench: Bench, tmp_path: Path) -> None:
    """After `mark`, `samtools sort` and `finish` fail as well."""
    apart = tmp_path / "apart.bam"
    aligned = samtools("view", "-h", "--no-PG", chain.results["aligned_bam"].files["bam"].uri)
    header = [line for line in aligned if line[0] == "@"]
    records = sorted((line for line in aligned if line[0] != "@"), key=lambda line: line.split("\t")[1])
    text = "\n".join([*header, *records, ""])
    subprocess.run(["samtools", "view", "-b", "--no-PG", "-o", apart], input=text, text=True, check=True)
    job = mark_duplicates(
        SAMPLE,
        stored(apart),
        chain.reference,
        OutputLayout(str(tmp_path / "out")),
        optical_distance=OPTICAL_DISTANCE,
        engine=Engine.NATIVE,
    )
    reason = bench.failure(job)
    assert reason.startswith(f"{SAMPLE}.aln.bam ")
