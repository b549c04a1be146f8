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
