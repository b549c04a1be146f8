"""A run that cannot ask AWS Batch about its jobs does not end them: it asks for hours, and then leaves them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from bioinfo_assets.errors import UnreachableError
from bioinfo_assets.orchestration.run_liveness import JOBS_LEFT_TAG
from bioinfo_assets.records import commit
from bioinfo_assets.records.commit import Committed
from bioinfo_assets_tests.cloud import JOBS, MEANS, Cloud, opened_cloud
from bioinfo_assets_tests.orchestration.toy_project import ToyProject, failures
from bioinfo_assets_tests.simulator import Expired


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with opened_cloud(tmp_path_factory.mktemp("cloud")) as opened:
        yield opened


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "home").mkdir()
    with dg.instance_for_test(temp_dir=str(tmp_path / "home")) as instance:
        yield instance


def open_toy(
    cloud: Cloud, folder: Path, instance: dg.DagsterInstance, poll_error_timeout_s: float = 3600
) -> ToyProject:
    batch = MEANS.batch.model_copy(update={"poll_error_timeout_s": poll_error_timeout_s})
    backend = MEANS.model_copy(update={"batch": batch})
    return ToyProject(folder, instance, f"{cloud.bucket}/{folder.name}", backend, JOBS, samples={"a": 2})


def messages(toy: ToyProject, run_id: str) -> list[str]:
    return [event.message or "" for event in toy.engine_events(run_id)]


def test_polls_that_fail_for_a_while_end_no_job_and_are_shown_in_dagit(
    cloud: Cloud, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    toy = open_toy(cloud, tmp_path, instance)
    cloud.simulator.inject(Expired(action="DescribeJobs", for_s=10.0))
    result = toy.run(keys=["factor"])
    assert result.success
    assert cloud.simulator.count("TerminateJob") == 0
    shown = [text for text in messages(toy, result.run_id) if "polled" in text]
    assert shown == [
        (
            "jobs cannot be polled for the moment, and go on running: AWS Batch denies DescribeJobs: "
            f"{Expired.message}; renew your credentials"
        ),
        "jobs can be polled again",
    ]


def test_what_cannot_be_published_for_the_moment_is_published_later(
    cloud: Cloud, tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its job does not run again."""
    toy, outages = open_toy(cloud, tmp_path, instance), [UnreachableError("S3 does not answer")] * 2
    publish, submitted = commit._publish, cloud.simulator.count("SubmitJob")

    def publish_later(*arguments: Any) -> Committed:
        if outages:
            raise outages.pop()
        return publish(*arguments)

    monkeypatch.setattr(commit, "_publish", publish_later)
    assert toy.run(keys=["factor"]).success
    assert not outages
    assert cloud.simulator.count("SubmitJob") == submitted + 1


def test_a_run_that_gives_up_leaves_its_jobs_and_the_next_run_continues_with_them(
    cloud: Cloud, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    toy = open_toy(cloud, tmp_path, instance, poll_error_timeout_s=1.0)
    before = len(cloud.submitted())
    outage = Expired(action="DescribeJobs", times=-1)
    cloud.simulator.inject(outage)
    given_up = toy.run()
    cloud.simulator.withdraw(outage)
    assert not given_up.success
    assert "the jobs are left running" in failures(given_up)[0]
    assert cloud.simulator.count("TerminateJob") == 0
    run = instance.get_run_by_id(given_up.run_id)
    assert run is not None
    assert run.tags[JOBS_LEFT_TAG] == given_up.run_id

    assert toy.run(keys=["factor"]).success
    assert len(cloud.submitted()) == before + 1
