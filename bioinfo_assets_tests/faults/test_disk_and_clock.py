"""A disk that fills up at a random moment, and a clock that is set back: the next run heals everything."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Final

import pytest

from bioinfo_assets_tests.cli.commands import COMMAND
from bioinfo_assets_tests.faults.invariants import check_healed, finished_results
from bioinfo_assets_tests.faults.kills import MAX_DELAY_S
from bioinfo_assets_tests.faults.project import RESULTS, FaultProject, Inputs, write_inputs
from bioinfo_assets_tests.faults.seeds import random_of, random_seeds
from bioinfo_assets_tests.launch.mounts import can_mount
from bioinfo_assets_tests.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("faults")]

DISK_MIB: Final = 96
"""Of the disk: with less than 64 MiB free, a run is refused before it begins."""

MAX_LEFT: Final = 96 * 1024
"""Bytes that are left at most when it is full."""

MONOTONIC: Final = {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}
"""A clock that is set is the one of the day only: that of timeouts goes on (clock_gettime(2), CLOCK_MONOTONIC)."""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    if not can_mount():
        pytest.skip("only root can mount a small file system, and some containers forbid it")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("what", ["scratch", "output", "home", "project"])
@pytest.mark.parametrize("seed", random_seeds())
def test_a_disk_that_fills_up_ends_a_run_in_sentences(
    tmp_path: Path, inputs: Inputs, disk: Path, what: str, seed: int
) -> None:
    """The disk holds scratch, results and records, Dagster's database, or all of them."""
    rng = random_of(seed, f"full disk of {what}")
    (tmp_path / "home").mkdir()
    variables = {"BIOINFO_ASSETS_SCRATCH": str(tmp_path / "scratch"), "DAGSTER_HOME": str(tmp_path / "home")}
    output = str(tmp_path / "out")
    if what == "scratch":
        variables["BIOINFO_ASSETS_SCRATCH"] = str(disk)
    elif what == "home":
        variables["DAGSTER_HOME"] = str(disk)
    elif what == "output":
        output = str(disk / "out")
    else:
        output, variables = str(disk / "out"), {}
    project = FaultProject(tmp_path / "project", inputs, output, variables)
    run = project.start()
    after_starts = rng.randint(1, len(RESULTS))
    wait_until(lambda: len(project.starts()) >= after_starts or not run.is_alive, what="a job to start")
    time.sleep(rng.uniform(0, MAX_DELAY_S))
    fill(disk, rng)
    struck = run.wait()
    (disk / "filler").unlink()
    print(struck)  # noqa: T201 - pytest shows it if the round fails
    struck.check_it_ended_in_sentences()
    project.wait_until_idle()
    before = finished_results(project)
    check_healed(project, before, project.run())


def fill(disk: Path, rng: Random) -> None:
    """Fill a disk up to a few bytes, as another program does."""
    left, written = rng.randint(0, MAX_LEFT), 0
    with (disk / "filler").open("wb", buffering=0) as file:
        with suppress(OSError):  # ENOSPC
            while True:
                written += file.write(bytes(MAX_LEFT))
        file.truncate(max(0, written - left))


@pytest.mark.parametrize("seed", random_seeds())
def test_a_clock_that_is_set_back(tmp_path: Path, inputs: Inputs, seed: int) -> None:
    """A run, by a clock that is hours or days ahead, is killed; the next one has the true time."""
    if shutil.which("faketime") is None:
        pytest.skip("faketime is not installed: apt-get install faketime")
    rng = random_of(seed, "clock")
    project = FaultProject(tmp_path / "project", inputs)
    ahead = f"+{rng.randint(1, 72)}h"
    command = ["faketime", "-f", ahead, COMMAND, *map(str, project.run_arguments)]
    variables = {**os.environ, **project.variables, **MONOTONIC}
    print(ahead)  # noqa: T201 - pytest shows it if the round fails
    with (project.folder / "ahead.txt").open("wb") as printed:
        run = subprocess.Popen(command, env=variables, stdout=printed, stderr=printed, start_new_session=True)
        after_starts = rng.randint(1, len(RESULTS))
        try:
            wait_until(lambda: len(project.starts()) >= after_starts or run.poll() is not None, what="a job to start")
            time.sleep(rng.uniform(0, 2 * MAX_DELAY_S))
        finally:
            with suppress(ProcessLookupError):  # it is over
                os.killpg(run.pid, signal.SIGKILL)
            run.wait()
    project.wait_until_idle()
    before = finished_results(project)
    check_healed(project, before, project.run())
