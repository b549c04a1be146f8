"""`bioinfo-assets report`: where time and money went."""

import json as json_module
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table

from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.application.resolve import catalog_of, ledger_of, own_home
from bioinfo_assets.cli.options import Json
from bioinfo_assets.cli.progress_bar import reading_records
from bioinfo_assets.cli.tables import wide_console
from bioinfo_assets.errors import InputError
from bioinfo_assets.provenance.usage.csv_table import write_csv
from bioinfo_assets.provenance.usage.page import write_page
from bioinfo_assets.provenance.usage.prices import project_prices, read_prices, sample_prices
from bioinfo_assets.provenance.usage.report import UsageReport, make_report, notes
from bioinfo_assets.provenance.usage.totals import Usage, UsageTotal
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.steps.resources import DISK_MIB_PER_CPU

MAX_SAMPLES: Final = 10
"""Samples that are printed; all are in `--json`."""


def report(
    *,
    output_path: Annotated[
        str | None, typer.Option(metavar="DIR", help="Where results are published: a folder, or s3://BUCKET/FOLDER.")
    ] = None,
    prices: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Table of prices (TOML), to estimate what jobs and storage cost.",
            show_default="prices.toml in the project's home",
        ),
    ] = None,
    page: Annotated[bool, typer.Option("--page/--no-page", help="Write the HTML page with the timeline.")] = True,
    csv: Annotated[bool, typer.Option("--csv", help="Print one line for each result, as CSV.")] = False,
    sample_prices_: Annotated[
        bool, typer.Option("--sample-prices", help="Print an example of a table of prices, and do nothing else.")
    ] = False,
    json: Json = False,
) -> None:
    """Show where time and money went: by step, by sample and in all, with what was asked for and never used.

    The figures are those of the records next to the data. An HTML page with a timeline is written to
    `resource_usage.html` in the output path.
    """
    if sample_prices_:
        typer.echo(sample_prices(), nl=False)
        return
    if output_path is None:
        raise InputError("give --output-path, the project whose jobs are to be added up")
    if csv and json:
        raise InputError("--csv and --json exclude each other: give one of them")
    ledger = ledger_of(absolute_path(output_path))
    table = read_prices(prices) if prices is not None else project_prices(own_home(ledger.output_path))
    if csv:
        _print_csv(ledger)
        return
    with reading_records(), catalog_of(ledger) as catalog:
        usage = Usage.of(catalog, ledger.output_path)
        result = make_report(usage, ledger.output_path, table, DISK_MIB_PER_CPU)
        if not result.cohort.results:
            raise _no_results(ledger)
        uri = write_page(ledger, usage, result) if page else None
    if json:
        typer.echo(json_module.dumps(result.to_json(uri), indent=2))
        return
    _print_report(result, uri)


def _print_csv(ledger: Ledger) -> None:
    with reading_records(), catalog_of(ledger) as catalog:
        if not write_csv(Usage.of(catalog, ledger.output_path), sys.stdout):
            raise _no_results(ledger)


def _no_results(ledger: Ledger) -> InputError:
    return InputError(f"there are no results in {ledger.output_path}: check --output-path")


def _print_report(report: UsageReport, uri: str | None) -> None:
    console = wide_console()
    console.print(_table(report, "STEP", (*report.steps, report.cohort)))
    samples = report.samples[:MAX_SAMPLES]
    console.print()
    console.print(_table(report, "SAMPLE", (*samples, *report.shared)))
    if len(samples) < len(report.samples):
        console.print(f"{len(samples)} of {len(report.samples):,} samples, by vCPU hours; --json has all")
    for sentences in ([item.message for item in report.suggestions], notes(report)):
        if sentences:
            console.print()
        for sentence in sentences:
            console.print(sentence)
    if uri is not None:
        console.print()
        console.print(f"timeline: {uri}")


def _table(report: UsageReport, first: str, totals: tuple[UsageTotal, ...]) -> Table:
    table = Table(first, box=None, pad_edge=False)
    for name in report.header:
        table.add_column(name.upper().replace("VCPU", "vCPU"), justify="right")
    for total in totals:
        table.add_row(total.name, *report.cells(total))
    return table
