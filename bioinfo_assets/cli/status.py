"""`bioinfo-assets status`: what is made, told from the records beside the data."""

import json as json_module
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import typer
from rich.console import Console
from rich.table import Table

from bioinfo_assets.cli.options import Json, OutputPath
from bioinfo_assets.cli.paths import absolute
from bioinfo_assets.launch.store import Store
from bioinfo_assets.pipeline.graph import PER_SAMPLE, SUBJECTS
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.samples import sample_names

READERS: Final = 16
"""Records read at once; they wait for a disk or the network."""

_STYLES: Final = {"made": "green", "damaged": "bold red", "not made": "dim"}


@dataclass(frozen=True, slots=True)
class ResultStatus:
    """What became of one result.

    Attributes:
        subject: The sample, or what all samples share.
        asset: Which result.
        state: `made`, `not made`, or `damaged`: made, and not as it was published any more.
        finished: When its job ended.
        problem: What of it is gone or changed.
    """

    subject: str
    asset: str
    state: str
    finished: datetime | None = None
    problem: str = ""


def status(*, output_path: OutputPath, json: Json = False) -> None:
    """Tell what is made, what is not, and what was changed or removed since. Exit code 0 in any case."""
    ledger = Ledger(Store(), absolute(output_path))
    with ThreadPoolExecutor(READERS) as pool:
        found = list(pool.map(lambda wanted: _look(ledger, *wanted), _wanted(ledger)))
    if json:
        typer.echo(json_module.dumps([_document(one) for one in found], indent=2))
        return
    table = Table("SUBJECT", "ASSET", "STATE", "WHEN (UTC)", box=None, pad_edge=False)
    for one in found:
        when = f"{one.finished:%Y-%m-%d %H:%M:%S}" if one.finished else ""
        table.add_row(one.subject, one.asset, one.state, when, style=_STYLES[one.state])
    console = Console(markup=False, highlight=False)
    console.print(table)
    for one in found:
        if one.problem:
            console.print(f"{one.asset} of {one.subject}: {one.problem}; run again to make it anew", soft_wrap=True)


def _wanted(ledger: Ledger) -> Iterator[tuple[str, str]]:
    """Subjects and assets: what is shared, then sample by sample."""
    yield from ((subject, asset) for asset, subject in SUBJECTS.items())
    yield from ((name, asset) for name in sample_names(ledger) for asset in PER_SAMPLE)


def _look(ledger: Ledger, subject: str, asset: str) -> ResultStatus:
    record = ledger.read(subject, asset)
    if record is None:
        return ResultStatus(subject, asset, "not made")
    damage = ledger.verify(record).damage
    return ResultStatus(subject, asset, "damaged" if damage else "made", record.finished, damage)


def _document(one: ResultStatus) -> dict[str, object]:
    return {
        "subject": one.subject,
        "asset": one.asset,
        "state": one.state,
        "finished": one.finished.isoformat() if one.finished else None,
        "problem": one.problem or None,
    }
