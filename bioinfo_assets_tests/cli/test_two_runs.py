"""Runs of a new project that begin at the same moment, as a script that starts one for each samplesheet makes them."""

import subprocess
from pathlib import Path

from bioinfo_assets_tests.cli.commands import COMMAND, call, list_folders, write_pair

WAIT_FOR_A_LINE = 'read -r; exec "$@"'


def start(*words: object) -> "subprocess.Popen[str]":
    command = ["bash", "-c", WAIT_FOR_A_LINE, "bash", COMMAND, *map(str, words)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def test_runs_that_begin_at_one_moment_succeed_and_replace_nothing_of_each_other(tmp_path: Path) -> None:
    """Each has a sample of its own and one of both."""
    output = tmp_path / "out"
    for sample in ("both", "one", "two"):
        write_pair(tmp_path / sample, sample)
    sheets = [list_folders(tmp_path / f"{own}.txt", tmp_path / "both", tmp_path / own) for own in ("one", "two")]
    arguments = ("run", "--output-path", output, "--select", "merged_reads", "--samples-file")
    runs = [start(*arguments, sheet) for sheet in sheets]
    for run in runs:
        assert run.stdin is not None
        run.stdin.write("\n")
        run.stdin.flush()

    printed = ["".join(run.communicate(timeout=600)) for run in runs]

    assert [run.returncode for run in runs] == [0, 0], printed
    assert not [text for text in printed if "Traceback" in text]
    for scope in ("both", "one", "two"):
        assert (output / scope / "records" / "merged_reads.json").exists()
        assert not (output / scope / "records" / "history").exists()  # where the record of a replaced result goes
    assert call("verify", "--deep", "--output-path", output).exit_code == 0
    assert call("run", "--output-path", output, "--select", "merged_reads").exit_code == 0
