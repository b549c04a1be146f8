"""`bioinfo-assets crate`: export results and their provenance as an RO-Crate."""

import json as json_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final

import typer

from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.cli.options import Json, OutputPath, Samples
from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.uri import file_name, folder_of, is_remote
from bioinfo_assets.pipeline import graph
from bioinfo_assets.pipeline.graph import PER_SAMPLE
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.parallel import map_reads
from bioinfo_assets.records.samples import sample_names
from bioinfo_assets.result_key import COHORT, ResultKey
from bioinfo_assets.storage.store import Store

MAX_NAMES_IN_TITLE: Final = 5
"""Samples listed in the crate's name; of more, only the number is given."""


def crate(
    *,
    output_path: OutputPath,
    to: Annotated[
        str, typer.Option(metavar="FOLDER|FILE.zip", help="The folder or ZIP file to write; it must not exist.")
    ],
    samples: Samples = None,
    license: Annotated[  # noqa: A002 - it is the option's name
        str | None, typer.Option(metavar="URL", help="License of the crate's contents.", show_default="none")
    ] = None,
    with_small_files: Annotated[
        bool, typer.Option("--with-small-files", help="Copy reports, plots, metrics and logs of up to 10 MiB into it.")
    ] = False,
    json: Json = False,
) -> None:
    """Export samples as an RO-Crate: every job that led to their results, back to FASTQs and reference.

    The crate follows the profile Provenance Run Crate 0.5 and contains scripts and records. BAMs, reads and other large
    files are not copied, but listed with address, size and SHA-256.
    """
    # rocrate takes a third of a second to import, which would slow down every other command.
    from bioinfo_assets.provenance.crate.contents import NO_LICENSE, CrateRequest  # noqa: PLC0415 - see above
    from bioinfo_assets.provenance.crate.write import write_crate  # noqa: PLC0415 - see above

    if license is not None and not license.startswith(("https://", "http://")):
        raise InputError(f"{license!r} is not a URL: give the license as https://spdx.org/licenses/CC0-1.0 or similar")
    target = absolute_path(to)
    if is_remote(target):
        raise InputError(f"a crate cannot be written to {to}: give a folder or a .zip file on this machine")
    ledger = Ledger(Store(), absolute_path(output_path))
    names = tuple(dict.fromkeys(samples)) if samples else _samples_with_results(ledger)
    request = CrateRequest(
        scopes=(*names, *_report_scope(ledger, names if samples else None)),
        name=f"Alignment of {', '.join(names) if len(names) <= MAX_NAMES_IN_TITLE else f'{len(names)} samples'}",
        workflow=Path(graph.__file__),
        version=version("bioinfo-assets"),
        license=license or NO_LICENSE,
        with_small_files=with_small_files,
    )
    written = write_crate(ledger, request, Path(target))
    for sentence in written.damage:
        typer.echo(f"the crate describes what was recorded, but {sentence}", err=True)
    if json:
        document = {"crate": target, "samples": names, "runs": written.jobs, "damaged": written.damage}
        typer.echo(json_module.dumps(document, indent=2))
    else:
        label = names[0] if len(names) == 1 else f"{len(names)} samples"
        typer.echo(f"{target}: {written.jobs} jobs that led to the results of {label}")


def _samples_with_results(ledger: Ledger) -> tuple[str, ...]:
    """The samples that have results; a warning lists the others."""
    names = sample_names(ledger)

    def has_any(name: str) -> bool:
        return any(ledger.read(ResultKey(asset, name)) for asset in PER_SAMPLE)

    has_results = dict(zip(names, map_reads(ledger, has_any, names), strict=True))
    if not any(has_results.values()):
        raise InputError(f"no sample under {ledger.output_path} has results: run them first, or check the path")
    without = [name for name, has in has_results.items() if not has]
    if without:
        typer.echo(f"not in the crate, because they have no results yet: {', '.join(without)}", err=True)
    return tuple(name for name, has in has_results.items() if has)


def _report_scope(ledger: Ledger, names: tuple[str, ...] | None) -> tuple[str, ...]:
    """The scope of the report if it exists and covers no samples other than these; no names stand for all samples."""
    record = ledger.read(ResultKey("multiqc_report", COHORT))
    if record is None:
        return ()
    uris = (item.uri for item in record.inputs if ledger.layout.is_sample_file(item.uri))  # not the haplotype map
    reported = {file_name(folder_of(uri)) for uri in uris}
    return (COHORT,) if names is None or reported <= set(names) else ()
