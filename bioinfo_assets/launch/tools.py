"""The command-line tools that jobs use: how to ask each for its version, and what installs it."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import ResourceError

IMAGE_LIST: Final = "/opt/bioinfo-assets/tools.tsv"
"""The file of a container image that lists its tools: command, tab, version."""

_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Tool:
    """A command and what is to know of it.

    Attributes:
        command: Its name on PATH.
        install: The command that installs it.
        ask: The arguments that make it print its version, on either stream; it may exit with any code.
        version: Matches the version in that text, as its first group.
        jar: Matches the name of the jar that holds the version, for wrappers of Java programs: a JVM takes a second to
            start and say what the file's name says.
    """

    command: str
    install: str
    ask: tuple[str, ...] = ("--version",)
    version: str = r"(\d+(?:\.\d+)+\S*)"
    jar: str | None = None


def _debian(package: str) -> str:
    return f"apt-get install {package}"


TOOLS: Final[Mapping[str, Tool]] = {
    tool.command: tool
    for tool in (
        Tool("bwa", _debian("bwa"), ask=(), version=r"Version: (\S+)"),
        Tool("bwa-mem2", "conda install -c bioconda bwa-mem2", ask=("version",)),
        Tool("samtools", _debian("samtools"), version=r"^samtools (\S+)"),
        Tool("bgzip", _debian("tabix"), version=r"^bgzip \(htslib\) (\S+)"),
        Tool("tabix", _debian("tabix"), version=r"^tabix \(htslib\) (\S+)"),
        Tool("mosdepth", _debian("mosdepth libhts-dev"), version=r"^mosdepth (\S+)"),
        Tool("Rscript", _debian("r-base-core")),
        Tool("gatk", "make install", version=r"\(GATK\) v(\S+)", jar=r"gatk-(?:package-)?(\d[^/]*?)(?:-local)?\.jar"),
        Tool(
            "picard",
            "make install",
            ask=("MarkDuplicates", "--version"),
            version=r"^(?:Version:)?(\d\S*)",
            jar=r"picard-(\d[^/]*)\.jar",
        ),
        Tool("cutadapt", "uv sync", version=r"^(\d\S*)"),
        Tool("multiqc", "uv sync", version=r"version (\S+)"),
        Tool("aws", "uv sync", version=r"^aws-cli/(\S+)"),
        Tool("s5cmd", "uv sync", ask=("version",), version=r"^v(\d\S*)"),
    )
}
"""What is known of each tool by its command; one that is not here is asked `--version`, and installed by hand."""


Ask = Callable[[Tool, str, str], str | None]
"""Tells the version of a tool whose program is in that file, with that `$PATH`."""


def tool_versions(commands: Collection[str], path: str, ask: Ask | None = None) -> Mapping[str, str]:
    """The version of each command as it is found on `path`.

    Args:
        commands: Names of tools.
        path: Folders to look in, separated by colons, as in `$PATH`.
        ask: How to ask a program that is found; it is started if None.

    Raises:
        ResourceError: a tool is missing, or does not run; the sentence names the command that installs it.
    """
    return {command: _version_of(command, path, ask or version_by_asking) for command in sorted(set(commands))}


def _version_of(command: str, path: str, ask: Ask) -> str:
    tool = TOOLS.get(command, Tool(command, f"your system's way for {command}"))
    found = shutil.which(command, path=path)
    if found is None:
        raise ResourceError(f"the tool {command} is not on this machine's PATH; what installs it: {tool.install}")
    version = _version_by_jar(tool, Path(found).resolve()) or ask(tool, found, path)
    if version is None:
        raise ResourceError(f"{found} does not tell its version, so it may not work; what installs it: {tool.install}")
    return version


def _version_by_jar(tool: Tool, command: Path) -> str | None:
    """Reads the version off the jars that stand beside a wrapper or in the folder it is named for.

    `.tools/bin/gatk` has its jars in `.tools/gatk/lib`; an unpacked GATK has them beside its `gatk`. Picard comes with
    GATK's jars.
    """
    if tool.jar is None:
        return None
    folders = [command.parent, *(command.parent.parent / name / "lib" for name in (tool.command, "gatk"))]
    names = [jar.name for folder in folders for jar in sorted(folder.glob("*.jar"))]
    versions = (re.fullmatch(tool.jar, name) for name in names)
    return next((match[1] for match in versions if match), None)


def version_by_asking(tool: Tool, found: str, path: str) -> str | None:
    """The version that a program tells when it is started; None where it tells none.

    Raises:
        ResourceError: it does not run.
    """
    try:
        asked = subprocess.run(
            [found, *tool.ask],
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
        raise ResourceError(f"{found} does not run ({error}); what installs it: {tool.install}") from error
    match = re.search(tool.version, asked.stdout, re.MULTILINE)
    return match[1] if match else None
