"""`bioinfo-assets crate`: results with all that led to them, as an RO-Crate for archives and colleagues."""

import json as json_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.cli.options import Json, OutputPath
from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.uri import file_name, folder_of, is_remote
from bioinfo_assets.pipeline import graph
from bioinfo_assets.pipeline.graph import PER_SAMPLE
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.samples import sample_names
from bioinfo_assets.result_key import COHORT, ResultKey
from bioinfo_assets.storage.store import Store

NAMED = 5
"""Samples that the crate's name names; of more, it tells the number."""


def crate(
    *,
    output_path: OutputPath,
    to: Annotated[str, typer.Option(metavar="FOLDER|FILE.zip", help="Where the crate is to be; not there yet.")],
    samples: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="These samples only; may be repeated.")
    ] = None,
    license: Annotated[  # noqa: A002 - it is the option's name
        str | None,
        typer.Option(metavar="URL", help="The license of what is in the crate.", show_default="none is told"),
    ] = None,
    with_small_files: Annotated[
        bool, typer.Option("--with-small-files", help="Copy reports, plots, metrics and logs of up to 10 MiB into it.")
    ] = False,
    json: Json = False,
) -> None:
    """Write an RO-Crate of samples, or of all: every run that led to their results, up to FASTQs and reference.

    It follows the profile Provenance Run Crate 0.5. BAMs, reads and other large files are not copied: the crate says
    where they lie, with size and SHA-256. Scripts and records are in it.
    """
    # rocrate takes a third of a second to import, which no other command should wait for.
    from bioinfo_assets.provenance.crate.contents import NO_LICENSE, CrateRequest  # noqa: PLC0415
    from bioinfo_assets.provenance.crate.write import write_crate  # noqa: PLC0415

    ledger = Ledger(Store(), absolute_path(output_path))
    chosen = tuple(dict.fromkeys(samples)) if samples else _with_results(ledger)
    wanted = CrateRequest(
        scopes=(*chosen, *_report(ledger, chosen if samples else None)),
        name=f"Alignment of {', '.join(chosen) if len(chosen) <= NAMED else f'{len(chosen)} samples'}",
        workflow=Path(graph.__file__),
        version=version("bioinfo-assets"),
        license=_license(license) or NO_LICENSE,
        with_small_files=with_small_files,
    )
    target = _local(to)
    runs = write_crate(ledger, wanted, target)
    if json:
        typer.echo(json_module.dumps({"crate": str(target), "samples": chosen, "runs": runs}, indent=2))
    else:
        results = chosen[0] if len(chosen) == 1 else f"{len(chosen)} samples"
        typer.echo(f"{target}: {runs} runs that led to the results of {results}")


def _with_results(ledger: Ledger) -> tuple[str, ...]:
    """All samples that have results; whose have none yet are told."""
    made = {name: any(ledger.read(ResultKey(asset, name)) for asset in PER_SAMPLE) for name in sample_names(ledger)}
    without = [name for name, has in made.items() if not has]
    if not any(made.values()):
        raise InputError(f"no sample under {ledger.output_path} has results: run them first, or check the path")
    if without:
        typer.echo(f"not in the crate, because they have no results yet: {', '.join(without)}", err=True)
    return tuple(name for name, has in made.items() if has)


def _report(ledger: Ledger, chosen: tuple[str, ...] | None) -> tuple[str, ...]:
    """The report, where it is there and tells of no other samples than those chosen."""
    record = ledger.read(ResultKey("multiqc_report", COHORT))
    if record is None:
        return ()
    told = {file_name(folder_of(item.uri)) for item in record.inputs}
    return (COHORT,) if chosen is None or told <= set(chosen) else ()


def _license(given: str | None) -> str | None:
    if given is not None and not given.startswith(("https://", "http://")):
        raise InputError(f"{given!r} is no address: give the license by one, as https://spdx.org/licenses/CC0-1.0")
    return given


def _local(to: str) -> Path:
    target = absolute_path(to)
    if is_remote(target):
        raise InputError(f"{to} is no place for a crate: give a folder or a .zip file of this machine")
    return Path(target)
