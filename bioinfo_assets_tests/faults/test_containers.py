"""`kill -9` of a run whose jobs are real containers, of a container, and of a script in one; the next run heals it."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from random import Random
from typing import Any, Final

import docker
import psutil
import pytest
from docker.errors import APIError

from bioinfo_assets_tests.container_engine import engine, tools_image
from bioinfo_assets_tests.faults.hosts import Ended
from bioinfo_assets_tests.faults.invariants import check_healed, finished_results
from bioinfo_assets_tests.faults.kills import MAX_DELAY_S, Victim, random_strike, run_with
from bioinfo_assets_tests.faults.project import RESULTS, FaultProject, Inputs, Start, name_of, write_inputs
from bioinfo_assets_tests.faults.seeds import random_of, random_seeds
from bioinfo_assets_tests.waiting import wait_until

__all__ = ["engine", "tools_image"]  # fixtures

pytestmark = [pytest.mark.xdist_group("docker"), pytest.mark.long]

JOB_NAMES: Final = {key.job_name: name_of(key) for key in RESULTS}
"""By the name of a job, which is a label of its container, what the invariants call it."""


class ContainerVictim(Enum):
    """What is killed."""

    HOST = "the process of the run"
    CONTAINER = "a container"
    SCRIPT = "a script in a container"


@dataclass
class ContainerProject(FaultProject):
    """A project whose jobs are containers; the engine's events have their starts.

    Attributes:
        client: To the engine.
        containers: The containers that were started, each with the name of its job.
    """

    client: docker.DockerClient = field(default_factory=docker.from_env)
    containers: list[tuple[str, str]] = field(default_factory=list)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note the starts of its containers; the engine itself keeps the last 256 events."""
        events = self.client.api.events(decode=True, filters={"type": "container", "event": "start"})
        thread = threading.Thread(target=self._note, args=(events,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            events.close()
            thread.join(10)

    def _note(self, events: Iterator[dict[str, Any]]) -> None:
        for event in events:
            labels = event["Actor"]["Attributes"]
            if labels.get("bioinfo-assets.host", "").startswith(str(self.folder)):
                self.containers.append((event["Actor"]["ID"], labels["bioinfo-assets.job"]))

    def starts(self) -> list[Start]:
        return [Start(0, JOB_NAMES[name]) for _, name in self.containers]

    def running(self) -> list[str]:
        """The ids of its containers that exist."""
        found = self.client.api.containers(all=True, filters={"label": "bioinfo-assets.host"})
        own = [item for item in found if item["Labels"]["bioinfo-assets.host"].startswith(str(self.folder))]
        return [item["Id"] for item in own]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.mark.parametrize("victim", ContainerVictim)
@pytest.mark.parametrize("seed", random_seeds())
def test_the_next_run_heals_what_a_kill_left(
    tmp_path: Path, inputs: Inputs, tools_image: str, victim: ContainerVictim, seed: int
) -> None:
    rng = random_of(seed, f"containers: {victim.value}")
    options = ("--backend", "docker", "--image", tools_image)
    project = ContainerProject(tmp_path / "project", inputs, options=options)
    with project.watching():
        struck = strike(project, victim, rng)
        assert struck.exit_code in ({0, -signal.SIGKILL} if victim is ContainerVictim.HOST else {0, 1}), struck
        if victim is not ContainerVictim.HOST:
            struck.check_it_ended_in_sentences()
        project.wait_until_idle()
        before = finished_results(project)
        check_healed(project, before, project.run())
        assert project.running() == []


def strike(project: ContainerProject, victim: ContainerVictim, rng: Random) -> Ended:
    """Run a project, and kill at a random moment; it may come too late."""
    if victim is ContainerVictim.HOST:
        return run_with(random_strike(rng, Victim.HOST, project.output), project)
    after_starts = rng.randint(1, len(RESULTS))
    host = project.start()
    wait_until(lambda: len(project.containers) >= after_starts or not host.is_alive, what="a container to start")
    time.sleep(rng.uniform(0, MAX_DELAY_S) / 4)  # a script takes tenths of a second
    if project.containers:
        with suppress(APIError, psutil.NoSuchProcess, ProcessLookupError):  # it is over
            kill(project, victim, project.containers[-1][0])
    return host.wait()


def kill(project: ContainerProject, victim: ContainerVictim, container: str) -> None:
    """Kill a container, or the script in it, which is a child of its first process."""
    if victim is ContainerVictim.CONTAINER:
        project.client.api.kill(container)
        return
    first = psutil.Process(project.client.api.inspect_container(container)["State"]["Pid"])
    for process in first.children():
        os.kill(process.pid, signal.SIGKILL)
