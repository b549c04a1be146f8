"""The whole pipeline on AWS Batch, with real containers of the project's own image.

A Docker engine runs the jobs; moto's server stands for S3, Batch, CloudWatch and the rest of AWS, made by the project's
own CloudFormation template. What comes out is compared with what this machine's processes make of the same data.
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

from bioinfo_assets.pipeline.graph import ASSETS, PER_SAMPLE, SHARED_SCOPES_BY_ASSET
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store, join
from bioinfo_assets_tests.cli.commands import COMMAND
from bioinfo_assets_tests.e2e.account import Account, account
from bioinfo_assets_tests.engine import engine, tools_image

__all__ = ["account", "engine", "tools_image"]

pytestmark = pytest.mark.xdist_group("docker")

SAMPLES = ("sparrow", "tumbler")
RESULTS = [
    (asset, scope)
    for asset in ASSETS
    for scope in (SAMPLES if asset in PER_SAMPLE else (SHARED_SCOPES_BY_ASSET[asset],))
]
WITH_TIMES = MappingProxyType(
    {
        "trimmed_reads": {"log", "json"},
        "marked_bam": {"metrics"},
        "alignment_metrics": {"metrics"},
        "insert_size_metrics": {"metrics", "histogram"},
        "multiqc_report": {"report", "data"},
    }
)
"""By asset, the files in which tools write when and where they ran; their canonical forms leave that out."""


@dataclass(frozen=True)
class Project:
    """A project on Batch: its place, and the variables of who works on it."""

    output_path: str
    environment: dict[str, str]

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a command of this project on it, as a user does."""
        command = [COMMAND, *arguments, "--output-path", self.output_path]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=self.environment)

    @property
    def ledger(self) -> Ledger:
        return Ledger(Store(), self.output_path)

    @property
    def home(self) -> str:
        return self.environment["DAGSTER_HOME"]


@pytest.fixture(scope="module")
def project(account: Account, tools_image, tmp_path_factory) -> Project:
    """A new project, its settings those that the template's stack gives, with the image of this clone."""
    home = tmp_path_factory.mktemp("home")
    output_path = f"{account.made['BucketUri']}/demo"
    settings = {
        "output_path": output_path,
        "backend": "batch",
        "scratch": f"{account.made['BucketUri']}/scratch",
        "jobs": {
            "queue": account.made["SpotQueueName"],
            "image": tools_image,
            "job_role": account.made["JobRoleArn"],
            "execution_role": account.made["ExecutionRoleArn"],
            "environment": dict(account.inside),
        },
        "batch": {
            "log_group": account.made["LogGroupName"],
            "scratch_volume": str(account.disk),
            "poll_interval_s": 0.5,
        },
    }
    (home / "bioinfo-assets.toml").write_text(tomli_w.dumps(settings))
    return Project(output_path, {**os.environ, "DAGSTER_HOME": str(home)})


def submitted() -> int:
    """How many jobs Batch was ever given."""
    batch = boto3.client("batch")
    filters = [{"name": "JOB_NAME", "values": ["bioinfo-assets*"]}]
    pages = batch.get_paginator("list_jobs").paginate(jobQueue="genomes-spot", filters=filters)
    return sum(len(page["jobSummaryList"]) for page in pages)


@pytest.fixture(scope="module")
def first(project: Project):
    """What the first run says."""
    return project.call("demo", "--json")


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> Ledger:
    """The same made by processes of this machine."""
    place = tmp_path_factory.mktemp("local") / "demo"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DAGSTER")}
    done = subprocess.run(
        [COMMAND, "demo", "--output-path", place], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    return Ledger(Store(), str(place))


def test_every_asset_is_made_by_a_job_on_batch(project, first) -> None:
    assert first.returncode == 0, first.stderr
    counts = json.loads(first.stdout)["jobs"]
    assert {asset: row["done"] for asset, row in counts.items() if asset in ASSETS} == {
        asset: 2 if asset in PER_SAMPLE else 1 for asset in ASSETS
    }
    assert submitted() == len(RESULTS) + 1  # and one that read the image's list of tools


@pytest.mark.parametrize(("asset", "scope"), RESULTS)
def test_a_result_is_what_this_machine_makes(project, first, here, asset, scope) -> None:
    there, local = project.ledger.read(ResultKey(asset, scope)), here.read(ResultKey(asset, scope))
    assert there.data_version == local.data_version
    assert [(file.key, file.content) for file in there.outputs] == [(file.key, file.content) for file in local.outputs]
    differs = {
        ours.key for ours, theirs in zip(there.outputs, local.outputs, strict=True) if ours.sha256 != theirs.sha256
    }
    assert differs <= WITH_TIMES.get(asset, set())
    assert (there.script, there.tools, there.facts) == (local.script, local.tools, local.facts)


@pytest.mark.parametrize(("asset", "scope"), RESULTS)
def test_what_is_published_has_the_bytes_that_the_record_tells(project, first, asset, scope) -> None:
    for file in project.ledger.read(ResultKey(asset, scope)).outputs:
        assert project.ledger.store.digest(file.uri) == f"sha256:{file.sha256}"


def test_a_record_tells_where_it_was_made(project, first, tools_image) -> None:
    record = project.ledger.read(ResultKey("aligned_bam", "sparrow"))
    assert (record.backend, record.image, record.attempts) == ("batch", tools_image, 1)
    assert record.peak_memory_mib > 10
    assert record.cpu_s > 0


def test_scratch_holds_nothing_but_the_lists_of_tools(project, first) -> None:
    scratch = join(project.output_path.rpartition("/")[0], "scratch")
    left = [uri.removeprefix(f"{scratch}/") for uri in Store().list(scratch, recursive=True)]
    assert {uri.partition("/")[0] for uri in left} == {"images"}


def test_lineage_says_which_versions_a_result_was_made_from(project, first) -> None:
    with dg.DagsterInstance.from_config(project.home) as instance:
        key = dg.AssetKey("marked_bam")
        records = instance.fetch_materializations(dg.AssetRecordsFilter(key, asset_partitions=["sparrow"]), limit=1)
        tags = records.records[0].asset_materialization.tags
    ledger = project.ledger
    assert tags["dagster/data_version"] == ledger.read(ResultKey("marked_bam", "sparrow")).data_version
    assert (
        tags["dagster/input_data_version/reference_genome"]
        == ledger.read(ResultKey("reference_genome", "references")).data_version
    )
    assert {name.removeprefix("dagster/input_data_version/") for name in tags if "input_data_version" in name} == {
        "aligned_bam",
        "reference_genome",
        "reference_index",
    }


def test_a_second_run_finds_everything_and_submits_nothing(project, first) -> None:
    before = submitted()
    again = project.call("run", "--json")
    assert again.returncode == 0, again.stderr
    assert sum(row["cached"] for row in json.loads(again.stdout)["jobs"].values()) == len(RESULTS)
    assert submitted() == before


def test_doctor_finds_all_well(project, first) -> None:
    said = project.call("doctor", "--json")
    assert said.returncode == 0, said.stdout
    assert all(check["ok"] for check in json.loads(said.stdout))
