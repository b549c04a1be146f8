"""`kill -9` of Dagit's processes while a backfill runs that was launched there; a run heals what they left."""

import time
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Final

import psutil
import pytest

from benchmarks.dagit_server import DagitServer, serve
from bioinfo_assets_tests.faults.invariants import check_healed, finished_results
from bioinfo_assets_tests.faults.kills import MAX_DELAY_S
from bioinfo_assets_tests.faults.project import PER_SAMPLE, SAMPLES, FaultProject, Inputs, write_inputs
from bioinfo_assets_tests.faults.seeds import random_of, random_seeds
from bioinfo_assets_tests.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("faults")]

LAUNCH: Final = """mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""

MAX_STARTS: Final = len(SAMPLES) * len(PER_SAMPLE)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.mark.parametrize("victim", ["the command", "one of its processes", "all of them"])
@pytest.mark.parametrize("seed", random_seeds())
def test_a_run_heals_what_killed_services_left(tmp_path: Path, inputs: Inputs, victim: str, seed: int) -> None:
    rng = random_of(seed, f"services: {victim}")
    project = FaultProject(tmp_path / "project", inputs)
    assert project.start(project.run_arguments[:-4]).wait().exit_code == 0  # the genome alone
    environment = {name: value for name, value in project.environment.items() if not name.startswith("DAGSTER_")}
    with serve(project.output, environment) as dagit:
        launch_backfill(dagit)
        before_backfill = len(project.starts())
        after_starts = before_backfill + rng.randint(1, MAX_STARTS)
        wait_until(lambda: len(project.starts()) >= after_starts, what="a job to start")
        time.sleep(rng.uniform(0, MAX_DELAY_S))
        services = psutil.Process(dagit.pid).children(recursive=True)
        strike(dagit, services, victim, rng)
        time.sleep(rng.uniform(0, MAX_DELAY_S))
    if victim == "the command":
        wait_until(lambda: not any(is_service(process) for process in services), what="web server and daemon to end")
    end(services)
    project.wait_until_idle(timeout_s=120)
    before = finished_results(project)
    check_healed(project, before, project.run())


def launch_backfill(dagit: DagitServer) -> None:
    """Launch a backfill of all samples, as the page does."""
    selected = [{"path": [asset]} for asset in PER_SAMPLE]
    params = {"partitionNames": list(SAMPLES), "assetSelection": selected, "tags": []}
    assert "backfillId" in dagit.query(LAUNCH, {"p": params})["launchPartitionBackfill"]


def strike(dagit: DagitServer, services: list[psutil.Process], victim: str, rng: Random) -> None:
    """Kill processes of Dagit: web server, daemon, code servers, runs and jobs, or what starts them."""
    command = psutil.Process(dagit.pid)
    chosen = {"the command": [command], "one of its processes": [rng.choice(services)]}
    for process in chosen.get(victim, [command, *services]):
        with suppress(psutil.NoSuchProcess):
            print(process.pid, process.cmdline())  # noqa: T201 - pytest shows it if the round fails
            process.kill()


def is_service(process: psutil.Process) -> bool:
    """Whether a process is a web server or daemon that is alive."""
    try:
        words = process.cmdline()
        return process.is_running() and {"bioinfo_assets.web", "dagster._daemon"} & {*words} != set()
    except psutil.NoSuchProcess:
        return False


def end(services: list[psutil.Process]) -> None:
    """End what is left, as a person does."""
    for process in services:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
