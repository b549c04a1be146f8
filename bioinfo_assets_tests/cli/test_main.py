from importlib.metadata import version

import pytest

from bioinfo_assets.cli.main import app
from bioinfo_assets_tests.cli.commands import call, call_process

COMMANDS = ("run", "demo", "prepare-samples", "samples", "status", "doctor", "dagit")


def test_the_version() -> None:
    said = call("--version")
    assert (said.exit_code, said.stdout) == (0, f"bioinfo-assets {version('bioinfo-assets')}\n")


def test_help_names_all_commands_and_the_exit_codes() -> None:
    said = call("--help")
    assert said.exit_code == 0
    assert all(command in said.stdout for command in COMMANDS)
    assert "130" in said.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_says_what_it_does(command: str) -> None:
    assert call(command, "--help").exit_code == 0


def test_help_does_not_import_dagster() -> None:
    """It takes seconds."""
    said = call_process("--help", env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert "typer" in said.stderr
    assert "dagster" not in said.stderr


@pytest.mark.parametrize("arguments", [["rum"], ["run"], ["run", "--output-path", "x", "--cpus", "two"]])
def test_a_wrong_command_line_is_told_without_a_traceback(arguments: list[str]) -> None:
    said = call(*arguments)
    assert said.exit_code == 2
    assert "Traceback" not in said.stderr


def test_a_defect_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("bioinfo_assets.cli.status.whole_plan", broken)
    with pytest.raises(ZeroDivisionError):
        call("status", "--output-path", "/nonexistent")
    assert app.info.no_args_is_help
