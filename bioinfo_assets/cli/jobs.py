"""`bioinfo-assets jobs`: the jobs of a project on AWS Batch, whichever run began them."""

import json as json_module
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Column, Table

from bioinfo_assets import settings as settings_module
from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.application.request import home_of
from bioinfo_assets.cli.exit_codes import EXIT_CODES, FriendlyErrorsGroup
from bioinfo_assets.cli.options import Json, OutputPath
from bioinfo_assets.errors import InputError
from bioinfo_assets.pipeline.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bioinfo_assets.launch.batch.active_jobs import ActiveJob
    from bioinfo_assets.launch.batch.client import Client

jobs: Final = typer.Typer(
    cls=FriendlyErrorsGroup,
    no_args_is_help=True,
    add_completion=False,
    epilog=EXIT_CODES,
    help="The jobs of a project on AWS Batch: list them, read their logs, end them.",
)

WIDTH: Final = 1000
"""Of a line, so that no id or reason is cut off; a terminal wraps it."""

JobIds = Annotated[
    list[str], typer.Argument(metavar="JOB", help="Batch's id of a job, or of an array; several may be given.")
]


@dataclass(frozen=True, slots=True)
class Place:
    """A project whose jobs run on AWS Batch."""

    home: Path
    project: Project
    client: "Client"

    def active(self) -> "Iterator[ActiveJob]":
        """Its jobs that are not over."""
        return self.project.active_jobs(self.client)


@jobs.command("list", epilog=EXIT_CODES)
def list_jobs(*, output_path: OutputPath, json: Json = False) -> None:
    """List the jobs that wait or run."""
    found = list(_place(output_path).active())
    if json:
        typer.echo(json_module.dumps([asdict(job) for job in found], indent=2, default=str))
        return
    job_column = Column("JOB", no_wrap=True, min_width=max((len(job.batch_id) for job in found), default=0))
    table = Table(job_column, "STEP", "SAMPLE", "STATE", "SINCE", "RUN", "WHY", box=None, pad_edge=False)
    for job in found:
        since = _ago(job.started or job.created)
        table.add_row(job.batch_id, job.asset, _scope(job), job.status, since, job.run_id[:8], job.reason)
    console = Console(markup=False, highlight=False, width=WIDTH)
    console.print(table if found else "no job waits or runs", soft_wrap=True)


@jobs.command("logs", epilog=EXIT_CODES)
def show_log(
    job: Annotated[str, typer.Argument(metavar="JOB", help="Batch's id of a job; of one in an array, ID:INDEX.")],
    *,
    output_path: OutputPath,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job is over.")] = False,
) -> None:
    """Print what a job has said."""
    from bioinfo_assets.launch.batch.active_jobs import read_log  # noqa: PLC0415 - boto3 takes a while to import

    for line in read_log(_place(output_path).client, job, follow=follow):
        typer.echo(line)


@jobs.command("kill", epilog=EXIT_CODES)
def kill(job: JobIds, *, output_path: OutputPath) -> None:
    """End jobs; the run that waits for one is told that it was ended."""
    from bioinfo_assets.launch.batch.active_jobs import terminate  # noqa: PLC0415 - as above

    place = _place(output_path)
    own = {one.batch_id for one in place.active()}
    for batch_id in job:
        if batch_id.partition(":")[0] not in own:
            raise InputError(f"no job {batch_id} of this project waits or runs: `bioinfo-assets jobs list` names them")
    for batch_id in job:
        terminate(place.client, batch_id, "ended by `bioinfo-assets jobs kill`")
        typer.echo(f"{batch_id} is being ended")


@jobs.command("reap", epilog=EXIT_CODES)
def reap(*, output_path: OutputPath, json: Json = False) -> None:
    """End the jobs whose run is over, as those of a host that was killed. A sensor of Dagit's daemon does the same.

    To go on with such jobs instead, start the run again: it takes them over.
    """
    from bioinfo_assets.application.dagster_instance import open_instance, report_ended  # noqa: PLC0415 - Dagster takes seconds
    from bioinfo_assets.orchestration.orphans import end_orphans  # noqa: PLC0415

    place = _place(output_path)
    with open_instance(place.home) as instance:
        report_ended(instance, place.home)
        ended = end_orphans(instance, place.client, place.active())
    if json:
        typer.echo(json_module.dumps([asdict(job) for job in ended], indent=2, default=str))
        return
    for job in ended:
        typer.echo(f"{job.batch_id} {job.asset} {_scope(job)}: its run {job.run_id[:8]} is over, it is being ended")
    if not ended:
        typer.echo("no job is left of a run that is over")


def _place(output_path: str) -> Place:
    """The project, whose settings must name AWS Batch.

    Raises:
        InputError: its jobs run on this machine.
    """
    place = absolute_path(output_path)
    home = home_of(place)
    settings = settings_module.load(home, output_path=place)
    if settings.backend != "batch":
        raise InputError(
            f"the jobs of {place} run on this machine (backend = {settings.backend!r}), where they end with their run: "
            "look at the run itself"
        )
    from bioinfo_assets.launch.batch.client import Client  # noqa: PLC0415 - as above

    return Place(home, Project(settings), Client())


def _scope(job: "ActiveJob") -> str:
    if job.size == 1:
        return job.scope
    counts = ", ".join(f"{count} {state.lower()}" for state, count in sorted(job.children.items()))
    return f"{job.size} samples ({counts})" if counts else f"{job.size} samples"


def _ago(moment: datetime) -> str:
    """How long ago, to the minute.

    >>> _ago(datetime.now(UTC))
    '0 min'
    """
    minutes = int((datetime.now(UTC) - moment).total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
