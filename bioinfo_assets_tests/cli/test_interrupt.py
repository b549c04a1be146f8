"""Runs that are interrupted or killed: no process is left, no result is incomplete, and Dagster records the end."""

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

from bioinfo_assets.application.dagster_runs import open_instance
from bioinfo_assets.orchestration.run_liveness import report_dead_runs
from bioinfo_assets_tests.cli.commands import COMMAND, list_folders, write_pair
from bioinfo_assets_tests.waiting import wait_until

SLOW_BGZIP = """#!/bin/bash
if [[ $1 == --version ]]; then echo "bgzip (htslib) 1.16"; exit; fi
sleep 300 &
echo $$ $! >> "$PIDS"
wait
"""


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


class SlowRun:
    """A run whose job takes minutes."""

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
        """Start the run, under another program if one is given, and wait until its job has started."""
        running = subprocess.Popen([*before, *self.command], text=True, env=self.env, **options)
        wait_until(lambda: self.pids.exists() and self.pids.read_text().endswith("\n"), what="a job to start")
        return running

    def check_that_nothing_is_left(self) -> None:
        assert [pid for pid in map(int, self.pids.read_text().split()) if is_alive(pid)] == []
        assert list(self.output.rglob("merged_reads.json")) == []
        assert list(self.output.rglob("*.fastq.gz")) == []

    def states(self) -> list[str]:
        """Return the states of its runs in Dagster, newest first."""
        with dg.DagsterInstance.from_config(str(self.output / ".dagster")) as instance:
            return [run.status.value for run in instance.get_runs()]


@pytest.fixture
def slow(tmp_path: Path) -> SlowRun:
    return SlowRun(tmp_path)


@pytest.mark.parametrize("pauses_s", [(), (0.05, 0.05, 0.1, 0.1)], ids=["once", "often"])
def test_an_interrupted_run_leaves_no_process_and_no_result(slow: SlowRun, pauses_s: Sequence[float]) -> None:
    """Ctrl-C may be pressed repeatedly."""
    running = slow.start(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running.send_signal(signal.SIGINT)
    for pause_s in pauses_s:
        time.sleep(pause_s)
        running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=120)
    assert running.returncode == 130
    assert "interrupted" in stderr
    assert "Traceback" not in stderr
    slow.check_that_nothing_is_left()
    assert slow.states() == ["CANCELED"]


def test_closing_the_terminal_interrupts_a_run(slow: SlowRun) -> None:
    terminal, process_end = pty.openpty()
    running = slow.start("setsid", "--ctty", stdin=process_end, stdout=process_end, stderr=process_end)
    os.close(process_end)
    os.close(terminal)  # the kernel now sends SIGHUP, and writing to the terminal fails
    assert running.wait(120) == 130
    slow.check_that_nothing_is_left()
    assert slow.states() == ["CANCELED"]


def test_under_nohup_sighup_is_ignored(slow: SlowRun) -> None:
    running = slow.start("nohup", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(2)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=120)
    assert running.returncode == 130


def test_a_killed_run_is_reported_by_the_next_one(slow: SlowRun) -> None:
    with slow.start(stdout=subprocess.PIPE, stderr=subprocess.PIPE) as killed:
        killed.kill()
    assert slow.states() == ["STARTED"]
    slow.pids.unlink()
    living = slow.start(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert slow.states() == ["STARTED", "FAILURE"]
    with open_instance(slow.output / ".dagster") as instance:
        assert report_dead_runs(instance) == []  # the second run is alive
    assert slow.states() == ["STARTED", "FAILURE"]
    living.send_signal(signal.SIGINT)
    living.communicate(timeout=120)
    assert slow.states() == ["CANCELED", "FAILURE"]
