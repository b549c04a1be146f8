"""The versions of this machine's tools, cached in the user's home for all processes.

Some tools take seconds to start, and a run that reuses every result takes less than one. An entry is valid while the
program's file has the same modification time, size and inode. A script may start anything, such as an image that was
replaced, so each process asks it again; not one next to this Python or in the clone's `.tools/bin`, which `make
install` writes with what it starts.
"""

import json
import os
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.launch.tools import Tool, reported_version, tool_versions
from bioinfo_assets.storage.atomic import atomic_write

_lock: Final = Lock()


def cached_tool_versions(commands: Collection[str], path: str) -> Mapping[str, str]:
    """Return the version of each command as it is found on `path`, running only programs that are not in the cache.

    Raises:
        ResourceError: a tool is missing, or does not run; the message names the command that installs it.
    """
    return tool_versions(commands, path, _cached_version)


def _cached_version(tool: Tool, program: str, path: str) -> str | None:
    stat = os.stat(program)  # noqa: PTH116 - follows links as exec does
    key = "\t".join([*tool.version_arguments, tool.version, *map(str, (stat.st_mtime_ns, stat.st_size, stat.st_ino))])
    entry = _load().get(program)
    if entry is not None and entry["key"] == key:
        return entry["version"]
    version = reported_version(tool, program, path)
    if version is not None:
        with _lock:
            _load()[program] = {"key": key, "version": version}
            _save()
    return version


@lru_cache(maxsize=1)
def _load() -> dict[str, dict[str, str]]:
    """The cache by path of program, read once per process, without scripts; a damaged file counts as an empty one."""
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        entries = json.loads(_file().read_text(encoding="utf-8"))
        return {
            str(program): {field: str(entry[field]) for field in ("key", "version")}
            for program, entry in entries.items()
            if not _may_start_another(Path(program))
        }
    return {}


def _may_start_another(program: Path) -> bool:
    """Whether a program is a script that may start another version than before."""
    environment = Path(sys.executable).parent
    if not program.exists() or program.parent in {environment, environment.parents[1] / ".tools" / "bin"}:
        return False
    with program.open("rb") as file:
        return file.read(2) == b"#!"


def _save() -> None:
    """Write the cache without programs that are gone. What another process saved meanwhile is lost, and read again."""
    entries = {program: entry for program, entry in _load().items() if Path(program).exists()}
    with suppress(BioinfoAssetsError, OSError, RuntimeError), atomic_write(_file()) as part:
        part.write_text(json.dumps(entries), encoding="utf-8")


def _file() -> Path:
    return Path.home() / ".cache" / "bioinfo-assets" / "tool-versions.json"
