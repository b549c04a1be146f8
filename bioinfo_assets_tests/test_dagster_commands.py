"""Dagster's own commands find the project's definitions in the clone."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bioinfo_assets.definitions import defs
from bioinfo_assets.errors import InputError
from bioinfo_assets.orchestration.code_location import LOCATION_NAME, MODULE
from bioinfo_assets.pipeline.graph import ASSETS, SOURCES
from bioinfo_assets.settings import home_of, load, save
from bioinfo_assets_tests.docs.pages import CLONE

DG = str(Path(sys.executable).parent / "dg")


def test_dg_lists_the_definitions_of_the_clone(tmp_path: Path) -> None:
    """One start of `dg`, which takes seconds: it finds the definitions by `[tool.dg]`, and loads them."""
    settings = load(None, output_path=str(tmp_path))
    home = save(settings, home_of(settings.output_path)).parent
    completed = subprocess.run(
        [DG, "list", "defs", "--json"],
        cwd=CLONE,
        env={**os.environ, "DAGSTER_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    listed = json.loads(completed.stdout[completed.stdout.index("{") :])
    assert {*ASSETS, *SOURCES} <= {asset["asset_key"] for asset in listed["assets"]}
    assert "align_samples" in {job["name"] for job in listed["jobs"]}
    assert {resource["name"] for resource in listed["resources"]} == {"launcher", "project"}


def test_the_code_location_has_one_name() -> None:
    project = tomllib.loads((CLONE / "pyproject.toml").read_text())["tool"]["dg"]["project"]
    workspace = [line.strip() for line in (CLONE / "workspace.yaml").read_text().splitlines()]
    assert {f"module_name: {MODULE}", f"location_name: {LOCATION_NAME}"} <= set(workspace)
    assert project["code_location_name"] == LOCATION_NAME
    assert f"{project['root_module']}.definitions" == MODULE  # where `dg` looks for them


def test_without_a_project_the_definitions_name_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with pytest.raises(InputError, match=r"there is no project: set DAGSTER_HOME to the home of one"):
        defs()
