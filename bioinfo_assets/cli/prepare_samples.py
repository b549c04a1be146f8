"""`bioinfo-assets prepare-samples`: example FASTQs where a project finds them, and the file that lists them."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from bioinfo_assets.application.paths import absolute_path, own_command
from bioinfo_assets.application.simulated_data import simulated
from bioinfo_assets.cli.options import OutputPath
from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.samplesheet import pair_up
from bioinfo_assets.genomics.uri import file_name
from bioinfo_assets.records.samples import samples_of
from bioinfo_assets.storage.store import Store, join, local_path

SEED: Final = 7


def prepare_samples(
    *,
    output_path: OutputPath,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FOLDER",
            help="A folder of FASTQs, or of folders of them. Left out: simulated ones, with their genome.",
        ),
    ] = None,
) -> None:
    """Copy FASTQs to DIR/samples/SAMPLE/, and list these folders in DIR/samples.txt."""
    place, store = absolute_path(output_path), Store()
    with _examples(source) as (folder, beside):
        fastqs = store.list(folder, recursive=True)
        copied = _copy_samples(store, fastqs, place, source=folder)
        others = [_copy(store, uri, join(place, "samples", file_name(uri))) for uri in beside]
    samples_file = join(place, "samples.txt")
    store.write_bytes(samples_file, "".join(f"{one}\n" for one in copied).encode())
    typer.echo(f"{len(copied)} samples in {samples_file}")
    options = _options(others)
    typer.echo(f"Next: {own_command()} run --samples-file {samples_file} --output-path {place}{options}")


@contextmanager
def _examples(source: str | None) -> Iterator[tuple[str, Sequence[str]]]:
    """A folder of FASTQs, and the reference and known sites that go with them."""
    if source is not None:
        yield absolute_path(source), ()
        return
    with tempfile.TemporaryDirectory(prefix="bioinfo-assets-") as folder:
        data = simulated(Path(folder), SEED)
        sites = [str(file) for vcf in data.known_sites for file in (vcf, f"{vcf}.tbi")]
        yield f"{folder}/samples", (str(data.reference), *sites)


def _copy_samples(store: Store, fastqs: Sequence[str], place: str, *, source: str) -> list[str]:
    """Copies the FASTQs of every sample, checked; gives their folders."""
    samples = samples_of(store, pair_up(fastqs))
    if not samples:
        raise InputError(f"there are no FASTQs named SAMPLE_FLOWCELL_LANE_READ.fastq.gz in {source}")
    wanted: dict[str, str] = {}
    for sample in samples:
        for uri in (uri for lane in sample.lanes for uri in (lane.read1, lane.read2)):
            target = join(place, "samples", sample.name, file_name(uri))
            other = wanted.setdefault(target, uri)
            if other != uri:
                raise InputError(f"{other} and {uri} have one name, and would lie in one folder: rename one")
    for target, uri in wanted.items():
        _copy(store, uri, target)
    return [join(place, "samples", sample.name) for sample in samples]


def _copy(store: Store, uri: str, target: str) -> str:
    path = local_path(uri)
    if path is not None:
        store.put(path, target)
        return target
    with tempfile.TemporaryDirectory(prefix="bioinfo-assets-") as folder:
        fetched = Path(folder) / file_name(uri)
        store.fetch(uri, fetched)
        store.put(fetched, target)
    return target


def _options(others: Sequence[str]) -> str:
    """The options of `run` that name the genome and the sites that came with the samples."""
    fastas = [uri for uri in others if uri.endswith(".fa.gz")]
    vcfs = [uri for uri in others if uri.endswith(".vcf.gz")]
    return "".join([*(f" --reference {uri}" for uri in fastas), *(f" --known-sites {uri}" for uri in vcfs)])
