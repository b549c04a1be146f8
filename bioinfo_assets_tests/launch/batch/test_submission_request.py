"""SubmitJob requests."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.backend import State
from bioinfo_assets.launch.batch.job_package import bootstrap
from bioinfo_assets.launch.batch.submission_request import (
    SubmissionRequest,
    default_timeout_s,
    job_name,
    submit_job_arguments,
    tag_value,
    tags_of,
)
from bioinfo_assets.launch.job import Input, JobOptions, Resources, StoredFile
from bioinfo_assets_tests.launch.batch.batch_backend import batch_backend, run_job
from bioinfo_assets_tests.launch.contract import TEXT, job
from bioinfo_assets_tests.simulator import BatchSimulator

GOLDEN = Path(__file__).parent / "golden"
EVERYTHING = JobOptions(
    queue="spot",
    gpus=1,
    timeout_s=3600,
    retries=4,
    tags={"project": "p1"},
    share_identifier="genomes",
    priority=7,
    environment={"THREADS_PER_CORE": "2"},
)
HOUR = 3600
GIGABYTE = 10**9
TAGS = {"run": "0f3c", "asset": "marked_bam", "scratch": "s3://genomes/scratch", "scope": "expt"}


def request(options: JobOptions = EVERYTHING, **changes: Any) -> SubmissionRequest:
    fields: dict[str, Any] = {
        "name": "bioinfo-assets-marked_bam-expt-0123456789ab-7f3c1d2e",
        "command": ("bash", "-c", "BOOTSTRAP", "bootstrap", "s3://genomes/scratch/packages/NAME"),
        "size": 1,
        "definition": "arn:aws:batch:us-east-1:123456789012:job-definition/tools:3",
        "resources": Resources(4, 16384),
        "timeout_s": 7200,
        "attempts": 5,
        "options": options,
        "tags": TAGS,
    }
    return SubmissionRequest(**{**fields, **changes})


def test_a_request_matches_the_golden_file() -> None:
    # Written by hand from the API reference of SubmitJob.
    assert submit_job_arguments(request(), "eu-central-1", "/scratch") == json.loads(
        (GOLDEN / "submission.json").read_text()
    )


def test_a_request_has_the_size_of_the_array_and_nothing_that_is_not_set() -> None:
    arguments = submit_job_arguments(request(JobOptions(queue="spot"), size=23), "us-east-1", "")
    assert arguments["arrayProperties"] == {"size": 23}
    assert arguments["timeout"] == {"attemptDurationSeconds": 7200}
    assert not {"shareIdentifier", "schedulingPriorityOverride"} & arguments.keys()
    assert {variable["name"] for variable in arguments["containerOverrides"]["environment"]} == {
        "AWS_DEFAULT_REGION",
        "JOB_CPUS",
        "JOB_MEMORY_MIB",
    }


def test_a_region_set_by_the_user_takes_precedence() -> None:
    arguments = submit_job_arguments(
        request(JobOptions(queue="spot", environment={"AWS_DEFAULT_REGION": "eu-north-1"})), "us-east-1", ""
    )
    environment = {variable["name"]: variable["value"] for variable in arguments["containerOverrides"]["environment"]}
    assert environment["AWS_DEFAULT_REGION"] == "eu-north-1"


def test_with_the_maximum_number_of_user_tags_a_job_has_at_most_fifty() -> None:
    options = JobOptions(queue="spot", tags={f"tag{n}": "x" for n in range(40)})
    tags = tags_of(job("greets"), "run", "s3://genomes/scratch", is_single=True)
    assert len(submit_job_arguments(request(options, tags=tags), "us-east-1", "")["tags"]) <= 50


def test_a_variable_reserved_for_batch_is_rejected() -> None:
    options = JobOptions(queue="spot", environment={"AWS_BATCH_JOB_ID": "x"})
    with pytest.raises(InputError, match="variable AWS_BATCH_JOB_ID is reserved for AWS Batch: rename it"):
        submit_job_arguments(request(options), "us-east-1", "")


def test_variables_too_long_for_batch_are_rejected() -> None:
    options = JobOptions(queue="spot", environment={"X": "x" * 9000})
    with pytest.raises(InputError, match="the variables in `environment` are too long for AWS Batch"):
        submit_job_arguments(request(options), "us-east-1", "")


def test_the_command_leaves_most_of_batchs_8192_characters_to_variables() -> None:
    assert len(bootstrap()) < 2000


@given(
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", fullmatch=True),
    st.text(max_size=300),
    st.from_regex(r"[0-9a-f]{12}-[0-9a-f]{8}", fullmatch=True),
)
def test_any_asset_and_scope_give_a_valid_name_that_keeps_its_suffix(prefix: str, label: str, suffix: str) -> None:
    name = job_name(prefix, label, suffix)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", name)
    assert name.endswith(f"-{suffix}")


@given(st.text(max_size=400))
def test_any_text_gives_a_valid_tag_value(text: str) -> None:
    value = tag_value(text)
    assert len(value) <= 256
    assert all(char.isalnum() or char.isspace() or char in "_.:/=+-@" for char in value)


class TestQueues:
    def test_a_request_for_a_fair_share_queue_has_share_and_priority(
        self, simulator: BatchSimulator, scratch: str
    ) -> None:
        with batch_backend(scratch, queue="shared", share_identifier="genomes", priority=7) as backend:
            assert run_job(backend, job("greets", outputs=(TEXT,))).state is State.SUCCEEDED
        submitted = simulator.payloads("SubmitJob")[0]
        assert (submitted["shareIdentifier"], submitted["schedulingPriorityOverride"]) == ("genomes", 7)

    def test_a_request_with_a_share_has_a_priority(self) -> None:
        # "Either schedulingPriority in job definition or schedulingPriorityOverride is required."
        ours = submit_job_arguments(request(JobOptions(queue="shared", share_identifier="genomes")), "us-east-1", "")
        assert ours["schedulingPriorityOverride"] == 0
        custom = JobOptions(queue="shared", share_identifier="genomes", job_definition="tools:3")
        assert "schedulingPriorityOverride" not in submit_job_arguments(request(custom), "us-east-1", "")

    def test_a_request_without_a_share_fails_with_the_reason_of_batch(
        self, simulator: BatchSimulator, scratch: str
    ) -> None:
        with batch_backend(scratch, queue="shared") as backend:
            assert "shareIdentifier must be specified" in run_job(backend, job("greets")).reason


@pytest.mark.parametrize(
    ("sizes", "expected_s"),
    [
        ((), 2 * HOUR),
        ((GIGABYTE,), 2 * HOUR + 2000),
        ((GIGABYTE, 3 * GIGABYTE), 2 * HOUR + 8000),
        # Human reads of 30-fold coverage: a multiple of the half day that the slowest step takes.
        ((45 * GIGABYTE, 45 * GIGABYTE), 2 * HOUR + 50 * HOUR),
        ((1000 * GIGABYTE,), 72 * HOUR),
    ],
)
def test_the_default_timeout_grows_with_the_inputs_up_to_three_days(sizes: Sequence[int], expected_s: int) -> None:
    inputs = tuple(Input(f"x{n}", StoredFile(f"s3://b/x{n}", size, None)) for n, size in enumerate(sizes))
    assert default_timeout_s(job("prints", inputs=inputs)) == expected_s
