"""What is said to Batch of a job."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.backend import State
from bioinfo_assets.launch.batch.job_package import bootstrap
from bioinfo_assets.launch.batch.submission_request import (
    SubmissionRequest,
    job_name,
    submit_job_arguments,
    tag_value,
    tags_of,
)
from bioinfo_assets.launch.job import Resources
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets_tests.launch.batch.machines import ended, opened
from bioinfo_assets_tests.launch.contract import TEXT, job

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
TAGS = {"run": "0f3c", "step": "marked_bam", "scratch": "s3://genomes/scratch", "scope": "expt"}


def order(options=EVERYTHING, **changes):
    given = {
        "name": "bioinfo-assets-marked_bam-expt-0123456789ab-7f3c1d2e",
        "command": ("bash", "-c", "BOOTSTRAP", "bootstrap", "s3://genomes/scratch/packages/NAME"),
        "size": 1,
        "definition": "arn:aws:batch:us-east-1:123456789012:job-definition/tools:3",
        "resources": Resources(4, 16384),
        "timeout_s": 7200,
        "tries": 5,
        "options": options,
        "tags": TAGS,
    }
    return SubmissionRequest(**{**given, **changes})


def test_a_submission_reads_like_this():
    # Written by hand from the API reference of SubmitJob.
    assert submit_job_arguments(order(), "eu-central-1", "/scratch") == json.loads(
        (GOLDEN / "submission.json").read_text()
    )


def test_an_array_says_its_size_and_what_is_not_set_is_not_said():
    said = submit_job_arguments(order(JobOptions(queue="spot"), size=23), "us-east-1", "")
    assert said["arrayProperties"] == {"size": 23}
    assert said["timeout"] == {"attemptDurationSeconds": 7200}
    assert not {"shareIdentifier", "schedulingPriorityOverride"} & said.keys()
    assert {one["name"] for one in said["containerOverrides"]["environment"]} == {
        "AWS_DEFAULT_REGION",
        "JOB_CPUS",
        "JOB_MEMORY_MIB",
    }


def test_a_region_that_a_user_sets_goes_before_batchs_own():
    said = submit_job_arguments(
        order(JobOptions(queue="spot", environment={"AWS_DEFAULT_REGION": "eu-north-1"})), "us-east-1", ""
    )
    environment = {one["name"]: one["value"] for one in said["containerOverrides"]["environment"]}
    assert environment["AWS_DEFAULT_REGION"] == "eu-north-1"


def test_with_all_tags_that_a_user_may_set_a_job_has_fewer_than_fifty():
    options = JobOptions(queue="spot", tags={f"tag{n}": "x" for n in range(40)})
    tags = tags_of(job("greets"), "run", "s3://genomes/scratch", alone=True)
    assert len(submit_job_arguments(order(options, tags=tags), "us-east-1", "")["tags"]) <= 50


def test_a_variable_of_batchs_own_is_refused():
    options = JobOptions(queue="spot", environment={"AWS_BATCH_JOB_ID": "x"})
    with pytest.raises(InputError, match="variable AWS_BATCH_JOB_ID belongs to AWS Batch: give it a name that begins"):
        submit_job_arguments(order(options), "us-east-1", "")


def test_variables_that_are_too_long_for_batch_are_refused_before_the_job_fails_of_it():
    options = JobOptions(queue="spot", environment={"X": "x" * 9000})
    with pytest.raises(InputError, match="the variables of a job in `environment` are too long for AWS Batch"):
        submit_job_arguments(order(options), "us-east-1", "")


def test_the_command_leaves_most_of_batchs_8192_characters_to_variables():
    assert len(bootstrap()) < 2000


@given(
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", fullmatch=True),
    st.text(max_size=300),
    st.from_regex(r"[0-9a-f]{12}-[0-9a-f]{8}", fullmatch=True),
)
def test_any_step_and_scope_give_a_name_that_batch_takes_and_that_keeps_its_mark(prefix, what, mark):
    name = job_name(prefix, what, mark)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", name)
    assert name.endswith(f"-{mark}")


@given(st.text(max_size=400))
def test_any_text_gives_a_tag_value_that_aws_takes(text):
    value = tag_value(text)
    assert len(value) <= 256
    assert all(sign.isalnum() or sign.isspace() or sign in "_.:/=+-@" for sign in value)


class TestQueues:
    def test_a_fair_share_queue_gets_its_share_and_priority(self, simulator, scratch):
        with opened(scratch, queue="shared", share_identifier="genomes", priority=7) as backend:
            assert ended(backend, job("greets", outputs=(TEXT,))).state is State.SUCCEEDED
        said = simulator.payloads("SubmitJob")[0]
        assert (said["shareIdentifier"], said["schedulingPriorityOverride"]) == ("genomes", 7)

    def test_with_a_share_batch_wants_a_priority_too(self):
        # "Either schedulingPriority in job definition or schedulingPriorityOverride is required."
        ours = submit_job_arguments(order(JobOptions(queue="shared", share_identifier="genomes")), "us-east-1", "")
        assert ours["schedulingPriorityOverride"] == 0
        given = JobOptions(queue="shared", share_identifier="genomes", job_definition="tools:3")
        assert "schedulingPriorityOverride" not in submit_job_arguments(order(given), "us-east-1", "")

    def test_one_without_a_share_is_refused_in_batchs_words(self, simulator, scratch):
        with opened(scratch, queue="shared") as backend:
            assert "shareIdentifier must be specified" in ended(backend, job("greets")).reason
