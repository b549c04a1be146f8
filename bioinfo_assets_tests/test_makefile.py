"""The Makefile's targets of the image, with the real AWS CLI, moto's server, and a docker that records its calls."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import boto3
import pytest

from bioinfo_assets_tests.moto_server import moto_server

CLONE: Final = Path(__file__).parent.parent
REGISTRY: Final = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"  # moto's account
DOCKER: Final = """#!/bin/bash
printf '%s\\n' "$*" >> "$0.calls"
case $1 in
login) printf 'password of %s letters\\n' "$(wc -c)" >> "$0.calls" ;;
image) printf '%s\\n' elsewhere/tools@sha256:1 "${!#%:*}@sha256:2" ;;
esac
"""


@pytest.fixture
def docker(tmp_path: Path) -> Path:
    """A docker client that only records its calls, in a file next to it."""
    client = tmp_path / "docker"
    client.write_text(DOCKER, encoding="utf-8")
    client.chmod(0o755)
    return client


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with moto_server() as url:
        yield url


def make(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MAKE"))}
    no_profile = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    credentials = {
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return subprocess.run(
        ["make", "--no-print-directory", *words],
        cwd=CLONE,
        env={**kept, **no_profile, **credentials, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_create_repo_creates_the_same_repository_as_the_template(aws: str) -> None:
    done = make("create-repo", AWS_ENDPOINT_URL=aws, AWS_REGION="eu-west-1")
    assert done.stdout == f"{REGISTRY}/bioinfo-assets\n", done.stderr
    client = boto3.client(
        "ecr",
        endpoint_url=aws,
        region_name="eu-west-1",
        aws_access_key_id="a",
        aws_secret_access_key="-",  # noqa: S106 - moto takes any
    )
    repository = client.describe_repositories()["repositories"][0]
    client.close()
    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}


def test_login_passes_a_password_to_docker_without_printing_it(aws: str, docker: Path) -> None:
    done = make("login", f"DOCKER={docker}", AWS_ENDPOINT_URL=aws, AWS_REGION="eu-west-1")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    login, password = (docker.parent / "docker.calls").read_text().splitlines()
    assert login == f"login --username AWS --password-stdin {REGISTRY}"
    assert not password.startswith("password of 0 ")


def test_push_prints_the_setting_that_names_the_image_by_digest(docker: Path) -> None:
    done = make("push", f"DOCKER={docker}", "TAG=7", AWS_ACCOUNT="123456789012", AWS_REGION="eu-west-1")
    assert done.stdout == f'\nimage = "{REGISTRY}/bioinfo-assets@sha256:2"\n', done.stderr
    assert (docker.parent / "docker.calls").read_text().startswith(f"push {REGISTRY}/bioinfo-assets:7\n")


@pytest.mark.parametrize(
    ("target", "options"),
    [
        # Machines on AWS are x86_64, whatever this one is.
        ("build", f"--platform linux/amd64 --tag {REGISTRY}/bioinfo-assets:7"),
        ("build-local", "--tag here:1"),
    ],
)
def test_an_image_is_built_with_the_given_variables(docker: Path, tmp_path: Path, target: str, options: str) -> None:
    ca = tmp_path / "ca.pem"
    variables = [f"DOCKER={docker}", f"CA={ca}", "TAG=7", "LOCAL_IMAGE=here:1"]
    done = make(target, *variables, AWS_ACCOUNT="123456789012", AWS_REGION="eu-west-1")
    assert done.returncode == 0, done.stderr
    arguments = "BASE DEBIAN_SOURCES BWA_MEM2_URL BWA_MEM2_SHA256 REVISION"
    assert (docker.parent / "docker.calls").read_text() == (
        f"build --file docker/Dockerfile --secret id=ca,src={ca} "
        f"{' '.join(f'--build-arg {argument}' for argument in arguments.split())} {options} .\n"
    )


@pytest.mark.parametrize("target", ["login", "create-repo", "build", "push", "bash"])
def test_without_a_region_nothing_is_done_and_the_error_asks_for_one(docker: Path, target: str) -> None:
    done = make(target, f"DOCKER={docker}", AWS_ACCOUNT="123456789012")
    assert done.returncode == 2
    assert "AWS region is unknown: set AWS_REGION" in done.stderr
    assert not (docker.parent / "docker.calls").exists()


def test_help_lists_every_target_and_variable_of_the_image() -> None:
    listing = make("help").stdout
    targets = ("login", "create-repo", "build", "build-local", "push", "bash", "bash-local")
    assert all(f"  make {target} " in listing for target in targets)
    assert all(
        f"  {name} " in listing for name in ("BASE", "BWA_MEM2_URL", "BWA_MEM2_SHA256", "CA", "TAG", "AWS_REGION")
    )
