"""What the tools of this machine say of their versions, kept in the user's cache: one asks for all processes.

Some take seconds to say it, and a run that has nothing to do takes less than one. A tool is asked again when its file
is another, by the time it was written, its size and its inode.
"""

import json
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.launch.tools import Tool, tool_versions, version_by_asking
from bioinfo_assets.storage.atomic import atomic_write

_keeping: Final = Lock()


def cached_tool_versions(commands: Collection[str], path: str) -> Mapping[str, str]:
    """The version of each command as it is found on `path`; see `tools.tool_versions`.

    Raises:
        ResourceError: a tool is missing, or does not run; the sentence names the command that installs it.
    """
    return tool_versions(commands, path, _asked_once)


def _asked_once(tool: Tool, found: str, path: str) -> str | None:
    facts = os.stat(found)  # noqa: PTH116 - follows links as exec does
    asked = "\t".join([*tool.ask, tool.version, str(facts.st_mtime_ns), str(facts.st_size), str(facts.st_ino)])
    told = _told_before().get(found)
    if told is not None and told["asked"] == asked:
        return told["version"]
    version = version_by_asking(tool, found, path)
    if version is not None:
        with _keeping:
            _told_before()[found] = {"asked": asked, "version": version}
            _keep_told()
    return version


@lru_cache(maxsize=1)
def _told_before() -> dict[str, dict[str, str]]:
    """What programs said, in this process or one before; a file that is no such list counts as none."""
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        read = json.loads(_file().read_text(encoding="utf-8"))
        return {str(found): {key: str(one[key]) for key in ("asked", "version")} for found, one in read.items()}
    return {}


def _keep_told() -> None:
    """Programs that are gone are forgotten. Another process may keep others meanwhile: those are asked again, then."""
    kept = {found: told for found, told in _told_before().items() if Path(found).exists()}
    with suppress(BioinfoAssetsError, OSError, RuntimeError), atomic_write(_file()) as part:
        part.write_text(json.dumps(kept), encoding="utf-8")


def _file() -> Path:
    return Path.home() / ".cache" / "bioinfo-assets" / "tool-versions.json"
