"""Ctrl-C ends a run and every process that it started."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import dagster as dg

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


def test_an_interrupted_run_leaves_no_process_and_no_result(tmp_path: Path) -> None:
    pids, tools = tmp_path / "pids", tmp_path / "tools"
    tools.mkdir()
    (tools / "bgzip").write_text(SLOW_BGZIP.replace("$PIDS", str(pids)))
    (tools / "bgzip").chmod(0o755)
    write_pair(tmp_path / "reads")
    samples_file = list_folders(tmp_path / "samples.txt", tmp_path / "reads")
    command = [COMMAND, "run", "--samples-file", samples_file, "--output-path", tmp_path / "out"]
    with subprocess.Popen(
        [*command, "--select", "merged_reads"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "BIOINFO_ASSETS_TOOL_PATH": json.dumps([str(tools)])},
    ) as running:
        wait_for(pids)
        running.send_signal(signal.SIGINT)
        _, stderr = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "interrupted" in stderr
    assert "Traceback" not in stderr
    assert [pid for pid in map(int, pids.read_text().split()) if is_alive(pid)] == []
    assert list((tmp_path / "out").rglob("merged_reads.json")) == []
    assert list((tmp_path / "out").rglob("*.fastq.gz")) == []
    with dg.DagsterInstance.from_config(str(tmp_path / "out" / ".dagster")) as instance:
        assert [run.status.value for run in instance.get_runs()] == ["CANCELED"]
