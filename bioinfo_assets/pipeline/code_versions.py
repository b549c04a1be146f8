"""The code version of each asset: it changes when the same inputs may give another result.

It is made of the step's version, the settings that shape the result, and the versions of the tools. Dagster marks
results of another code version as stale. The fingerprint of a job decides later whether it really has to run.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from bioinfo_assets.errors import BioinfoAssetsError, ResourceError
from bioinfo_assets.launch.backend import Backend
from bioinfo_assets.launch.backend_config import open_backend
from bioinfo_assets.pipeline.asset_spec import ALIGNER
from bioinfo_assets.pipeline.graph import ASSETS, GRAPH
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.settings import Settings, home_of, portable_values
from bioinfo_assets.storage.atomic import atomic_write

FILE_NAME: Final = "tools.json"
"""In the project's home: the last known tool versions by asset, for jobs that do not run on this machine."""

ToolsByAsset = Mapping[str, Mapping[str, str]]
_TOOLS: Final = TypeAdapter(dict[str, dict[str, str]])


def code_version(asset: str, settings: Settings, tools: Mapping[str, str]) -> str:
    """The code version of an asset: its step's version, and a digest of settings and tools if there are any."""
    spec = GRAPH[asset]
    if not spec.settings and not tools:
        return spec.version
    shaping = {"settings": portable_values(settings, include=set(spec.settings)), "tools": dict(tools)}
    return f"{spec.version}+{sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()[:12]}"


def code_versions(project: Project) -> dict[str, str]:
    """The code versions of all assets.

    The versions of tools on this machine are read. Those of an image are the last known ones: to read them takes a
    container engine or a job, and Dagster's pages have to open without.
    """
    tools = _last_known_tools(project.settings)
    if project.settings.backend == "local":
        backend = open_backend(project.settings, project.settings.output_path, project.store, "none", "none")
        try:
            tools = {asset: dict(_installed(project, backend, asset)) or tools.get(asset, {}) for asset in ASSETS}
        finally:
            backend.close()
    return {asset: code_version(asset, project.settings, tools.get(asset, {})) for asset in ASSETS}


def tools_of(project: Project, backend: Backend, asset: str) -> Mapping[str, str]:
    """The versions of an asset's tools.

    Raises:
        ResourceError: a tool is missing, or its version cannot be read.
    """
    options, tools = project.settings.options_of(asset), GRAPH[asset].tools_of(project.settings)
    aligner = project.aligner(backend, options) if ALIGNER in tools else None
    commands = [str(aligner) if tool == ALIGNER else tool for tool in tools]
    return backend.tool_versions(commands, options)


def save_tools(tools: ToolsByAsset, home: Path) -> None:
    """Save the tool versions of these assets; those of other assets are kept."""
    before = _read(home)
    after = {**before, **{asset: dict(versions) for asset, versions in tools.items()}}
    if after != before:
        with atomic_write(home / FILE_NAME) as part:
            part.write_bytes(_TOOLS.dump_json(after, indent=2))


def _installed(project: Project, backend: Backend, asset: str) -> Mapping[str, str]:
    try:
        return tools_of(project, backend, asset)
    except ResourceError:
        return {}


def _last_known_tools(settings: Settings) -> dict[str, dict[str, str]]:
    try:
        return _read(home_of(settings.output_path))
    except BioinfoAssetsError:  # a remote output path, and no home is set
        return {}


def _read(home: Path) -> dict[str, dict[str, str]]:
    try:
        return _TOOLS.validate_json((home / FILE_NAME).read_bytes())
    except (OSError, ValidationError):
        return {}
