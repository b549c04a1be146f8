"""Runs whose output nobody reads, or has no room for: they go on."""

import os
import subprocess
from pathlib import Path

import pytest

from bioinfo_assets_tests.cli.commands import COMMAND, list_folders, write_pair


def pipe_without_reader() -> int:
    """The end to write to of a pipe whose reader has gone, as in `run | head`."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("place", ["pipe", "full disk"])
@pytest.mark.parametrize("options", [[], ["--json"]], ids=["stdout", "stderr"])
def test_a_run_ends_well_although_its_progress_cannot_be_written(
    tmp_path: Path, place: str, options: list[str]
) -> None:
    write_pair(tmp_path / "reads")
    samples_file = list_folders(tmp_path / "samples.txt", tmp_path / "reads")
    command = [COMMAND, "run", "--samples-file", str(samples_file), "--output-path", str(tmp_path / "out"), *options]
    lost = pipe_without_reader() if place == "pipe" else os.open("/dev/full", os.O_WRONLY)
    stdout, stderr = (subprocess.PIPE, lost) if options else (lost, subprocess.PIPE)
    completed = subprocess.run([*command, "--select", "merged_reads"], check=False, stdout=stdout, stderr=stderr)
    os.close(lost)
    assert completed.returncode == 0, completed
    assert (tmp_path / "out" / "expt" / "records" / "merged_reads.json").exists()
    assert b"Traceback" not in (completed.stdout or b"") + (completed.stderr or b"")
    assert not options or b'"success": true' in completed.stdout
