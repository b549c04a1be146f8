"""`bioinfo-assets jobs`: the jobs of a project on AWS Batch, whichever run started them."""

import json as json_module
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.table import Column, Table

from bioinfo_assets import settings as settings_module
from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.application.plan import home_of
from bioinfo_assets.cli.error_messages import FriendlyErrorsGroup
from bioinfo_assets.cli.exit_codes import EXIT_CODES
from bioinfo_assets.cli.options import Json, OutputPath
from bioinfo_assets.cli.tables import wide_console
from bioinfo_assets.errors import InputError
from bioinfo_assets.pipeline.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bioinfo_assets.launch.batch.active_jobs import ActiveJob
    from bioinfo_assets.launch.batch.client import Client

jobs: Final = typer.Typer(
    rich_markup_mode="markdown",
    cls=FriendlyErrorsGroup,
    no_args_is_help=True,
    add_completion=False,
    epilog=EXIT_CODES,
    help="List, follow and terminate a project's jobs on AWS Batch.",
)


JobIds = Annotated[
    list[str], typer.Argument(metavar="JOB", help="ID of a job or an array job on AWS Batch; may be repeated.")
]


@dataclass(frozen=True, slots=True)
class BatchProject:
    """A project whose jobs run on AWS Batch."""

    home: Path
    project: Project
    client: "Client"

    def active_jobs(self) -> "Iterator[ActiveJob]":
        """Return the jobs that are not over."""
        return self.project.active_jobs(self.client)


@jobs.command("list", epilog=EXIT_CODES)
def list_jobs(*, output_path: OutputPath, json: Json = False) -> None:
    """List queued and running jobs."""
    active = list(_open_project(output_path).active_jobs())
    if json:
        typer.echo(json_module.dumps([asdict(job) for job in active], indent=2, default=str))
        return
    job_column = Column("JOB", no_wrap=True, min_width=max((len(job.batch_id) for job in active), default=0))
    table = Table(job_column, "ASSET", "SAMPLE", "STATE", "AGE", "RUN", "REASON", box=None, pad_edge=False)
    for job in active:
        age = _age(job.started or job.created)
        table.add_row(job.batch_id, job.asset, _scope(job), job.status, age, job.run_id[:8], job.reason)
    console = wide_console()
    console.print(table if active else "no queued or running jobs", soft_wrap=True)


@jobs.command("logs", epilog=EXIT_CODES)
def print_log(
    job: Annotated[
        str, typer.Argument(metavar="JOB", help="ID of a job on AWS Batch; ID:INDEX for a child of an array job.")
    ],
    *,
    output_path: OutputPath,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Continue until the job is over.")] = False,
) -> None:
    """Print the log of a job."""
    from bioinfo_assets.launch.batch.active_jobs import read_log  # noqa: PLC0415 - boto3 takes a while to import

    for line in read_log(_open_project(output_path).client, job, follow=follow):
        typer.echo(line)


@jobs.command("kill", epilog=EXIT_CODES)
def kill(job: JobIds, *, output_path: OutputPath) -> None:
    """Terminate jobs. A run that waits for one of them reports it as failed."""
    from bioinfo_assets.launch.batch.classify_outcome import termination_reason  # noqa: PLC0415 - as above

    project = _open_project(output_path)
    active_ids = {active.batch_id for active in project.active_jobs()}
    for batch_id in job:
        if batch_id.partition(":")[0] not in active_ids:
            raise InputError(
                f"{batch_id} is not a queued or running job of this project: `bioinfo-assets jobs list` shows them"
            )
    for batch_id in job:
        project.client.terminate(batch_id, termination_reason("ended by `bioinfo-assets jobs kill`"))
        typer.echo(f"{batch_id} is being terminated")


@jobs.command("reap", epilog=EXIT_CODES)
def reap(*, output_path: OutputPath, json: Json = False) -> None:
    """Terminate orphaned jobs: those whose run is over, for example because its host was killed.

    To continue such jobs instead, repeat the run: it adopts them. A sensor in Dagit terminates the jobs of a failed run
    some hours later (setting `batch.orphan_grace_s`), but not those that a run left because AWS could not be reached.
    """
    from bioinfo_assets.application.dagster_runs import open_instance  # noqa: PLC0415 - Dagster takes seconds to import
    from bioinfo_assets.orchestration.run_liveness import end_orphans  # noqa: PLC0415 - Dagster is slow to import

    project = _open_project(output_path)
    with open_instance(project.home) as instance:
        ended = end_orphans(instance, project.client, project.active_jobs())
    if json:
        typer.echo(json_module.dumps([asdict(job) for job in ended], indent=2, default=str))
        return
    for job in ended:
        typer.echo(f"{job.batch_id} {job.asset} {_scope(job)}: run {job.run_id[:8]} is over, terminating the job")
    if not ended:
        typer.echo("no orphaned jobs")


def _open_project(output_path: str) -> BatchProject:
    """The project, if its settings name AWS Batch.

    Raises:
        InputError: its jobs run on this machine.
    """
    path = absolute_path(output_path)
    home = home_of(path)
    settings = settings_module.load(home, output_path=path)
    if settings.backend != "batch":
        raise InputError(
            f"the jobs of {path} run on this machine (backend = {settings.backend!r}) and end with their run: look at "
            "the run itself"
        )
    from bioinfo_assets.launch.batch.client import Client  # noqa: PLC0415 - as above

    return BatchProject(home, Project(settings), Client())


def _scope(job: "ActiveJob") -> str:
    if job.size == 1:
        return job.scope
    counts = ", ".join(f"{count} {state.lower()}" for state, count in sorted(job.children.items()))
    return f"{job.size} samples ({counts})" if counts else f"{job.size} samples"


def _age(moment: datetime) -> str:
    """The time since a moment, in minutes or hours.

    >>> _age(datetime.now(UTC))
    '0 min'
    """
    minutes = int((datetime.now(UTC) - moment).total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
