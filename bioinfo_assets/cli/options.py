"""Options that several commands share."""

from typing import Annotated, Final

import typer

OutputPath = Annotated[
    str,
    typer.Option(
        metavar="DIR",
        help="Where results are published: a folder, or s3://BUCKET/FOLDER (then set DAGSTER_HOME to a local folder).",
    ),
]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, everything else on stderr.")]

Samples = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only these samples; may be repeated.")]

BACKEND_PANEL: Final = "Where jobs run"

Backend = Annotated[
    str | None,
    typer.Option(
        "--backend",
        metavar="local|docker|batch",
        help="Run jobs as processes or containers on this machine, or on AWS Batch.",
        show_default="local",
        rich_help_panel=BACKEND_PANEL,
    ),
]

Image = Annotated[
    str | None, typer.Option(help="Container image with the tools (docker, batch).", rich_help_panel=BACKEND_PANEL)
]

Queue = Annotated[str | None, typer.Option(help="Job queue (batch).", rich_help_panel=BACKEND_PANEL)]


def job_options(image: str | None, queue: str | None) -> dict[str, str] | None:
    """Return the job options set on the command line; None if there are none."""
    options = {"image": image, "queue": queue}
    return {name: value for name, value in options.items() if value is not None} or None
