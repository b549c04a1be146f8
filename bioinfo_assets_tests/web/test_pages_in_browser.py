"""What Dagit's pages show of a project: quality, runs of the command line, and what is out of date."""

import getpass
import gzip
import re
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page

from bioinfo_assets.assets.materialize_stale import materialize_stale
from bioinfo_assets.assets.up_to_date import check_job
from bioinfo_assets_tests.cli.commands import call_process
from bioinfo_assets_tests.cli.test_dagit import LAUNCH, OVER
from bioinfo_assets_tests.cli.test_dagit import Page as Dagit
from bioinfo_assets_tests.waiting import wait_until
from bioinfo_assets_tests.web.demo_server import OTHER, SAMPLE, take_screenshot

pytestmark = pytest.mark.xdist_group("browser")


def open_page(page: Page, dagit: Dagit, path: str) -> None:
    page.goto(f"{dagit.address}{path}")


def test_the_lineage_of_all_assets_is_drawn(page: Page, dagit: Dagit) -> None:
    groups = ("sources", "reference", "reads", "alignment", "metrics", "report")
    expanded = quote(",".join(f"global@global:{group}" for group in groups))
    open_page(page, dagit, f"/asset-groups?expanded={expanded}")
    for name in ("merged_reads", "recalibrated_bam", "multiqc_report"):
        page.get_by_text(name, exact=True).first.wait_for()
    page.wait_for_timeout(1000)  # until the picture stands still
    take_screenshot(page, "lineage")


def test_a_check_that_fails_names_the_samples_and_the_figures(page: Page, dagit: Dagit) -> None:
    open_page(page, dagit, "/assets/marked_bam?view=checks&checkDetail=duplicates")
    text = page.get_by_text(re.compile("2 of 2 fail: ")).first
    text.wait_for()
    shown = text.inner_text()
    assert f"{SAMPLE} (duplicates 0." in shown
    assert f"{OTHER} (duplicates 0." in shown
    assert "is above 0.001" in shown
    take_screenshot(page, "quality")


def test_a_run_of_the_command_line_can_be_started_again(page: Page, dagit: Dagit) -> None:
    open_page(page, dagit, "/runs")
    page.get_by_text("align_samples").first.wait_for()
    page.locator("a[href^='/runs/']").first.click()
    page.get_by_role("button", name=re.compile("Re-execute")).first.wait_for()
    page.get_by_text("materialized", exact=False).first.wait_for()


def test_a_sample_that_was_accepted_is_shown_with_who_and_why(page: Page, dagit: Dagit) -> None:
    words = ("--accept", "duplicates", "--samples", SAMPLE, "--reason", "a library of little DNA")
    assert call_process("qc", "--output-path", dagit.output, *words).exit_code == 0
    open_page(page, dagit, "/assets/marked_bam?view=checks&checkDetail=duplicates")
    page.get_by_text("Execute", exact=True).first.click()
    page.get_by_text(re.compile(f"accepted by {getpass.getuser()} on .*: a library of little DNA")).first.wait_for()
    page.get_by_text(re.compile(f"1 of 2 fail: {OTHER}")).first.wait_for()


def test_the_page_of_a_run_that_failed_names_sample_and_reason(page: Page, dagit: Dagit) -> None:
    fastq = reads_of(dagit.output / "data", OTHER)
    data = fastq.read_bytes()
    fastq.write_bytes(data[: len(data) // 2])
    words = ("--samples", OTHER, "--select", "merged_reads")
    assert call_process("run", "--output-path", dagit.output, *words).exit_code == 1
    fastq.write_bytes(data)
    open_page(page, dagit, "/runs")
    page.locator("a[href^='/runs/']").first.click()
    page.get_by_text(f"merged_reads of {OTHER}: {fastq.name} is not a complete gzip file").first.wait_for()


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example"}], ids=str)
def test_a_request_that_a_page_of_another_site_makes_is_refused(dagit: Dagit, headers: dict[str, str]) -> None:
    """Pages here work because they are of the same site, API and subscriptions included."""
    request = urllib.request.Request(f"{dagit.address}/graphql?query=%7Bversion%7D", headers=headers)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=20)


def test_the_launchpad_explains_its_options(page: Page, dagit: Dagit) -> None:
    open_page(page, dagit, "/locations/bioinfo_assets/jobs/align_samples/playground")
    page.get_by_text("options set here are those of", exact=False).first.wait_for()


def run_job(dagit: Dagit, name: str) -> None:
    params = {"selector": {**dagit.selector(), "pipelineName": name}, "mode": "default", "runConfigData": {}}
    run_id = dagit.query(LAUNCH, p=params)["launchPipelineExecution"]["run"]["runId"]
    wait_until(lambda: dagit.status(run_id) in OVER, what="the run to end")
    assert dagit.status(run_id) == "SUCCESS"


def status(dagit: Dagit) -> str:
    return call_process("status", "--output-path", dagit.output).stdout


def reads_of(folder: Path, sample: str) -> Path:
    (fastq,) = folder.rglob(f"{sample}_FC1_L1_1.fastq.gz")
    return fastq


def change_reads(folder: Path, sample: str) -> None:
    """Replace the first base of a FASTQ."""
    fastq = reads_of(folder, sample)
    header, bases, rest = gzip.decompress(fastq.read_bytes()).split(b"\n", 2)
    first = bases[:1].translate(bytes.maketrans(b"ACGTN", b"CATGA"))
    fastq.write_bytes(gzip.compress(b"\n".join((header, first + bases[1:], rest))))


@pytest.fixture(scope="module")
def outdated(dagit: Dagit) -> Dagit:
    """The server, after a FASTQ has changed."""
    change_reads(dagit.output / "data", OTHER)
    run_job(dagit, check_job.name)
    assert "stale" in status(dagit)
    return dagit


def test_what_is_out_of_date_is_shown(page: Page, outdated: Dagit) -> None:
    dagit = outdated
    open_page(page, dagit, "/assets/depth?view=checks&checkDetail=up_to_date")
    page.get_by_text(f"1 of 2 out of date: {OTHER}").first.wait_for()
    take_screenshot(page, "out_of_date")


@pytest.mark.long  # Dagster's daemon looks for backfills twice a minute
def test_what_is_out_of_date_is_brought_up_to_date_by_one_job(page: Page, outdated: Dagit) -> None:
    dagit = outdated
    open_page(page, dagit, f"/locations/bioinfo_assets/jobs/{materialize_stale.name}/playground")
    page.get_by_role("button", name="Launch Run").first.click()
    wait_until(lambda: "stale" not in status(dagit), what="the stale results to be computed")

    open_page(page, dagit, "/assets/depth?view=checks&checkDetail=up_to_date")
    page.get_by_text(re.compile("^up to date")).first.wait_for()
