"""`bioinfo-assets igv`: a session of all final alignments for IGV."""

import json as json_module

import typer

from bioinfo_assets.application.igv import write_session
from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.application.plan import open_project
from bioinfo_assets.cli.options import Json, OutputPath, Samples
from bioinfo_assets.errors import InputError, did_you_mean
from bioinfo_assets.genomics.igv import load_link
from bioinfo_assets.records.samples import sample_names


def igv(*, output_path: OutputPath, samples: Samples = None, json: Json = False) -> None:
    """Write a session for IGV, with the genome and the final alignment of each sample.

    `igv_session.xml` in the output path names files relative to itself. IGV opens it by File > Open Session, or by the
    link that is printed, if IGV runs on the machine of the browser and can read the output path.
    """
    project, _ = open_project(absolute_path(output_path))
    names = sample_names(project.ledger)
    for sample in samples or ():
        if sample not in names:
            raise InputError(f"there is no sample {sample}: {did_you_mean(sample, names, 'samples')}")
    uri, tracks = write_session(project.ledger, samples or names)
    link = load_link(uri)
    if json:
        shown = [{"sample": track.sample, "file": track.uri} for track in tracks]
        typer.echo(json_module.dumps({"session": uri, "link": link, "tracks": shown}, indent=2))
        return
    without = len(samples or names) - len(tracks)
    typer.echo(f"{uri}: {len(tracks)} alignments" + (f"; {without} samples have none yet" if without else ""))
    typer.echo(link)
