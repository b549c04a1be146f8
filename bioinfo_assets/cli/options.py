"""Options that several commands have."""

from typing import Annotated

import typer

OutputPath = Annotated[
    str,
    typer.Option(
        metavar="DIR",
        help="Where results are: a folder, or s3://BUCKET/FOLDER (then DAGSTER_HOME names a local folder).",
    ),
]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, all else on stderr.")]

MEANS = "Where jobs run"

Backend = Annotated[
    str | None,
    typer.Option(
        "--backend",
        metavar="local|docker|batch",
        help="Where jobs run: processes or containers of this machine, or AWS Batch.",
        show_default="local",
        rich_help_panel=MEANS,
    ),
]

Image = Annotated[
    str | None, typer.Option(help="The container image with the tools (docker, batch).", rich_help_panel=MEANS)
]

Queue = Annotated[str | None, typer.Option(help="The job queue (batch).", rich_help_panel=MEANS)]


def jobs_given(image: str | None, queue: str | None) -> dict[str, str] | None:
    """The options of jobs that were given."""
    given = {"image": image, "queue": queue}
    return {name: value for name, value in given.items() if value is not None} or None
