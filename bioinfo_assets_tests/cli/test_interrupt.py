"""A run that is ended from outside: no process stays, no result is half there, and Dagster is told."""

import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from bioinfo_assets.application.dagster_instance import open_instance, report_ended
from bioinfo_assets_tests.cli.commands import COMMAND, list_folders, write_pair

SLOW_BGZIP = """#!/bin/bash
if [[ $1 == --version ]]; then echo "bgzip (htslib) 1.16"; exit; fi
sleep 300 &
echo $$ $! >> "$PIDS"
wait
"""


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def wait_for(path: Path, deadline_s: float = 60) -> None:
    end = time.monotonic() + deadline_s
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < end
        time.sleep(0.05)


class SlowRun:
    """A run whose job would take minutes."""

    def __init__(self, folder: Path) -> None:
        self.pids, self.output, tools = folder / "pids", folder / "out", folder / "tools"
        tools.mkdir()
        (tools / "bgzip").write_text(SLOW_BGZIP.replace("$PIDS", str(self.pids)))
        (tools / "bgzip").chmod(0o755)
        write_pair(folder / "reads")
        samples_file = list_folders(folder / "samples.txt", folder / "reads")
        arguments = ["run", "--samples-file", samples_file, "--output-path", self.output, "--select", "merged_reads"]
        self.command = [COMMAND, *map(str, arguments)]
        self.env = {**os.environ, "BIOINFO_ASSETS_TOOL_PATH": json.dumps([str(tools)])}

    def start(self, *before: str, **options: Any) -> "subprocess.Popen[str]":
        """Starts it, by a program before it where one is given; its job has begun when this returns."""
        running = subprocess.Popen([*before, *self.command], text=True, env=self.env, **options)
        wait_for(self.pids)
        return running

    def check_nothing_is_left(self) -> None:
        assert [pid for pid in map(int, self.pids.read_text().split()) if is_alive(pid)] == []
        assert list(self.output.rglob("merged_reads.json")) == []
        assert list(self.output.rglob("*.fastq.gz")) == []

    def states(self) -> list[str]:
        """Of its runs in Dagster, the newest first."""
        with dg.DagsterInstance.from_config(str(self.output / ".dagster")) as instance:
            return [run.status.value for run in instance.get_runs()]


@pytest.fixture
def slow(tmp_path: Path) -> SlowRun:
    return SlowRun(tmp_path)


@pytest.mark.parametrize("pauses_s", [(), (0.05, 0.05, 0.1, 0.1)], ids=["once", "often"])
def test_an_interrupted_run_leaves_no_process_and_no_result(slow: SlowRun, pauses_s: Sequence[float]) -> None:
    """However often Ctrl-C is pressed."""
    running = slow.start(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running.send_signal(signal.SIGINT)
    for pause_s in pauses_s:
        time.sleep(pause_s)
        running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=120)
    assert running.returncode == 130
    assert "interrupted" in stderr
    assert "Traceback" not in stderr
    slow.check_nothing_is_left()
    assert slow.states() == ["CANCELED"]


def test_a_terminal_that_is_closed_interrupts(slow: SlowRun) -> None:
    ours, theirs = pty.openpty()
    running = slow.start("setsid", "--ctty", stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.close(ours)  # now the kernel sends SIGHUP, and writing to the terminal fails
    assert running.wait(30) == 130
    slow.check_nothing_is_left()
    assert slow.states() == ["CANCELED"]


def test_under_nohup_a_hangup_is_ignored(slow: SlowRun) -> None:
    running = slow.start("nohup", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(2)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=120)
    assert running.returncode == 130


def test_a_run_whose_process_was_killed_is_reported_by_the_next_one(slow: SlowRun) -> None:
    with slow.start(stdout=subprocess.PIPE, stderr=subprocess.PIPE) as killed:
        killed.kill()
    assert slow.states() == ["STARTED"]
    slow.pids.unlink()
    living = slow.start(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert slow.states() == ["STARTED", "FAILURE"]
    with open_instance(slow.output / ".dagster") as instance:
        report_ended(instance, slow.output / ".dagster")
    assert slow.states() == ["STARTED", "FAILURE"]  # the second lives, and stays
    living.send_signal(signal.SIGINT)
    living.communicate(timeout=120)
    assert slow.states() == ["CANCELED", "FAILURE"]
