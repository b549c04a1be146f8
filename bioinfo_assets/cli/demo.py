"""`bioinfo-assets demo`: the whole pipeline on simulated data."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.application.plan import Request, home_of
from bioinfo_assets.application.simulated_data import provide_simulated_data
from bioinfo_assets.cli.options import Backend, Image, Json, Queue, job_options
from bioinfo_assets.cli.run_pipeline import run_pipeline
from bioinfo_assets.genomics.simulation import SimulatedData
from bioinfo_assets.genomics.uri import is_remote
from bioinfo_assets.storage.store import Store, join


def demo(
    *,
    output_path: Annotated[
        str,
        typer.Option(metavar="DIR", help="A folder, or s3://BUCKET/FOLDER. Simulated data are stored in DIR/data."),
    ] = "demo",
    seed: Annotated[int, typer.Option(help="Random seed.")] = 7,
    cpus: Annotated[int | None, typer.Option(help="CPUs for jobs.", show_default="all")] = None,
    backend: Backend = None,
    image: Image = None,
    queue: Queue = None,
    json: Json = False,
) -> None:
    """Simulate a genome and two samples, and run the whole pipeline on them.

    It takes about 20 seconds on two CPUs. A second run reuses every result.
    """
    project = absolute_path(output_path)
    if is_remote(project):
        data = provide_simulated_data(home_of(project) / "data", seed)
        uri_of = _upload(Store(), data, join(project, "data"))
    else:
        data, uri_of = provide_simulated_data(Path(project) / "data", seed), str
    request = Request(
        output_path=project,
        samples_file=uri_of(data.samples_file),
        overrides={
            "reference": uri_of(data.reference),
            "known_sites": tuple(map(uri_of, data.known_sites)),
            "trimming": {"truseq": True},
            "cpus": cpus,
            "backend": backend,
            "jobs": job_options(image, queue),
        },
    )
    run_pipeline(request, as_json=json)


def _upload(store: Store, data: SimulatedData, prefix: str) -> Callable[[Path], str]:
    """Upload the data, unless they were before, and return a function from a local file to its address."""
    folder = data.samples_file.parent

    def uri_of(path: Path) -> str:
        return join(prefix, str(path.relative_to(folder)))

    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        uploaded = store.find(uri_of(path))
        if uploaded is None or uploaded.size != path.stat().st_size:
            store.put(path, uri_of(path))
    return uri_of
