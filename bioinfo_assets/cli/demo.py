"""`bioinfo-assets demo`: the whole pipeline on data that it makes itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.application.request import Request, home_of
from bioinfo_assets.application.simulated_data import simulated
from bioinfo_assets.cli.options import Backend, Image, Json, Queue, jobs_given
from bioinfo_assets.cli.run_pipeline import run_pipeline
from bioinfo_assets.genomics.simulation import SimulatedData
from bioinfo_assets.genomics.uri import is_remote
from bioinfo_assets.storage.store import Store, join


def demo(
    *,
    output_path: Annotated[
        str,
        typer.Option(metavar="DIR", help="A folder, or s3://BUCKET/FOLDER; its `data` gets the simulated data."),
    ] = "demo",
    seed: Annotated[int, typer.Option(help="What chance starts from: equal seeds give equal data.")] = 7,
    cpus: Annotated[int | None, typer.Option(help="CPUs for jobs.", show_default="all")] = None,
    backend: Backend = None,
    image: Image = None,
    queue: Queue = None,
    json: Json = False,
) -> None:
    """Simulate a genome and two samples, and run the whole pipeline on them.

    It takes about two minutes on two CPUs; a second time, everything is found and nothing is made again.
    """
    place = absolute_path(output_path)
    if is_remote(place):
        data = simulated(home_of(place) / "data", seed)
        uri_of = _uploaded(Store(), data, join(place, "data"))
    else:
        data, uri_of = simulated(Path(place) / "data", seed), str
    run_pipeline(
        Request(
            output_path=place,
            samples_file=uri_of(data.samples_file),
            given={
                "reference": uri_of(data.reference),
                "known_sites": tuple(map(uri_of, data.known_sites)),
                "trimming": {"truseq": True},
                "cpus": cpus,
                "backend": backend,
                "jobs": jobs_given(image, queue),
            },
            json=json,
        )
    )


def _uploaded(store: Store, data: SimulatedData, place: str) -> Callable[[Path], str]:
    """Copies the data to where jobs of other machines can read them; gives the address of each file."""
    folder = data.samples_file.parent

    def uri_of(path: Path) -> str:
        return join(place, str(path.relative_to(folder)))

    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        there = store.find(uri_of(path))
        if there is None or there.size != path.stat().st_size:
            store.put(path, uri_of(path))
    return uri_of
