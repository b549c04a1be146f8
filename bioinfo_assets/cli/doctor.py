"""`bioinfo-assets doctor`: check that everything that jobs need is installed and works."""

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
from rich.table import Table

from bioinfo_assets import settings as settings_module
from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.application.plan import home_of
from bioinfo_assets.cli.exit_codes import ExitCode
from bioinfo_assets.cli.options import Backend, Image, Json, Queue, job_options
from bioinfo_assets.cli.tables import name_column, table_console
from bioinfo_assets.errors import InputError, ResourceError
from bioinfo_assets.launch import backend as launch_backend
from bioinfo_assets.launch.backend_config import batch_scratch, open_backend, tool_folders
from bioinfo_assets.launch.tools import TOOLS, tool_versions
from bioinfo_assets.pipeline.graph import GRAPH, enabled_assets
from bioinfo_assets.pipeline.largest_job import largest_job
from bioinfo_assets.settings import Settings
from bioinfo_assets.storage.store import Store

JAVA: Final = "java"
JAVA_TOOLS: Final = frozenset({"gatk", "picard"})
PACKAGES: Final = ("bioinfo-assets", "dagster", "dagster-webserver", "obstore", "pydantic", "typer")
MAX_CONCURRENT_CHECKS: Final = 8


@dataclass(frozen=True, slots=True)
class ToolCheck:
    """A tool or Python package, and whether it works.

    Attributes:
        name: The tool's command, or the package.
        version: Its version; None if it is missing or does not work.
        path: Where it is; None for a package.
        optional: Whether jobs can do without it.
        install: How to install it.
        problem: What is wrong, in a sentence; may be empty.
    """

    name: str
    version: str | None
    path: str | None
    optional: bool
    install: str
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether it works, or is optional."""
        return self.version is not None or self.optional


def doctor(
    *,
    output_path: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="The project.", show_default="the project of DAGSTER_HOME, if it is set"),
    ] = None,
    backend: Backend = None,
    image: Image = None,
    queue: Queue = None,
    json: Json = False,
) -> None:
    """Check that everything that jobs need is installed, and show how to fix what is missing.

    For this machine and for containers: the tools and their versions. For AWS Batch: credentials, queue, instance
    types and whether the largest job fits, quotas, job definition or image, S3 paths and regions, log group, roles.
    Exit code 1 if something is missing.
    """
    settings = _load_settings(output_path, backend, job_options(image, queue))
    if settings.backend == "batch":
        ok = _check_batch(settings, json=json)
    elif settings.backend == "docker":
        ok = _show_tools(_check_image(settings), json=json)
    else:
        ok = _show_tools(_check_this_machine(settings), json=json)
    if not ok:
        raise typer.Exit(ExitCode.FAILED)


def _load_settings(output_path: str | None, backend: str | None, jobs: Mapping[str, str] | None) -> Settings:
    """The project's settings with the options; the defaults if there is no project, and none is needed."""
    home = settings_module.home_from_environment()
    project = output_path or (settings_module.output_path_of(home) if home else None)
    if project is not None:
        path = absolute_path(project)
        return settings_module.load(home_of(path), output_path=path, backend=backend, jobs=jobs)
    if backend == "batch":
        raise InputError("AWS Batch needs a project: give --output-path s3://BUCKET/FOLDER, where results are to be")
    return settings_module.load(None, output_path=str(Path.cwd()), backend=backend, jobs=jobs)


def _check_batch(settings: Settings, *, json: bool) -> bool:
    from bioinfo_assets.launch.batch.checks import check_batch  # noqa: PLC0415 - boto3 takes a while to import

    places = (batch_scratch(settings, settings.output_path), settings.output_path)
    inputs = tuple(filter(None, (settings.reference, settings.reference_alt, *settings.known_sites)))
    largest = largest_job(settings)
    checks = list(check_batch(settings.jobs, settings.batch.log_group, places, inputs=inputs, largest_job=largest))
    if json:
        typer.echo(json_module.dumps([asdict(check) for check in checks], indent=2))
    else:
        table = Table("WHAT", "", name_column(""), box=None, pad_edge=False)
        for check in checks:
            table.add_row(check.name, "ok" if check.ok else "NO", check.message, style="" if check.ok else "bold red")
        table_console().print(table)
    return all(check.ok for check in checks)


def _check_this_machine(settings: Settings) -> list[ToolCheck]:
    path = os.pathsep.join([*map(str, tool_folders(settings)), os.environ.get("PATH", os.defpath)])
    optional = _optional_tools(settings)
    with ThreadPoolExecutor(MAX_CONCURRENT_CHECKS) as pool:
        tools = list(
            pool.map(lambda name: _check_tool(name, path, name in optional), [*TOOLS, *({JAVA} - TOOLS.keys())])
        )
    return [*tools, *_check_packages()]


def _optional_tools(settings: Settings) -> frozenset[str]:
    """The tools that jobs use only with other settings, or if they are installed."""
    called = {tool for asset in enabled_assets(settings) for tool in GRAPH[asset].tools_of(settings)}
    possible = {tool for spec in GRAPH.values() for tool in (*spec.tools, *spec.native_tools)}
    java = frozenset[str]() if called & JAVA_TOOLS else frozenset({JAVA})
    return frozenset({"bwa-mem2", "bwa-mem3"} - {settings.aligner} | possible - called) | java


def _check_tool(name: str, path: str, optional: bool) -> ToolCheck:  # noqa: FBT001 - as in ToolCheck
    install = TOOLS[name].install if name in TOOLS else TOOLS["gatk"].install
    file = shutil.which(name, path=path)
    try:
        tool_version = tool_versions((name,), path)[name]
    except ResourceError as error:
        return ToolCheck(name, None, file, optional, install, str(error))
    return ToolCheck(name, tool_version, file, optional, install)


def _check_packages() -> Iterator[ToolCheck]:
    yield ToolCheck("python", platform.python_version(), sys.executable, optional=False, install="make install")
    for package in PACKAGES:
        try:
            yield ToolCheck(package, version(package), None, optional=False, install="make install")
        except PackageNotFoundError:
            problem = f"the Python package {package} is missing"
            yield ToolCheck(package, None, None, optional=False, install="make install", problem=problem)


def _check_image(settings: Settings) -> list[ToolCheck]:
    """Check the tools in the container image.

    Raises:
        BioinfoAssetsError: the container engine does not respond, or the image is not available.
    """
    backend = open_backend(settings, settings.output_path, Store(), "none", "none")
    try:
        optional, image = _optional_tools(settings), settings.jobs.image or ""
        return [_check_image_tool(backend, name, image, name in optional) for name in TOOLS]
    finally:
        backend.close()


def _check_image_tool(backend: launch_backend.Backend, name: str, image: str, optional: bool) -> ToolCheck:  # noqa: FBT001 - as above
    install = "an image built from docker/Dockerfile"
    try:
        tool_version = backend.tool_versions((name,))[name]
    except ResourceError as error:
        return ToolCheck(name, None, image, optional, install, str(error))
    return ToolCheck(name, tool_version, image, optional, install)


def _show_tools(checks: list[ToolCheck], *, json: bool) -> bool:
    """Print the checks; return whether all are ok."""
    if json:
        typer.echo(json_module.dumps([asdict(check) for check in checks], indent=2))
        return all(check.ok for check in checks)
    table = Table("WHAT", "VERSION", name_column("PATH, OR HOW TO INSTALL IT"), box=None, pad_edge=False)
    for check in checks:
        if check.version is not None:
            table.add_row(check.name, check.version, check.path or "")
        else:
            missing = "none, optional" if check.optional else "MISSING"
            table.add_row(check.name, missing, check.install, style="dim" if check.optional else "bold red")
    console = table_console()
    console.print(table)
    for problem in dict.fromkeys(check.problem for check in checks if not check.ok):
        console.print(problem, soft_wrap=True)
    return all(check.ok for check in checks)
