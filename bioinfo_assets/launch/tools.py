"""The command-line tools that jobs use: how each reports its version, and how to install it.

The build of the tools' image runs this module with `errors.py` alone, so it imports nothing else of the project.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import MissingToolError, ResourceError

IMAGE_LIST: Final = "/opt/bioinfo-assets/tools.tsv"
"""The file of a container image that lists its tools: command, tab, version."""

_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Tool:
    """A command-line program.

    Attributes:
        command: Its name on PATH.
        install: The command that installs it.
        version_arguments: The arguments that make it print its version, on either stream; it may exit with any code.
        version: Matches the version in that text, as its first group.
        jar: Matches the version in the name of a jar, for wrappers of Java programs, since a JVM takes a second to
            start.
    """

    command: str
    install: str
    version_arguments: tuple[str, ...] = ("--version",)
    version: str = r"(\d+(?:\.\d+)+\S*)"
    jar: str | None = None


def _debian(package: str) -> str:
    return f"apt-get install {package}"


TOOLS: Final[Mapping[str, Tool]] = {
    tool.command: tool
    for tool in (
        Tool("bwa", _debian("bwa"), version_arguments=(), version=r"Version: (\S+)"),
        Tool("bwa-mem2", "conda install -c bioconda bwa-mem2", version_arguments=("version",)),
        Tool("bwa-mem3", "make install", version_arguments=("version",), version=r"^(\d\S*)"),
        Tool("samtools", _debian("samtools"), version=r"^samtools (\S+)"),
        Tool("bgzip", _debian("tabix"), version=r"^bgzip \(htslib\) (\S+)"),
        Tool("tabix", _debian("tabix"), version=r"^tabix \(htslib\) (\S+)"),
        Tool("mosdepth", _debian("mosdepth libhts-dev"), version=r"^mosdepth (\S+)"),
        Tool("Rscript", _debian("r-base-core")),
        Tool(
            "gatk", "make install-gatk", version=r"\(GATK\) v(\S+)", jar=r"gatk-(?:package-)?(\d[^/]*?)(?:-local)?\.jar"
        ),
        Tool(
            "picard",
            "make install-gatk",
            version_arguments=("MarkDuplicates", "--version"),
            version=r"^(?:Version:)?(\d\S*)",
            jar=r"picard-(\d[^/]*)\.jar",
        ),
        Tool("bioinfo-assets-engine", "make install", version=r"^(\d\S*)"),
        Tool("openssl", _debian("openssl"), version_arguments=("version",), version=r"^OpenSSL (\S+)"),
        Tool("fastp", _debian("fastp"), version=r"^fastp (\S+)"),
        Tool("cutadapt", "make install", version=r"^(\d\S*)"),
        Tool("multiqc", "make install", version=r"version (\S+)"),
        Tool("s5cmd", "make install", version_arguments=("version",), version=r"^v(\d\S*)"),
    )
}
"""Tools by their command; any other is run with `--version`."""


VersionQuery = Callable[[Tool, str, str], str | None]
"""Return the version that a tool reports: the tool, its program's path, and the `$PATH` to run it with."""


def tool_versions(commands: Collection[str], path: str, query: "VersionQuery | None" = None) -> Mapping[str, str]:
    """Return the version of each command as it is found on `path`.

    Args:
        commands: Names of tools.
        path: Folders to look in, separated by colons, as in `$PATH`.
        query: How to get the version of a program that no jar's name contains; the program is run if None.

    Raises:
        ResourceError: a tool is missing, or does not run; the message names the command that installs it.
    """
    return {command: _version_of(command, path, query or reported_version) for command in sorted(set(commands))}


def _version_of(command: str, path: str, query: VersionQuery) -> str:
    tool = TOOLS.get(command, Tool(command, "your system's package manager"))
    program = shutil.which(command, path=path)
    if program is None:
        raise MissingToolError(f"the tool {command} is not on this machine's PATH; install it with: {tool.install}")
    version = _version_by_jar(tool, Path(program).resolve()) or query(tool, program, path)
    if version is None:
        raise ResourceError(
            f"{program} does not report its version, so it may not work; install it with: {tool.install}"
        )
    return version


def _version_by_jar(tool: Tool, command: Path) -> str | None:
    """Read the version from the jars next to a wrapper, or in the folder that is named after it.

    `.tools/bin/gatk` has its jars in `.tools/gatk/lib`; an unpacked GATK has them next to its `gatk`. Picard comes with
    GATK's jars.
    """
    if tool.jar is None:
        return None
    folders = [command.parent, *(command.parent.parent / name / "lib" for name in (tool.command, "gatk"))]
    names = [jar.name for folder in folders for jar in sorted(folder.glob("*.jar"))]
    versions = (re.fullmatch(tool.jar, name) for name in names)
    return next((match[1] for match in versions if match), None)


def reported_version(tool: Tool, program: str, path: str) -> str | None:
    """Run a program to read its version; None if its output contains none.

    Raises:
        ResourceError: it does not run.
    """
    try:
        completed = subprocess.run(
            [program, *tool.version_arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
            env={**os.environ, "PATH": path, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ResourceError(f"{program} does not run ({error}); install it with: {tool.install}") from error
    match = re.search(tool.version, completed.stdout, re.MULTILINE)
    return match[1] if match else None
