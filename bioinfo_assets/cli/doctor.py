"""`bioinfo-assets doctor`: is everything here that jobs need?"""

import json as json_module
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from bioinfo_assets import settings as settings_module
from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.application.request import home_of
from bioinfo_assets.cli.exit_codes import ExitCode
from bioinfo_assets.cli.options import Backend, Image, Json, Queue, jobs_given
from bioinfo_assets.errors import InputError, ResourceError
from bioinfo_assets.launch import backend as launch_backend
from bioinfo_assets.launch.backend_config import batch_scratch, open_backend
from bioinfo_assets.launch.tools import TOOLS, tool_versions
from bioinfo_assets.settings import HOME_VARIABLE, Settings
from bioinfo_assets.storage.store import Store

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


def doctor(
    *,
    output_path: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Of which project; left out: of the one in DAGSTER_HOME, or of none."),
    ] = None,
    backend: Backend = None,
    image: Image = None,
    queue: Queue = None,
    json: Json = False,
) -> None:
    """Tell whether all is here that jobs need, and what to do about what is not.

    For this machine and for containers: the tools and their versions. For AWS Batch: credentials, queue, machines,
    job definition or image, places in S3, log group, roles. Exit code 1 if something is missing.
    """
    settings = _settings(output_path, backend, jobs_given(image, queue))
    if settings is not None and settings.backend == "batch":
        is_well = _batch(settings, json=json)
    else:
        is_well = _tools(_in_image(settings) if settings and settings.backend == "docker" else _here(), json=json)
    if not is_well:
        raise typer.Exit(ExitCode.JOBS_FAILED)


def _settings(output_path: str | None, backend: str | None, jobs: Mapping[str, str] | None) -> Settings | None:
    """The project's settings with what was given; None where there is no project, and none is needed."""
    given = {"backend": backend, "jobs": jobs}
    home = os.environ.get(HOME_VARIABLE)
    named = output_path or (settings_module.output_path_of(Path(home)) if home else None)
    if named is not None:
        place = absolute_path(named)
        return settings_module.load(home_of(place), output_path=place, **given)
    if backend == "batch":
        raise InputError("no project is named: give --output-path s3://BUCKET/FOLDER, where its results are to be")
    return None if backend in {None, "local"} else settings_module.load(None, output_path=str(Path.cwd()), **given)


def _batch(settings: Settings, *, json: bool) -> bool:
    from bioinfo_assets.launch.batch.checks import check_batch  # noqa: PLC0415 - boto3 takes a while to import

    places = (batch_scratch(settings, settings.output_path), settings.output_path)
    checks = list(check_batch(settings.jobs, settings.batch.log_group, places))
    if json:
        typer.echo(json_module.dumps([asdict(check) for check in checks], indent=2))
    else:
        table = Table("WHAT", "", "", box=None, pad_edge=False)
        for check in checks:
            table.add_row(check.name, "ok" if check.ok else "NO", check.message, style="" if check.ok else "bold red")
        Console(markup=False, highlight=False).print(table)
    return all(check.ok for check in checks)


def _tools(found: list[Finding], *, json: bool) -> bool:
    if json:
        typer.echo(json_module.dumps([asdict(finding) for finding in found], indent=2))
    else:
        _tell(found)
    return all(finding.is_well for finding in found)


def _here() -> list[Finding]:
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    path = os.pathsep.join(folders)
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        tools = list(pool.map(lambda name: _tool(name, path), [*TOOLS, *({JAVA} - TOOLS.keys())]))
    return [*tools, *_python()]


def _in_image(settings: Settings) -> list[Finding]:
    """The tools that the container image lists.

    Raises:
        BioinfoAssetsError: the engine does not answer, or the image cannot be had.
    """
    image = settings.jobs.image
    backend = open_backend(settings, settings.output_path, Store(), "none", "none")
    try:
        return [_listed(backend, name, image or "") for name in TOOLS]
    finally:
        backend.close()


def _listed(backend: launch_backend.Backend, name: str, image: str) -> Finding:
    install = "an image that docker/Dockerfile made"
    try:
        told = backend.tool_versions((name,))[name]
    except ResourceError as error:
        return Finding(name, None, image, name in OPTIONAL, install, str(error))
    return Finding(name, told, image, name in OPTIONAL, install)


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
    for problem in dict.fromkeys(finding.problem for finding in found if not finding.is_well):
        console.print(problem, soft_wrap=True)
