"""The code version of each asset: it changes when another result is to be expected of the same inputs.

In it are the step's version, the settings that shape the result, and the versions of the tools that make it. Dagster
marks as stale what was made with another one. The fingerprint of a job decides later whether it must really run.
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
from bioinfo_assets.pipeline.graph import ALIGNER, ASSETS, GRAPH
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.settings import Settings, home_of
from bioinfo_assets.storage.atomic import atomic_write

FILE_NAME: Final = "tools.json"
"""In the project's home: the tools by asset as they were last told, for jobs that do not run on this machine."""

ToolsByAsset = Mapping[str, Mapping[str, str]]
_TOOLS: Final = TypeAdapter(dict[str, dict[str, str]])


def code_version(asset: str, settings: Settings, tools: Mapping[str, str]) -> str:
    """The code version of an asset: its step's version, and a digest of settings and tools where there are any."""
    made = GRAPH[asset]
    if not made.settings and not tools:
        return made.version
    shaping = {"settings": settings.model_dump(mode="json", include=set(made.settings)), "tools": dict(tools)}
    return f"{made.version}+{sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()[:12]}"


def code_versions(project: Project) -> dict[str, str]:
    """The code versions of all assets.

    Tools of this machine are asked. Those of an image are as they were when a run last asked for them: to ask an image
    takes an engine, or a job, and the pages of Dagster are to open without.
    """
    told = _last_known_tools(project.settings)
    if project.settings.backend == "local":
        backend = open_backend(project.settings.means, project.settings.output_path, project.store, "none", "none")
        try:
            told = {asset: dict(_asked(project, backend, asset)) or told.get(asset, {}) for asset in ASSETS}
        finally:
            backend.close()
    return {asset: code_version(asset, project.settings, told.get(asset, {})) for asset in ASSETS}


def tools_of(project: Project, backend: Backend, asset: str) -> Mapping[str, str]:
    """The versions of the tools that make an asset.

    Raises:
        ResourceError: one is missing, or it cannot be told.
    """
    options = project.settings.options_of(asset)
    aligner = project.aligner(backend, options) if ALIGNER in GRAPH[asset].tools else None
    commands = [str(aligner) if tool == ALIGNER else tool for tool in GRAPH[asset].tools]
    return backend.tool_versions(commands, options)


def save_tools(tools: ToolsByAsset, home: Path) -> None:
    """Keeps the tools as they were told now; those of other assets stay as they were told before."""
    before = _read(home)
    after = {**before, **{asset: dict(versions) for asset, versions in tools.items()}}
    if after != before:
        with atomic_write(home / FILE_NAME) as part:
            part.write_bytes(_TOOLS.dump_json(after, indent=2))


def _asked(project: Project, backend: Backend, asset: str) -> Mapping[str, str]:
    try:
        return tools_of(project, backend, asset)
    except ResourceError:
        return {}


def _last_known_tools(settings: Settings) -> dict[str, dict[str, str]]:
    try:
        return _read(home_of(settings.output_path))
    except BioinfoAssetsError:  # an output path in the cloud, and no home set
        return {}


def _read(home: Path) -> dict[str, dict[str, str]]:
    try:
        return _TOOLS.validate_json((home / FILE_NAME).read_bytes())
    except (OSError, ValidationError):
        return {}
