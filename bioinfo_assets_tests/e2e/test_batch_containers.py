"""The whole pipeline on AWS Batch, with real containers of the project's own image.

A Docker engine runs the jobs; moto's server stands in for S3, Batch, CloudWatch and the rest of AWS, set up by the
project's own CloudFormation template. Host and jobs have the permissions of that template and no others. The results
are compared with those of local processes from the same data.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from types import MappingProxyType

import boto3
import dagster as dg
import pytest
import tomli_w

from bioinfo_assets.pipeline.graph import PER_SAMPLE, SHARED_SCOPES_BY_ASSET, enabled_assets
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.settings import Settings
from bioinfo_assets.storage.store import Store, join
from bioinfo_assets_tests.cli.commands import COMMAND
from bioinfo_assets_tests.container_engine import engine, tools_image
from bioinfo_assets_tests.e2e.account import Account, account

__all__ = ["account", "engine", "tools_image"]

pytestmark = pytest.mark.xdist_group("docker")

SAMPLES = ("sparrow", "tumbler")
ENABLED = enabled_assets(Settings(output_path="/out", known_sites=("sites.vcf.gz",), cram="embedded"))
"""The assets that the settings ask for."""
RESULTS = [
    (asset, scope)
    for asset in ENABLED
    for scope in (SAMPLES if asset in PER_SAMPLE else (SHARED_SCOPES_BY_ASSET[asset],))
]
FILES_WITH_TIMES = MappingProxyType(
    {
        "trimmed_reads": {"log", "json"},
        "marked_bam": {"metrics"},
        "alignment_metrics": {"metrics"},
        "insert_size_metrics": {"metrics", "histogram"},
        "multiqc_report": {"report", "data"},
    }
)
"""By asset, the files in which tools write when and where they ran; their canonical forms omit that."""


@dataclass(frozen=True)
class Project:
    """A project on Batch, and the environment of its user."""

    output_path: str
    environment: dict[str, str]

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command on the project, as a user does."""
        command = [COMMAND, *arguments, "--output-path", self.output_path]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=self.environment)

    @property
    def ledger(self) -> Ledger:
        return Ledger(Store(), self.output_path)

    @property
    def home(self) -> str:
        return self.environment["DAGSTER_HOME"]


@pytest.fixture(scope="module")
def project(account: Account, tools_image: str, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A new project with the settings from the template's stack, and with the image of this clone."""
    home = tmp_path_factory.mktemp("home")
    output_path = f"{account.outputs['BucketUri']}/demo"
    settings = {
        "output_path": output_path,
        "backend": "batch",
        "cram": "embedded",
        "scratch": f"{account.outputs['BucketUri']}/scratch",
        "jobs": {
            "queue": account.outputs["SpotQueueName"],
            "image": tools_image,
            "name_prefix": account.name_prefix,
            "job_role": account.outputs["JobRoleArn"],
            "execution_role": account.outputs["ExecutionRoleArn"],
            "environment": {**account.container_environment, "JDK_JAVA_OPTIONS": os.environ["JDK_JAVA_OPTIONS"]},
        },
        "batch": {
            "log_group": account.outputs["LogGroupName"],
            "scratch_volume": str(account.disk),
            "poll_interval_s": 0.5,
        },
    }
    (home / "bioinfo-assets.toml").write_text(tomli_w.dumps(settings))
    return Project(output_path, {**os.environ, "DAGSTER_HOME": str(home)})


def count_submitted_jobs() -> int:
    batch = boto3.client("batch")
    pages = batch.get_paginator("list_jobs").paginate(
        jobQueue="genomes-spot", filters=[{"name": "JOB_NAME", "values": ["genomes_*"]}]
    )
    return sum(len(page["jobSummaryList"]) for page in pages)


def read(ledger: Ledger, asset: str, scope: str) -> Record:
    record = ledger.read(ResultKey(asset, scope))
    assert record is not None
    return record


@pytest.fixture(scope="module")
def first_run(project: Project) -> subprocess.CompletedProcess[str]:
    return project.call("demo", "--json")


@pytest.fixture(scope="module")
def local_ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """The records of the same run by local processes."""
    output_path = tmp_path_factory.mktemp("local") / "demo"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DAGSTER")}
    environment["BIOINFO_ASSETS_CRAM"] = "embedded"
    completed = subprocess.run(
        [COMMAND, "demo", "--output-path", output_path], capture_output=True, text=True, check=False, env=environment
    )
    assert completed.returncode == 0, completed.stderr
    return Ledger(Store(), str(output_path))


def test_every_asset_is_computed_by_a_job_on_batch(first_run: subprocess.CompletedProcess[str]) -> None:
    assert first_run.returncode == 0, first_run.stderr
    counts = json.loads(first_run.stdout)["jobs"]
    assert {asset: row["done"] for asset, row in counts.items() if asset in ENABLED} == {
        asset: 2 if asset in PER_SAMPLE else 1 for asset in ENABLED
    }
    # One reads the image's tool versions. Merging and trimming need the same machine, so they are one job.
    assert count_submitted_jobs() == len(RESULTS) + 1 - len(SAMPLES)


@pytest.mark.parametrize(("asset", "scope"), RESULTS)
@pytest.mark.usefixtures("first_run")
def test_a_result_equals_that_of_local_processes(
    project: Project, local_ledger: Ledger, asset: str, scope: str
) -> None:
    remote, local = read(project.ledger, asset, scope), read(local_ledger, asset, scope)
    assert remote.data_version == local.data_version
    assert [(file.key, file.content) for file in remote.outputs] == [(file.key, file.content) for file in local.outputs]
    differs = {
        first.key for first, second in zip(remote.outputs, local.outputs, strict=True) if first.sha256 != second.sha256
    }
    assert differs <= FILES_WITH_TIMES.get(asset, set())
    assert (remote.script, remote.tools, remote.facts) == (local.script, local.tools, local.facts)


@pytest.mark.parametrize(("asset", "scope"), RESULTS)
@pytest.mark.usefixtures("first_run")
def test_published_files_have_the_recorded_digests(project: Project, asset: str, scope: str) -> None:
    outputs = read(project.ledger, asset, scope).outputs
    assert outputs
    for file in outputs:
        assert project.ledger.store.digest(file.uri) == f"sha256:{file.sha256}"


@pytest.mark.usefixtures("first_run")
def test_a_record_names_backend_and_image_and_has_the_cost(project: Project, tools_image: str) -> None:
    record = read(project.ledger, "aligned_bam", "sparrow")
    assert (record.backend, record.image, record.attempts) == ("batch", tools_image, 1)
    assert (record.peak_memory_mib or 0) > 10
    assert (record.cpu_s or 0) > 0


@pytest.mark.usefixtures("first_run")
def test_only_tool_versions_and_queues_are_left_in_scratch(project: Project) -> None:
    layout = project.ledger.layout
    scratch = join(project.output_path.rpartition("/")[0], "scratch", layout.project_name)
    remaining = [uri.removeprefix(f"{scratch}/") for uri in Store().list(scratch, recursive=True)]
    assert {uri.partition("/")[0] for uri in remaining} == {"images", "queues"}


@pytest.mark.usefixtures("first_run")
def test_lineage_has_the_upstream_versions_of_a_result(project: Project) -> None:
    with dg.DagsterInstance.from_config(project.home) as instance:
        key = dg.AssetKey("marked_bam")
        records = instance.fetch_materializations(dg.AssetRecordsFilter(key, asset_partitions=["sparrow"]), limit=1)
        materialization = records.records[0].asset_materialization
    assert materialization is not None
    tags, ledger = materialization.tags or {}, project.ledger
    assert tags["dagster/data_version"] == read(ledger, "marked_bam", "sparrow").data_version
    assert (
        tags["dagster/input_data_version/reference_genome"]
        == read(ledger, "reference_genome", "references").data_version
    )
    assert {name.removeprefix("dagster/input_data_version/") for name in tags if "input_data_version" in name} == {
        "aligned_bam",
        "reference_genome",
        "reference_index",
    }


@pytest.mark.usefixtures("first_run")
def test_a_second_run_reuses_everything_and_submits_no_job(project: Project) -> None:
    before = count_submitted_jobs()
    second = project.call("run", "--json")
    assert second.returncode == 0, second.stderr
    assert sum(row["cached"] for row in json.loads(second.stdout)["jobs"].values()) == len(RESULTS)
    assert count_submitted_jobs() == before


@pytest.mark.usefixtures("first_run")
def test_doctor_finds_no_problem(project: Project) -> None:
    completed = project.call("doctor", "--json")
    assert completed.returncode == 0, completed.stdout
    checks = json.loads(completed.stdout)
    assert checks
    assert all(check["ok"] for check in checks)
