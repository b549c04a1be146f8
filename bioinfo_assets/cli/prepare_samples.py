"""`bioinfo-assets prepare-samples`: copy example FASTQs to a project, and list them in a samples file."""

import shlex
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Annotated, Final

import typer

from bioinfo_assets.application.paths import absolute_path, own_command
from bioinfo_assets.application.simulated_data import provide_simulated_data
from bioinfo_assets.cli.options import OutputPath
from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.samplesheet import pair_up
from bioinfo_assets.genomics.uri import file_name, folder_of
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
            help="A folder of FASTQs, or of folders of FASTQs; without it, samples and their genome are simulated.",
        ),
    ] = None,
) -> None:
    """Copy FASTQs to DIR/samples/SAMPLE/, and list the folders in DIR/samples.txt."""
    project, store = absolute_path(output_path), Store()
    samples_file = join(project, "samples.txt")
    with _examples(source) as (folder, references):
        fastqs = store.list(folder, recursive=True)
        reads = _targets(store, fastqs, project, source=folder)
        others = {join(project, "samples", file_name(uri)): uri for uri in references}
        copies = reads | others
        sample_folders = list(dict.fromkeys(map(folder_of, reads)))
        text = "".join(f"{sample_folder}\n" for sample_folder in sample_folders).encode()
        if store.exists(samples_file) and store.read_small(samples_file) != text:
            raise InputError(f"{samples_file} exists and lists other samples: choose another output path")
        for target, uri in copies.items():
            _check_is_free(store, target, uri)
        for target, uri in copies.items():
            _copy(store, uri, target)
    store.write_bytes(samples_file, text)
    typer.echo(f"{len(sample_folders)} samples in {samples_file}")
    command = [own_command(), "run", "--samples-file", samples_file, "--output-path", project]
    typer.echo(f"Next: {shlex.join([*command, *_reference_options(list(others))])}")


@contextmanager
def _examples(source: str | None) -> Iterator[tuple[str, Sequence[str]]]:
    """Provide a folder of FASTQs, and the reference and known sites that belong to them."""
    if source is not None:
        yield absolute_path(source), ()
        return
    with tempfile.TemporaryDirectory(prefix="bioinfo-assets-") as folder:
        data = provide_simulated_data(Path(folder), SEED)
        sites = [str(file) for vcf in data.known_sites for file in (vcf, f"{vcf}.tbi")]
        yield f"{folder}/samples", (str(data.reference), *sites)


def _targets(store: Store, fastqs: Sequence[str], project: str, *, source: str) -> dict[str, str]:
    """Check the FASTQs of every sample; return each by where it is copied to, in order of the samples."""
    samples = samples_of(store, pair_up(fastqs))
    if not samples:
        raise InputError(f"there are no FASTQs named SAMPLE_FLOWCELL_LANE_READ.fastq.gz in {source}")
    source_by_target: dict[str, str] = {}
    for sample in samples:
        for uri in sample.fastqs:
            target = join(project, "samples", sample.name, file_name(uri))
            other = source_by_target.setdefault(target, uri)
            if other != uri:
                raise InputError(f"{other} and {uri} have the same name and would be copied to one folder: rename one")
    return source_by_target


def _check_is_free(store: Store, target: str, uri: str) -> None:
    """Check that a copy replaces nothing but the same bytes, as those of an earlier call.

    Raises:
        InputError: there is another file.
    """
    if store.exists(target) and store.digest(target) != store.digest(uri):
        raise InputError(f"{target} exists and is not a copy of {uri}: choose another output path")


def _copy(store: Store, uri: str, target: str) -> None:
    path = local_path(uri)
    if path is not None:
        store.put(path, target)
        return
    with tempfile.TemporaryDirectory(prefix="bioinfo-assets-") as folder:
        download = Path(folder) / file_name(uri)
        store.fetch(uri, download)
        store.put(download, target)


def _reference_options(uris: Sequence[str]) -> list[str]:
    """The options of `run` for the reference and known sites among these files."""
    options = {".fa.gz": "--reference", ".vcf.gz": "--known-sites"}
    chosen = ((option, uri) for suffix, option in options.items() for uri in uris if uri.endswith(suffix))
    return [*chain.from_iterable(chosen)]
