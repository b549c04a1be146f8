"""`bioinfo-assets demo`: the whole pipeline on data that it makes itself."""

from pathlib import Path
from typing import Annotated

import typer

from bioinfo_assets.cli.options import Json
from bioinfo_assets.cli.paths import absolute
from bioinfo_assets.cli.perform import perform
from bioinfo_assets.cli.request import Request
from bioinfo_assets.cli.simulated import simulated
from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.uri import is_remote


def demo(
    *,
    output_path: Annotated[
        str, typer.Option(metavar="DIR", help="A folder; its `data` gets the simulated data.")
    ] = "demo",
    seed: Annotated[int, typer.Option(help="What chance starts from: equal seeds give equal data.")] = 7,
    cpus: Annotated[int | None, typer.Option(help="CPUs for jobs.", show_default="all")] = None,
    json: Json = False,
) -> None:
    """Simulate a genome and two samples, and run the whole pipeline on them.

    It takes about two minutes on two CPUs; a second time, everything is found and nothing is made again.
    """
    place = absolute(output_path)
    if is_remote(place):
        raise InputError(f"the demo's data are made in a folder of this machine, and {place} is none: give a folder")
    data = simulated(Path(place) / "data", seed)
    perform(
        Request(
            output_path=place,
            samples_file=str(data.samples_file),
            given={
                "reference": str(data.reference),
                "known_sites": tuple(map(str, data.known_sites)),
                "trimming": {"truseq": True},
                "cpus": cpus,
            },
            json=json,
        )
    )
