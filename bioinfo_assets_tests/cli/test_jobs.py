"""`bioinfo-assets jobs` on the simulator: what people see of jobs, whichever process began them."""

import json
from pathlib import Path

import dagster as dg
import pytest
import tomli_w

from bioinfo_assets.application.dagster_instance import open_instance
from bioinfo_assets.launch.backend import Stream
from bioinfo_assets.storage.store import join
from bioinfo_assets_tests.cli.commands import call
from bioinfo_assets_tests.launch.batch.batch_backend import batch_backend, job
from bioinfo_assets_tests.launch.batch.conftest import scratch, second_s, simulator
from bioinfo_assets_tests.launch.conftest import s3, s3_server
from bioinfo_assets_tests.launch.contract import wait_until

__all__ = ["s3", "s3_server", "scratch", "second_s", "simulator"]


@pytest.fixture
def place(simulator, s3, scratch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The output path of a project on Batch."""
    home = tmp_path / "home"
    home.mkdir()
    place = join(s3, "results")
    settings = {
        "output_path": place,
        "backend": "batch",
        "scratch": scratch,
        "jobs": {"queue": "default", "image": "tools:1"},
    }
    (home / "bioinfo-assets.toml").write_text(tomli_w.dumps(settings))
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    return place


@pytest.fixture
def sleeper(place, scratch, simulator):
    """A job that runs, of a host that is gone: its id at Batch."""
    with batch_backend(scratch, run="run-1") as backend:
        job_id = backend.submit(job("prints", "echo begun; echo words >&2; sleep 1000"), "f" * 64).job_id
        wait_until(lambda: backend.read_log(job_id, Stream.STDERR, 0))
        yield listed(place)[0]["batch_id"]


def listed(place: str) -> list[dict]:
    said = call("jobs", "list", "--output-path", place, "--json")
    assert said.exit_code == 0, said
    return json.loads(said.stdout)


def finished_run(home: Path) -> str:
    """A run that Dagster knows to be over."""

    @dg.op
    def nothing() -> None: ...

    @dg.job
    def run() -> None:
        nothing()

    with open_instance(home) as instance:
        return run.execute_in_process(instance=instance).run_id


def test_jobs_are_listed_with_step_sample_and_run(place, sleeper) -> None:
    (one,) = listed(place)
    assert (one["asset"], one["scope"], one["status"], one["run_id"]) == ("prints", "expt", "RUNNING", "run-1")
    said = call("jobs", "list", "--output-path", place)
    assert [sleeper, "prints", "expt", "RUNNING"] == said.stdout.splitlines()[1].split()[:4]


def test_a_log_is_read(place, sleeper) -> None:
    said = call("jobs", "logs", sleeper, "--output-path", place)
    assert said.exit_code == 0
    assert sorted(said.stdout.splitlines()) == ["[stdout] begun", "words"]


def test_a_job_is_killed(place, sleeper, simulator) -> None:
    said = call("jobs", "kill", sleeper, "--output-path", place)
    assert (said.exit_code, said.stdout) == (0, f"{sleeper} is being ended\n")
    wait_until(lambda: not listed(place))
    assert simulator.payloads("TerminateJob")[0]["reason"] == "bioinfo-assets: ended by `bioinfo-assets jobs kill`"


def test_only_jobs_of_the_project_are_killed(place, sleeper, simulator) -> None:
    said = call("jobs", "kill", sleeper, "0f3c-of-another", "--output-path", place)
    assert said.exit_code == 2
    assert "no job 0f3c-of-another of this project waits or runs" in said.stderr
    assert simulator.count("TerminateJob") == 0


def test_jobs_whose_run_is_over_are_reaped(place, scratch, simulator, tmp_path) -> None:
    over = finished_run(tmp_path / "home")
    with batch_backend(scratch, run=over) as backend, batch_backend(scratch, run="a-colleagues") as other:
        for number, host in enumerate((backend, other)):
            host.submit(job("sleeps", scope=f"expt{number}"), f"{number}" * 64)
        wait_until(lambda: len(listed(place)) == 2)
        said = call("jobs", "reap", "--output-path", place)
        assert said.exit_code == 0, said
        assert "sleeps expt0: its run" in said.stdout
        assert [one["scope"] for one in wait_until(lambda: listed(place), lambda left: len(left) == 1)] == ["expt1"]
        again = call("jobs", "reap", "--output-path", place)
        assert again.stdout == "no job is left of a run that is over\n"


def test_a_project_of_this_machine_has_none(tmp_path, monkeypatch) -> None:
    said = call("jobs", "list", "--output-path", tmp_path)
    assert said.exit_code == 2
    assert "run on this machine" in said.stderr
