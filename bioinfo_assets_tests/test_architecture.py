"""The house's plan: which room may use which, and where what comes from outside may be used."""

import ast
import sys
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

import bioinfo_assets

PACKAGE: Final = Path(bioinfo_assets.__file__).parent

# A room, or a module at the top, and what of the project it may import besides itself.
MAY_IMPORT: Final[Mapping[str, set[str]]] = {
    "errors": set(),
    "result_key": set(),
    "genomics": {"errors", "result_key"},
    "storage": {"errors"},
    "layout": {"errors", "result_key", "storage"},
    "launch": {"errors", "layout", "result_key", "storage"},
    "steps": {"errors", "result_key", "layout", "genomics", "launch.job"},
    "records": {"errors", "layout", "result_key", "genomics", "storage", "launch"},
    "provenance": {"errors", "layout", "result_key", "genomics", "storage", "launch", "records"},
    "maintenance": {
        "errors",
        "layout",
        "result_key",
        "genomics",
        "storage",
        "launch",
        "records",
        "provenance",
    },
    "orchestration": {"errors", "layout", "result_key", "storage", "launch", "records", "provenance"},
    "automation_settings": set(),
    "optional_asset_settings": set(),
    "quality_settings": set(),
    "retention_settings": set(),
    "settings_file": {"errors"},
    "trimming_settings": set(),
    "settings": {
        "settings_file",
        "errors",
        "layout",
        "automation_settings",
        "optional_asset_settings",
        "quality_settings",
        "retention_settings",
        "trimming_settings",
        "storage.address",
        "storage.atomic",
        "launch.backend_config",
        "launch.batch.config",
        "launch.job",
    },
    "pipeline": {
        "errors",
        "layout",
        "result_key",
        "genomics",
        "storage",
        "launch",
        "steps",
        "records",
        "quality_settings",
        "retention_settings",
        "settings",
    },
    "assets": {
        "errors",
        "layout",
        "result_key",
        "genomics",
        "storage",
        "launch",
        "steps.resources",
        "records",
        "provenance",
        "orchestration",
        "settings",
        "pipeline",
    },
    "definitions": {"errors", "storage", "launch", "records", "orchestration", "settings", "pipeline", "assets"},
    "web": {"errors", "layout", "result_key", "genomics", "storage", "records", "settings"},
    "application": {
        "errors",
        "layout",
        "result_key",
        "genomics",
        "storage",
        "launch",
        "steps",
        "records",
        "provenance",
        "maintenance",
        "orchestration",
        "retention_settings",
        "settings",
        "settings_file",
        "pipeline",
        "assets",
        "definitions",
    },
    "cli": {
        "errors",
        "layout",
        "result_key",
        "genomics",
        "storage",
        "launch",
        "steps",
        "records",
        "provenance",
        "maintenance",
        "orchestration",
        "settings",
        "pipeline",
        "assets",
        "application",
    },
}

# A library, or a part of one, and the rooms or modules in which it may be used; one that is not here may be used
# anywhere but in genomics and steps.
USED_IN: Final[Mapping[str, set[str]]] = {
    "captainslog": {"genomics"},
    "dagster": {"orchestration", "assets", "definitions", "application", "cli"},
    "dagster._": {"orchestration.internals"},  # its private names, which any release may change
    "boto3": {"launch", "storage"},
    "botocore": {"launch", "storage"},
    "obstore": {"storage"},
    "docker": {"launch.docker"},
    "typer": {"cli"},
    "rich": {"cli"},
    "starlette": {"web"},
    "dagster_webserver": {"web"},
    "jinja2": {"provenance.usage"},
}

BEYOND_THE_STANDARD_LIBRARY: Final[Mapping[str, set[str]]] = {
    "genomics": {"captainslog"},
    "steps": set(),
    "errors": set(),
    "result_key": set(),
}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MAX_LINES: Final = 350
"""Of a module; a longer one does two things."""

MODULES: Final[Mapping[str, Path]] = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(source: str, importer: str) -> Iterator[str]:
    """Every module that a source imports, wherever it does; `from a import b` is `a.b` where that is a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, (
                f"{importer}, line {node.lineno}: imports are absolute, so that this test can read them"
            )
            assert node.module is not None
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module


def imports_of(module: str) -> set[str]:
    return set(imports(MODULES[module].read_text(encoding="utf-8"), module))


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def is_part_of(module: str, whole: str) -> bool:
    return module == whole or module.startswith(f"{whole}.") or (whole.endswith("_") and module.startswith(whole))


def test_every_room_has_its_rule() -> None:
    assert {room_of(module) for module in MODULES} - {""} <= set(MAY_IMPORT)


def test_the_rule_itself_goes_one_way() -> None:
    tuple(
        TopologicalSorter(
            {room: {name.split(".")[0] for name in may} for room, may in MAY_IMPORT.items()}
        ).static_order()
    )


@pytest.mark.parametrize("module", MODULES)
def test_a_room_imports_only_rooms_below_it(module: str) -> None:
    room = room_of(module)
    allowed = {f"bioinfo_assets.{name}" for name in {room, *MAY_IMPORT.get(room, set())}}
    own = {name for name in imports_of(module) if is_part_of(name, "bioinfo_assets") and name != "bioinfo_assets"}
    assert {name for name in own if not any(is_part_of(name, room) for room in allowed)} == set()


@pytest.mark.parametrize("module", MODULES)
def test_a_library_is_used_only_in_its_rooms(module: str) -> None:
    not_here = {
        library
        for library, places in USED_IN.items()
        if not any(is_part_of(module, f"bioinfo_assets.{place}") for place in places)
    }
    assert {name for name in imports_of(module) for library in not_here if is_part_of(name, library)} == set()


@pytest.mark.parametrize("module", [name for name in MODULES if room_of(name) in BEYOND_THE_STANDARD_LIBRARY])
def test_the_science_needs_the_standard_library_only(module: str) -> None:
    libraries = {name.split(".")[0] for name in imports_of(module)} - sys.stdlib_module_names - {"bioinfo_assets"}
    assert libraries <= BEYOND_THE_STANDARD_LIBRARY[room_of(module)]


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {module: {name for name in imports_of(module) if name in MODULES} for module in MODULES}
    tuple(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


def test_no_module_has_more_lines_than_a_reader_keeps_in_mind() -> None:
    lengths = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in MODULES.items()}
    assert {module: length for module, length in lengths.items() if length > MAX_LINES} == {}


def test_imports_are_found_wherever_they_stand() -> None:
    source = """
import json
from bioinfo_assets.launch import job
from bioinfo_assets.errors import InputError
if TYPE_CHECKING:
    import dagster as dg
def late():
    import os.path
"""
    assert set(imports(source, "here")) == {
        "json",
        "bioinfo_assets.launch.job",
        "bioinfo_assets.errors",
        "dagster",
        "os.path",
    }
