"""The smoke test for a real account, as far as moto goes without containers; e2e/test_smoke_aws.py has the rest."""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bioinfo_assets_tests.deploy.stack import MOTO_WARNING, TEMPLATE, Cloud, opened_cloud
from smoke_aws.launcher import Launcher

pytestmark = pytest.mark.filterwarnings(MOTO_WARNING)

REGION = "ap-south-1"  # moto's state belongs to the process: nothing else is in this region


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with opened_cloud() as cloud:
        yield replace(cloud, region=REGION)


@pytest.fixture
def template(cloud: Cloud, tmp_path: Path) -> Path:
    path = tmp_path / "template.json"
    path.write_text(cloud.template())
    return path


@pytest.fixture(scope="module")
def network(cloud: Cloud) -> list[str]:
    """Options for an existing network: moto cannot delete the stack's own."""
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{part}.0/24")["Subnet"]["SubnetId"] for part in (1, 2)]
    return ["--parameter", f"VpcId={vpc}", "--parameter", f"SubnetIds={','.join(subnets)}"]


def smoke(cloud: Cloud, *words: object, answer: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "smoke_aws", *map(str, words)],
        cwd=TEMPLATE.parents[1],
        env={**cloud.environment(), "PATH": "/usr/bin:/bin"},
        input=answer,
        capture_output=True,
        text=True,
        check=False,
    )


def stacks(cloud: Cloud) -> list[str]:
    return [
        stack["StackName"]
        for stack in cloud.client("cloudformation").describe_stacks()["Stacks"]
        if stack["StackStatus"] != "DELETE_COMPLETE"
    ]


def buckets(cloud: Cloud) -> list[str]:
    names = [bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]]
    return [name for name in names if name.startswith("smoke-")]


def test_without_consent_nothing_is_created(cloud: Cloud) -> None:
    done = smoke(cloud, answer="n\n")
    assert done.returncode == 1
    assert "account 123456789012, region ap-south-1" in done.stdout
    assert "USD" in done.stdout
    assert (stacks(cloud), buckets(cloud)) == ([], [])


def test_a_stack_is_deployed_checked_and_removed(cloud: Cloud, template: Path, network: list[str]) -> None:
    words = ("--yes", "--template", template, "--image", "quay.io/lab/tools:1")
    done = smoke(cloud, *words, *network, "--only", "doctor", "--parameter", "Versioning=true")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith(("ok", "DIFFERS", "unknown"))]
    deployed, checked, removed = lines
    assert "spot VALID with AWSServiceRoleForBatch and 2 zones" in deployed
    assert checked.startswith("ok       doctor: ")
    assert removed.startswith("ok       remove: stack smoke-")
    assert (stacks(cloud), buckets(cloud)) == ([], [])


def test_what_differs_is_printed_with_what_was_assumed_and_all_is_removed(
    cloud: Cloud, template: Path, network: list[str]
) -> None:
    done = smoke(
        cloud,
        "--yes",
        "--template",
        template,
        "--image",
        "i",
        "--only",
        "doctor",
        "--parameter",
        "MaxvCpusSpot=8",
        *network,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "DIFFERS  doctor: largest job: the largest job asks for 32 vCPUs" in done.stdout
    assert "         assumed: everything that jobs need is there\n" in done.stdout
    assert (stacks(cloud), buckets(cloud)) == ([], [])


def test_without_a_stack_nothing_else_is_tried(cloud: Cloud, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    done = smoke(cloud, "--yes", "--template", broken, "--image", "i")
    assert done.returncode == 1
    assert "DIFFERS  deploy: " in done.stdout
    assert "doctor" not in done.stdout


def test_a_stack_can_be_kept(cloud: Cloud, template: Path, network: list[str]) -> None:
    done = smoke(cloud, "--yes", "--template", template, "--image", "i", "--only", "deploy", "--keep", *network)
    assert done.returncode == 0, done.stdout + done.stderr
    (name,) = stacks(cloud)
    assert f"kept     stack {name}: delete it with its images and its bucket" in done.stdout


def test_the_launcher_has_credentials_however_short_a_time_the_machine_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise steps would run with those of the administrator, who may do anything."""
    monkeypatch.setattr(time, "monotonic", lambda: 5.0)
    monkeypatch.setattr(Launcher, "_assume", lambda _: {"AWS_ACCESS_KEY_ID": "launcher"})
    assert Launcher("smoke").environment() == {"AWS_ACCESS_KEY_ID": "launcher"}


def test_an_unknown_step_is_rejected(cloud: Cloud) -> None:
    done = smoke(cloud, "--yes", "--only", "dance")
    assert done.returncode == 2
    assert "dance is not a step" in done.stderr
