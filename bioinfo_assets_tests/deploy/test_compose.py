"""deploy/compose on the Docker engine, with moto as S3: what a group does with it, in Debian's Chromium."""

import base64
import gzip
import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from playwright.sync_api import Page, sync_playwright

from bioinfo_assets.assets.up_to_date import check_job
from bioinfo_assets_tests.cli.test_dagit import BACKFILLS, LAUNCH, OVER, REEXECUTE
from bioinfo_assets_tests.container_engine import CLONE, Engine, engine, tools_image  # noqa: F401 - fixtures
from bioinfo_assets_tests.e2e.account import free_port, moto
from bioinfo_assets_tests.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("docker")]

USER, PASSWORD = "dagit", "a password"
BUCKET, RESULTS = "genomes", "s3://genomes/results"
TAG: Final = "test"
SLOW_S: Final = 600
LOCATIONS: Final = """{ workspaceOrError { ... on Workspace {
    locationEntries { locationOrLoadError { __typename } } } } }"""


@dataclass(frozen=True)
class Deployment:
    """The running services: the page's address, the folder with their settings, and the bucket's server."""

    address: str
    folder: Path
    s3_port: int

    def compose(self, *words: str, check: bool = True) -> str:
        """Run a command of compose; return its output."""
        command = ["docker-compose", "--file", str(CLONE / "deploy" / "compose" / "compose.yaml"), *words]
        environment = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": "compose_test",
            "DATABASE_PASSWORD": "of the database",
            "DAGIT_PASSWORD": PASSWORD,
            "SETTINGS": str(self.folder / "settings.env"),
            "LISTEN": self.address.removeprefix("http://"),
            **{f"{name.upper()}_IMAGE": f"bioinfo-assets-{name}:{TAG}" for name in ("app", "database", "proxy")},
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or not check, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    def run(self, *words: str) -> str:
        """Run `bioinfo-assets` next to the code location."""
        return self.compose("exec", "-T", "code", "bioinfo-assets", *words, "--output-path", RESULTS)

    def get(self, path: str, body: bytes | None = None, *, authorized: bool = True) -> bytes:
        headers = {"Content-Type": "application/json"}
        if authorized:
            headers["Authorization"] = f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"
        with urllib.request.urlopen(urllib.request.Request(self.address + path, body, headers), timeout=60) as response:
            return bytes(response.read())

    def query(self, query: str, **variables: object) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        return dict(json.loads(self.get("/graphql", body))["data"])

    def is_up(self) -> bool:
        try:
            entries = self.query(LOCATIONS)["workspaceOrError"]["locationEntries"]
        except (OSError, ValueError):
            return False
        return [entry["locationOrLoadError"]["__typename"] for entry in entries] == ["RepositoryLocation"]

    def wait_for_run(self, run_id: str) -> str:
        query = "query($r: ID!) { runOrError(runId: $r) { ... on Run { status } } }"

        def status() -> str:
            return str(self.query(query, r=run_id)["runOrError"]["status"])

        wait_until(lambda: status() in OVER, SLOW_S, "the run to end")
        return status()

    def bucket(self) -> Any:
        return boto3.client(
            "s3", endpoint_url=f"http://127.0.0.1:{self.s3_port}", region_name="us-east-1",
            aws_access_key_id="someone", aws_secret_access_key="secret",  # noqa: S106 - of moto
        )  # fmt: skip


def build_images(engine: Engine, tools_image: str) -> None:  # noqa: F811
    words = [f"DOCKER={engine.client}", f"LOCAL_IMAGE={tools_image}", f"DEPLOYMENT_TAG={TAG}", "REVISION=test"]
    built = subprocess.run(["make", "build-deployment", *words], cwd=CLONE, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]


@pytest.fixture(scope="module")
def deployment(engine: Engine, tools_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:  # noqa: F811
    """The services, with two samples of simulated reads in S3."""
    build_images(engine, tools_image)
    folder = tmp_path_factory.mktemp("compose")
    with moto(folder / "moto.log") as port:
        sources = f"{RESULTS}/samples/simulated"
        settings = {
            "BIOINFO_ASSETS_OUTPUT_PATH": RESULTS,
            "BIOINFO_ASSETS_BACKEND": "local",
            "BIOINFO_ASSETS_CRAM": "external",
            "BIOINFO_ASSETS_REFERENCE": f"{sources}.fa.gz",
            "BIOINFO_ASSETS_KNOWN_SITES": f"{sources}.snps.vcf.gz,{sources}.indels.vcf.gz",
            "COMPUTE_LOG_BUCKET": BUCKET,
            "AWS_ENDPOINT_URL": f"http://host.docker.internal:{port}",
            "AWS_ACCESS_KEY_ID": "someone",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        (folder / "settings.env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        services = Deployment(f"http://127.0.0.1:{free_port()}", folder, port)
        services.bucket().create_bucket(Bucket=BUCKET)
        try:
            services.compose("up", "--detach")
            wait_until(services.is_up, SLOW_S, "the code location")
            services.run("prepare-samples")
            services.run("samples", "add", f"{RESULTS}/samples.txt")
            services.run("sync")
            yield services
        finally:
            (folder / "services.log").write_text(services.compose("logs", "--no-color", check=False))
            services.compose("down", "--volumes", "--timeout", "5", check=False)


@pytest.fixture(scope="module")
def page(deployment: Deployment) -> Iterator[Page]:
    """A browser of somebody who has the password."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        context = browser.new_context(
            http_credentials={"username": USER, "password": PASSWORD}, viewport={"width": 1600, "height": 1000}
        )
        context.set_default_timeout(60_000)
        yield context.new_page()
        browser.close()


def launch_backfill(page: Page, deployment: Deployment, path: str, button: str) -> str:
    """Materialize all partitions of what a page shows; return the status of the backfill at its end."""
    page.goto(deployment.address + path)
    page.get_by_role("button", name=button).first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="All", exact=True).click()
    before = {backfill["id"] for backfill in deployment.query(BACKFILLS)["partitionBackfillsOrError"]["results"]}
    dialog.get_by_role("button", name="Launch").click()

    def launched() -> dict[str, Any] | None:
        results = deployment.query(BACKFILLS)["partitionBackfillsOrError"]["results"]
        return next((result for result in results if result["id"] not in before), None)

    def is_over() -> bool:
        found = launched()
        return found is not None and found["status"] not in {"REQUESTED", "CANCELING", "FAILING"}

    wait_until(is_over, SLOW_S, "the backfill to end")
    found = launched()
    assert found is not None
    return str(found["status"])


def test_nobody_gets_in_without_the_password(deployment: Deployment) -> None:
    for path in ("/", "/graphql", "/assets/depth"):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            deployment.get(path, authorized=False)


def test_a_backfill_of_everything_from_the_lineage_graph(deployment: Deployment, page: Page) -> None:
    assert launch_backfill(page, deployment, "/asset-groups", "Materialize all") == "COMPLETED_SUCCESS"
    assert "no problems found" in deployment.run("verify")
    page.goto(f"{deployment.address}/assets/recalibrated_bam?view=partitions")
    page.get_by_text("Materialized (2)").wait_for()


def test_the_lineage_of_a_recalibrated_bam(deployment: Deployment, page: Page) -> None:
    page.goto(f"{deployment.address}/assets/recalibrated_bam?view=lineage")
    for upstream in ("marked_bam", "known_sites"):
        page.get_by_text(upstream, exact=True).first.wait_for()
    lineage = deployment.compose(
        "exec", "-T", "code", "bioinfo-assets", "log", f"{RESULTS}/sparrow/sparrow.recalib.bam",
        "--output-path", RESULTS,
    )  # fmt: skip
    assert "sparrow_FC1_L1_1.fastq.gz" in lineage


def test_what_jobs_print_is_in_the_bucket(deployment: Deployment) -> None:
    listed = deployment.bucket().list_objects_v2(Bucket=BUCKET, Prefix="compute-logs/storage/")["Contents"]
    logs = [item["Key"] for item in listed if item["Size"] > 0 and item["Key"].endswith(".err")]
    texts = [deployment.bucket().get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in logs]
    assert any(b"[M::mem_process_seqs]" in text for text in texts)  # of bwa


def test_a_failure_is_seen_repaired_and_retried(deployment: Deployment, page: Page) -> None:
    """The reads of one sample are cut off, and later there again."""
    bucket, key = deployment.bucket(), "results/samples/tumbler/tumbler_FC1_L1_1.fastq.gz"
    whole = bucket.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    bucket.put_object(Bucket=BUCKET, Key=key, Body=whole[: len(whole) // 2])
    assert launch_backfill(page, deployment, "/assets/merged_reads", "Materialize") == "COMPLETED_FAILED"
    runs = deployment.query("{ runsOrError(limit: 1) { ... on Runs { results { runId status } } } }")
    (failed,) = runs["runsOrError"]["results"]
    page.goto(f"{deployment.address}/runs/{failed['runId']}")
    page.get_by_text("tumbler_FC1_L1_1.fastq.gz is not a complete gzip file").first.wait_for()

    bucket.put_object(Bucket=BUCKET, Key=key, Body=whole)
    params = {"parentRunId": failed["runId"], "strategy": "FROM_FAILURE"}
    launched = deployment.query(REEXECUTE, p=params)["launchPipelineReexecution"]
    assert deployment.wait_for_run(launched["run"]["runId"]) == "SUCCESS"


def test_files_of_results_are_served_to_who_has_the_password(deployment: Deployment) -> None:
    path = "/results/multiqc/multiqc_report.html"
    assert b"multiqc" in deployment.get(path)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        deployment.get(path, authorized=False)


def test_what_is_stale_is_seen(deployment: Deployment, page: Page) -> None:
    """A FASTQ is replaced by one with other reads."""
    bucket, key = deployment.bucket(), "results/samples/tumbler/tumbler_FC1_L1_1.fastq.gz"
    reads = gzip.decompress(bucket.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    header, bases, rest = reads.split(b"\n", 2)
    changed = b"\n".join((header, bases.translate(bytes.maketrans(b"AC", b"CA")), rest))
    bucket.put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(changed))
    selector = {"repositoryName": "__repository__", "repositoryLocationName": "bioinfo_assets"}
    params = {"selector": {**selector, "pipelineName": check_job.name}, "mode": "default", "runConfigData": {}}
    launched = deployment.query(LAUNCH, p=params)["launchPipelineExecution"]
    assert deployment.wait_for_run(launched["run"]["runId"]) == "SUCCESS"
    assert "stale" in deployment.run("status")
    page.goto(f"{deployment.address}/assets/depth?view=checks&checkDetail=up_to_date")
    page.get_by_text("1 of 2 out of date: tumbler").first.wait_for()
