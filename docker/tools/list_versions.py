# ruff: noqa: INP001 - a script of the image's build; no package imports it
"""Write the version of every tool to standard output: `command<TAB>version`, sorted.

The image's build runs it. It reads versions by the same code as a host does, so that image and host agree on them.
Usage: `PYTHONPATH=CLONE list_versions.py [PATH]`; tools are looked up in the folders of PATH.
"""

import os
import shutil
import sys
from pathlib import Path

from bioinfo_assets.launch.tools import TOOLS, tool_versions

OPTIONAL = {"bwa-mem2"}
"""Tools that are installed only on request."""

LISTS = tuple(Path(__file__).with_name(name) for name in ("debian.txt", "debian-gatk.txt"))


def commands() -> set[str]:
    """The tools that jobs use, and the programs that they need."""
    lines = (line for file in LISTS for line in file.read_text(encoding="utf-8").splitlines())
    return {line.split()[0] for line in lines if not line.startswith("#")} | TOOLS.keys()


def main(path: str) -> None:
    """Print the versions of the tools on `path`; a missing tool is an error."""
    missing = {command for command in OPTIONAL if shutil.which(command, path=path) is None}
    for command, version in sorted(tool_versions(commands() - missing, path).items()):
        sys.stdout.write(f"{command}\t{version}\n")


if __name__ == "__main__":
    main(*sys.argv[1:] or [os.environ["PATH"]])
