"""The documentation is true: commands parse, links lead somewhere, and everything that users can set is described."""

import ast
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from bioinfo_assets.application.plan import DEFAULT_KNOWN_SITES, DEFAULT_REFERENCE
from bioinfo_assets.cli.doctor import ToolCheck
from bioinfo_assets.cli.main import COMMANDS, app
from bioinfo_assets.launch.batch.active_jobs import ActiveJob
from bioinfo_assets.launch.batch.checks import CheckResult
from bioinfo_assets.pipeline.graph import ASSETS, SOURCES
from bioinfo_assets.quality_settings import QualitySettings
from bioinfo_assets.retention_settings import RetentionSettings
from bioinfo_assets.settings import Settings
from bioinfo_assets.trimming_settings import TrimmingSettings
from bioinfo_assets_tests.docs.pages import BUILD, CLONE, FOR_USERS, PAGES, code_blocks, command_lines
from bioinfo_assets_tests.docs.pages import SOURCES as DOCUMENTS
from bioinfo_assets_tests.steps.test_golden import JOBS

README = PAGES["README.md"]
COMMAND_LINES = [
    (page, line) for page, text in PAGES.items() for line in command_lines(text) if line.startswith("bioinfo-assets ")
]
MODELS = (
    Settings,
    *(Settings.model_fields[name].annotation for name in ("trimming", "retention", "quality", "jobs", "batch")),
)
PREFIXES: Mapping[object, str] = {
    TrimmingSettings: "trimming.",
    RetentionSettings: "retention.",
    QualitySettings: "quality.",
}


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 150


def test_every_picture_is_taken_by_a_browser_test_and_shown_in_a_page() -> None:
    tests = (CLONE / "bioinfo_assets_tests/web/test_pages_in_browser.py").read_text()
    taken = set(re.findall(r'take_screenshot\(page, "(\w+)"\)', tests))
    shown = set(re.findall(r"\]\((?:\.\./)*images/(\w+)\.png\)", "".join(PAGES.values())))
    assert taken == shown == {path.stem for path in (CLONE / "docs/images").iterdir()}


def test_every_command_has_an_example() -> None:
    """`demo` is run by make."""
    assert {shlex.split(line)[1] for _page, line in COMMAND_LINES} - {"--version"} == set(COMMANDS) - {"demo"}


@pytest.mark.parametrize(("page", "line"), COMMAND_LINES)
def test_every_command_line_parses(page: str, line: str) -> None:
    """Parsing raises for an unknown option and for an invalid value."""
    program, *arguments = shlex.split(line, comments=True)
    if arguments == ["--version"]:
        return
    command: Any = get_command(app)
    context = command.make_context(program, arguments)
    while hasattr(command, "resolve_command"):
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None, page
        context = command.make_context(name, rest, parent=context)


def all_options() -> set[str]:
    return {
        name
        for _name, command in BUILD.walk_commands()
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
        if name.startswith("-")
    }


@pytest.mark.parametrize("page", FOR_USERS)
def test_every_option_that_a_page_names_exists(page: str) -> None:
    assert set(re.findall(r"`(--[a-z0-9-]+)", FOR_USERS[page])) - all_options() == set()


def test_every_option_is_described() -> None:
    undescribed = [
        f"{name} {parameter.name}"
        for name, command in BUILD.walk_commands()
        for parameter in command.params
        if not parameter.help
    ]
    assert undescribed == []
    page = PAGES["docs/reference/commands.md"]
    assert [option for option in all_options() if f"`{option}`" not in page] == []


def test_every_command_is_described() -> None:
    page = PAGES["docs/reference/commands.md"]
    for name, command in BUILD.walk_commands():
        assert f"\n## {name.removeprefix('bioinfo-assets ')}\n" in page
        assert command.help


def test_every_setting_is_described() -> None:
    page = PAGES["docs/reference/settings.md"]
    for model in MODELS:
        assert model is not None
        described = BUILD.describe_fields(model)
        assert [name for name, text in described.items() if not text] == []
        prefix = PREFIXES.get(model, "")
        tables = {"trimming", "retention", "quality", "jobs", "steps", "batch"} if model is Settings else set()
        assert [name for name in described if f"`{prefix}{name}`" not in page and name not in tables] == []


def test_every_setting_of_a_run_option_is_named_in_the_settings() -> None:
    run = next(command for name, command in BUILD.walk_commands() if name == "bioinfo-assets run")
    page = PAGES["docs/reference/settings.md"]
    of_one_run = {"--samples-file", "--select", "--samples", "--explain", "--json"}
    options = {parameter.opts[0] for parameter in run.params} - of_one_run
    fields = {f"--{name.replace('_', '-')}" for name in Settings.model_fields}
    assert [option for option in sorted(options - fields) if f"`{option}`" not in page] == []


def test_the_example_settings_are_valid() -> None:
    (example,) = code_blocks(PAGES["docs/guides/aws-batch.md"], "toml")
    settings = Settings(output_path="s3://BUCKET/run7", **tomllib.loads(example))
    assert settings.options_of("aligned_bam").set_options() == {
        "queue": "genomes-on-demand",
        "image": settings.jobs.image,
        "tags": {"project": "p1"},
        "memory_mib": 65536,
    }


@pytest.mark.parametrize("asset", [*ASSETS, *SOURCES])
def test_every_asset_and_source_is_described(asset: str) -> None:
    assert f"\n| `{asset}` | " in PAGES["docs/reference/assets.md"]


@pytest.mark.parametrize("name", JOBS)
def test_every_file_of_an_asset_is_listed(name: str) -> None:
    files = PAGES["docs/reference/assets.md"].partition("\n## Files\n")[2]
    (row,) = re.findall(rf"^\| `{name.partition('.')[0]}` \| (.*) \|$", files, re.MULTILINE)
    for output in JOBS[name].outputs:
        local = output.local.replace("expt.", "SAMPLE.").replace("chr22.", "NAME.").replace("mills.", "SITES.")
        suffix = local.removeprefix("NAME.fa")
        assert f"{local}`" in row or f"`{suffix}`" in row, f"{local} is not in the row of {name}"


def test_every_metadata_entry_in_dagit_is_described() -> None:
    source = (CLONE / "bioinfo_assets" / "orchestration" / "metadata.py").read_text(encoding="utf-8")
    entries = set(re.findall(r'(?:^ {8}|metadata\[)"(\w+)"\]?(?:: | = )', source, re.MULTILINE))
    assert {"inputs", "image"} <= entries
    page = PAGES["docs/reference/metadata.md"]
    assert [entry for entry in sorted(entries) if f"`{entry}`" not in page] == []


JSON_SOURCES = [
    "application/run.py",
    "cli/crate.py",
    "cli/diff.py",
    "cli/gc.py",
    "cli/igv.py",
    "cli/import_.py",
    "cli/log.py",
    "cli/provenance_view.py",
    "cli/run_pipeline.py",
    "cli/samples.py",
    "cli/status.py",
    "cli/sync.py",
    "cli/verify.py",
]


def keys_of_json(source: str) -> set[str]:
    """The keys of the dictionaries in a module that writes JSON."""
    return {
        key.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str) and re.fullmatch(r"[a-z_0-9]+", key.value)
    }


@pytest.mark.parametrize("module", JSON_SOURCES)
def test_every_key_of_json_is_described(module: str) -> None:
    keys = keys_of_json((CLONE / "bioinfo_assets" / module).read_text(encoding="utf-8"))
    assert keys
    page = PAGES["docs/reference/metadata.md"].partition("\n## JSON on the command line\n")[2]
    assert [key for key in sorted(keys) if f"`{key}`" not in page] == []


@pytest.mark.parametrize("model", [ToolCheck, CheckResult, ActiveJob])
def test_every_field_of_what_is_listed_as_json_is_described(model: type) -> None:
    page = PAGES["docs/reference/metadata.md"].partition("\n## JSON on the command line\n")[2]
    assert [field.name for field in fields(model) if f"`{field.name}`" not in page] == []


def test_the_defaults_of_run_are_named() -> None:
    page = PAGES["docs/guides/own-samples.md"]
    assert DEFAULT_REFERENCE in page
    for uri in DEFAULT_KNOWN_SITES:
        folder, _, name = uri.rpartition("/")
        assert folder in page
        assert name in page


GLOSSARY = """Asset, Attempt, Backend, Code version, Data version, Fingerprint, Home, Job, Observation, Output path,
Partition, Record, Released, Retention, Reused, Run, Sample, Scope, Shared cache, Source, Stale"""


@pytest.mark.parametrize("word", re.split(r",\s+", GLOSSARY))
def test_the_glossary_defines(word: str) -> None:
    assert f"\n**{word}**\n: " in PAGES["docs/glossary.md"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files_of_the_clone(name: str) -> None:
    """The links of the site are checked when it is built."""
    links = re.findall(r"\]\((?![a-z]+:)([^)#]*)(?:#[^)]*)?\)", DOCUMENTS[name])
    assert [link for link in links if not (CLONE / name).parent.joinpath(link).exists()] == []


def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    """MkDocs checks internal links and anchors; with `--strict`, a warning is an error."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=CLONE,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    pages = {path: path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html")}
    assert len(pages) > len(DOCUMENTS)  # and the page for addresses that do not exist
    for path, text in pages.items():
        assert re.findall(r'<(?:script|img|link rel="stylesheet")[^>]*(?:src|href)="https?://[^"]*', text) == [], path
        assert "&lt;!-- generated" not in text
        assert "<!-- generated" not in text
