"""`bioinfo-assets doctor`: is everything here that jobs need?"""

import json as json_module
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import typer
from rich.console import Console
from rich.table import Table

from bioinfo_assets.cli.options import Json
from bioinfo_assets.cli.told import ExitCode
from bioinfo_assets.errors import ResourceError
from bioinfo_assets.launch.tools import TOOLS, tool_versions

JAVA: Final = "java"
OPTIONAL: Final = frozenset({"bwa-mem2"})
"""What is used where it is there, and not missed where it is not."""

PACKAGES: Final = ("bioinfo-assets", "dagster", "dagster-webserver", "obstore", "pydantic", "typer")
ASKED_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one tool or package.

    Attributes:
        name: The tool's command, or the package.
        version: Its version; None where it is missing or does not work.
        path: Where it is.
        optional: Whether all works without it.
        install: What installs it.
        problem: What is wrong, in a sentence.
    """

    name: str
    version: str | None
    path: str | None
    optional: bool
    install: str
    problem: str = ""

    @property
    def is_well(self) -> bool:
        """Whether jobs can do with what was found."""
        return self.version is not None or self.optional


def doctor(*, json: Json = False) -> None:
    """Tell which tools are here, in which versions, and what installs those that are not.

    Exit code 1 if something is missing that jobs need.
    """
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    path = os.pathsep.join(folders)
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        tools = list(pool.map(lambda name: _tool(name, path), [*TOOLS, *({JAVA} - TOOLS.keys())]))
    found = [*tools, *_python()]
    if json:
        typer.echo(json_module.dumps([asdict(finding) for finding in found], indent=2))
    else:
        _tell(found)
    if not all(finding.is_well for finding in found):
        raise typer.Exit(ExitCode.JOBS_FAILED)


def _tool(name: str, path: str) -> Finding:
    install = TOOLS[name].install if name in TOOLS else "apt-get install default-jre-headless"
    where = shutil.which(name, path=path)
    try:
        told = tool_versions((name,), path)[name]
    except ResourceError as error:
        return Finding(name, None, where, name in OPTIONAL, install, str(error))
    return Finding(name, told, where, name in OPTIONAL, install)


def _python() -> Iterator[Finding]:
    yield Finding("python", platform.python_version(), sys.executable, optional=False, install="uv sync")
    for package in PACKAGES:
        try:
            yield Finding(package, version(package), None, optional=False, install="uv sync")
        except PackageNotFoundError:
            problem = f"the Python package {package} is missing"
            yield Finding(package, None, None, optional=False, install="uv sync", problem=problem)


def _tell(found: list[Finding]) -> None:
    table = Table("WHAT", "VERSION", "WHERE, OR WHAT INSTALLS IT", box=None, pad_edge=False)
    for finding in found:
        if finding.version is not None:
            table.add_row(finding.name, finding.version, finding.path or "")
        else:
            missing = "none, optional" if finding.optional else "MISSING"
            table.add_row(finding.name, missing, finding.install, style="dim" if finding.optional else "bold red")
    console = Console(markup=False, highlight=False)
    console.print(table)
    for finding in found:
        if not finding.is_well:
            console.print(finding.problem, soft_wrap=True)
