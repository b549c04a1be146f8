"""Every command line that the README and the changelog's readers may copy is one that the program takes."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from bioinfo_assets import settings
from bioinfo_assets.application.request import DEFAULT_KNOWN_SITES, DEFAULT_REFERENCE
from bioinfo_assets.cli.main import COMMANDS as COMMANDS_BY_NAME
from bioinfo_assets.cli.main import app
from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.pipeline.graph import ASSETS

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = "\n".join(re.findall(r"```bash\n(.*?)```", README, re.DOTALL)).replace("\\\n", " ")
COMMANDS = [line for line in BLOCKS.splitlines() if line.startswith("bioinfo-assets ")]


def all_commands(command) -> Iterator:
    """A command, and those within it."""
    yield command
    if hasattr(command, "list_commands"):
        context = command.make_context(command.name, ["any"])
        for name in command.list_commands(context):
            yield from all_commands(command.get_command(context, name))


def test_there_are_commands_of_each_kind() -> None:
    """The demo is a target of make there."""
    named = {shlex.split(command)[1] for command in COMMANDS}
    assert named == set(COMMANDS_BY_NAME) - {"demo"}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_one(command: str) -> None:
    """Parsing raises for an option that is not there, or a value that cannot be."""
    program, *arguments = shlex.split(command, comments=True)
    group = get_command(app)
    context = group.make_context(program, arguments)
    while hasattr(group, "resolve_command"):
        name, group, rest = group.resolve_command(context, [*context._protected_args, *context.args])
        assert group is not None
        context = group.make_context(name, rest, parent=context)


@pytest.mark.parametrize("option", sorted(set(re.findall(r"`(--[a-z0-9-]+)", README))))
def test_an_option_that_is_named_is_one_of_a_command(option: str) -> None:
    known = {
        name
        for command in all_commands(get_command(app))
        for one in command.params
        for name in (*one.opts, *one.secondary_opts)
    }
    assert option in known


def test_all_options_of_run_are_named() -> None:
    group = get_command(app)
    run = group.get_command(group.make_context("bioinfo-assets", ["run"]), "run")  # type: ignore[attr-defined]
    assert [one.opts[0] for one in run.params if one.opts[0] not in README] == []


def test_all_settings_are_named() -> None:
    named = {*settings.Settings.model_fields, *(f"trimming.{name}" for name in settings.TrimmingSettings.model_fields)}
    told = README.replace("`…_2`", "`trimming.three_prime_2` `trimming.five_prime_2`")
    assert [name for name in sorted(named - {"trimming", "output_path"}) if f"`{name}" not in told] == []


def test_all_options_of_jobs_and_of_batch_are_named() -> None:
    names = {*JobOptions.model_fields, *BatchConfig.model_fields}
    assert [name for name in sorted(names) if f"`{name}`" not in README] == []


def test_the_example_of_settings_is_one() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    told = settings.Settings(output_path="s3://BUCKET/run7", **tomllib.loads(example))
    assert told.options_of("aligned_bam").given() == {
        "queue": "genomes-on-demand",
        "image": told.jobs.image,
        "tags": {"project": "p1"},
        "memory_mib": 65536,
    }


def test_all_assets_have_their_files_named() -> None:
    rows = [line for line in README.splitlines() if line.startswith("| `")]
    assert [asset for asset in ASSETS if not any(row.startswith(f"| `{asset}` |") for row in rows)] == []


def test_the_defaults_are_those_of_run() -> None:
    assert DEFAULT_REFERENCE in README
    for uri in DEFAULT_KNOWN_SITES:
        folder, _, name = uri.rpartition("/")
        assert folder in README
        assert name in README
