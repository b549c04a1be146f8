"""`bioinfo-assets`: its help, its version, and the behaviour of all commands on errors."""

import os
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from bioinfo_assets.cli.main import COMMANDS
from bioinfo_assets_tests.cli.commands import call, call_process, list_folders, write_pair


def test_version_option_prints_the_version() -> None:
    result = call("--version")
    assert (result.exit_code, result.stdout) == (0, f"bioinfo-assets {version('bioinfo-assets')}\n")


def test_help_lists_all_commands_and_exit_codes() -> None:
    result = call("--help")
    assert result.exit_code == 0
    assert all(command in result.stdout for command in COMMANDS)
    assert "130" in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_a_help_text(command: str) -> None:
    result = call(command, "--help")
    assert result.exit_code == 0
    assert "Usage: " in result.stdout


def test_help_does_not_import_dagster() -> None:
    """Importing it takes seconds."""
    result = call_process("--help", env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert re.search(r"\|\s+typer\b", result.stderr)
    assert not re.search(r"\|\s+dagster\b", result.stderr)


@pytest.mark.parametrize("arguments", [["rum"], ["run"], ["run", "--output-path", "x", "--cpus", "two"]])
def test_a_wrong_command_line_prints_no_traceback(arguments: list[str]) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr


def test_a_misspelt_command_gets_a_suggestion() -> None:
    assert "Did you mean 'run'?" in call("rum").stderr


def test_an_internal_error_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("bioinfo_assets.cli.status.plan_everything", fail)
    with pytest.raises(ZeroDivisionError):
        call("status", "--output-path", "/nonexistent")


def test_without_arguments_help_is_shown() -> None:
    assert call().stdout.rstrip() == call("--help").stdout.rstrip()


def test_a_path_that_the_locale_cannot_write_is_shown_with_escapes(tmp_path: Path) -> None:
    write_pair(tmp_path / "łan")
    samples_file = list_folders(tmp_path / "samples.txt", tmp_path / "łan")
    assert call("samples", "add", samples_file, "--output-path", tmp_path / "out").exit_code == 0
    env = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    listed = call_process("samples", "list", "--output-path", tmp_path / "out", env=env)
    assert (listed.exit_code, listed.stderr) == (0, "")
    assert r"\u0142an/expt_FC1_L1_1.fastq.gz" in listed.stdout
