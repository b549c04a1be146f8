"""`bioinfo-assets jobs` on the simulator, for jobs that another process started."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import tomli_w

from bioinfo_assets.application.dagster_runs import open_instance
from bioinfo_assets.launch.backend import Stream
from bioinfo_assets.launch.batch.active_jobs import save_queue
from bioinfo_assets.launch.batch.scratch_paths import ScratchPaths
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.storage.store import Store, join
from bioinfo_assets_tests.cli.commands import call
from bioinfo_assets_tests.launch.batch.batch_backend import batch_backend
from bioinfo_assets_tests.launch.batch.conftest import max_running, second_s, simulator
from bioinfo_assets_tests.launch.conftest import s3, s3_server
from bioinfo_assets_tests.launch.contract import job
from bioinfo_assets_tests.simulator import BatchSimulator
from bioinfo_assets_tests.waiting import wait_until

__all__ = ["max_running", "s3", "s3_server", "second_s", "simulator"]


@pytest.fixture
def scratch(s3: str) -> str:
    """The scratch of the project in `s3/results`."""
    return OutputLayout(f"{s3}/results").scratch


@pytest.fixture
def output_path(simulator: BatchSimulator, s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The output path of a project on Batch."""
    home = tmp_path / "home"
    home.mkdir()
    output_path = join(s3, "results")
    settings = {
        "output_path": output_path,
        "backend": "batch",
        "jobs": {"queue": "default", "image": "tools:1"},
    }
    (home / "bioinfo-assets.toml").write_text(tomli_w.dumps(settings))
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    return output_path


@pytest.fixture
def sleeper(output_path: str, scratch: str, simulator: BatchSimulator) -> Iterator[str]:
    """AWS Batch's id of a running job whose host is gone."""
    with batch_backend(scratch, run="run-1") as backend:
        job_id = backend.submit(job("prints", "echo begun; echo words >&2; sleep 1000"), "f" * 64).job_id
        wait_until(lambda: backend.read_log(job_id, Stream.STDERR, 0))
        yield listed(output_path)[0]["batch_id"]


def listed(output_path: str) -> list[dict[str, Any]]:
    result = call("jobs", "list", "--output-path", output_path, "--json")
    assert result.exit_code == 0, result
    return list(json.loads(result.stdout))


def finished_run(home: Path) -> str:
    """Return the id of a finished run."""

    @dg.op
    def nothing() -> None: ...

    @dg.job
    def run() -> None:
        nothing()

    with open_instance(home) as instance:
        return run.execute_in_process(instance=instance).run_id


def test_jobs_are_listed_with_asset_sample_and_run(output_path: str, sleeper: str) -> None:
    (active,) = listed(output_path)
    assert (active["asset"], active["scope"], active["status"], active["run_id"]) == (
        "prints",
        "expt",
        "RUNNING",
        "run-1",
    )
    result = call("jobs", "list", "--output-path", output_path)
    assert [sleeper, "prints", "expt", "RUNNING"] == result.stdout.splitlines()[1].split()[:4]


def test_jobs_in_a_queue_that_the_settings_do_not_name_are_listed(
    output_path: str, sleeper: str, scratch: str, tmp_path: Path
) -> None:
    """It was set in Dagit's launchpad, or in settings that have changed since."""
    settings = tmp_path / "home" / "bioinfo-assets.toml"
    settings.write_text(settings.read_text().replace('queue = "default"\n', ""))
    save_queue(Store(), ScratchPaths(scratch), "deleted-since", "bioinfo-assets")
    assert [active["batch_id"] for active in listed(output_path)] == [sleeper]


def test_a_log_is_read(output_path: str, sleeper: str) -> None:
    result = call("jobs", "logs", sleeper, "--output-path", output_path)
    assert result.exit_code == 0
    assert sorted(result.stdout.splitlines()) == ["[stdout] begun", "words"]


def test_a_job_is_killed(output_path: str, sleeper: str, simulator: BatchSimulator) -> None:
    result = call("jobs", "kill", sleeper, "--output-path", output_path)
    assert (result.exit_code, result.stdout) == (0, f"{sleeper} is being terminated\n")
    wait_until(lambda: not listed(output_path))
    assert simulator.payloads("TerminateJob")[0]["reason"] == "bioinfo-assets: ended by `bioinfo-assets jobs kill`"


def test_only_jobs_of_the_project_are_killed(output_path: str, sleeper: str, simulator: BatchSimulator) -> None:
    result = call("jobs", "kill", sleeper, "0f3c-of-another", "--output-path", output_path)
    assert result.exit_code == 2
    assert "0f3c-of-another is not a queued or running job of this project" in result.stderr
    assert simulator.count("TerminateJob") == 0


def test_orphaned_jobs_are_terminated(
    output_path: str, scratch: str, simulator: BatchSimulator, tmp_path: Path
) -> None:
    over = finished_run(tmp_path / "home")
    with batch_backend(scratch, run=over) as backend, batch_backend(scratch, run="a-colleagues") as other:
        for number, host in enumerate((backend, other)):
            host.submit(job("sleeps", scope=f"expt{number}"), f"{number}" * 64)
        wait_until(lambda: len(listed(output_path)) == 2)
        result = call("jobs", "reap", "--output-path", output_path)
        assert result.exit_code == 0, result
        assert "sleeps expt0: run " in result.stdout
        wait_until(lambda: len(listed(output_path)) == 1, what="the orphaned job to end")
        assert [active["scope"] for active in listed(output_path)] == ["expt1"]
        again = call("jobs", "reap", "--output-path", output_path)
        assert again.stdout == "no orphaned jobs\n"


def test_a_project_on_this_machine_has_no_batch_jobs(tmp_path: Path) -> None:
    result = call("jobs", "list", "--output-path", tmp_path)
    assert result.exit_code == 2
    assert "run on this machine" in result.stderr
