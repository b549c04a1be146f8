"""`bioinfo-assets diff`: why two results differ, or why one would be made again."""

import json as json_module
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.tree import Tree

from bioinfo_assets.cli.foretold import look_of
from bioinfo_assets.cli.log import WIDTH, find
from bioinfo_assets.cli.options import Json
from bioinfo_assets.cli.paths import absolute
from bioinfo_assets.cli.preflight import whole_plan
from bioinfo_assets.cli.request import Request, home_of, settings_of
from bioinfo_assets.cli.told import ExitCode
from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.store import Store
from bioinfo_assets.pipeline.forecast import Forecast, Outlook
from bioinfo_assets.pipeline.graph import ASSETS, upstream_of
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.records.comparison import Comparison, Difference, Recipe, changes_of
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.lineage import Lineage, TracedJob, folder_of
from bioinfo_assets.records.record import Record

RESULT = "A file, its record, or SAMPLE/ASSET with --output-path."


def diff(
    first: Annotated[str, typer.Argument(metavar="A", help=RESULT)],
    second: Annotated[
        str | None, typer.Argument(metavar="B", help="The same.", show_default="what would be made now")
    ] = None,
    *,
    output_path: Annotated[
        str | None, typer.Option(metavar="DIR", help="Where results are; needed for SAMPLE/ASSET.")
    ] = None,
    script: Annotated[bool, typer.Option("--script", help="Show the lines of scripts that differ.")] = False,
    json: Json = False,
) -> None:
    """Tell why two results differ: which input, parameter, tool, step or script; exit code 1 if they do.

    Where an input differs, it is followed to what made it, up to FASTQs, reference, tools and parameters. With A alone,
    it is compared with what would be made now.
    """
    before = _job(first, output_path)
    if second is None:
        found = _would_differ(before)
    else:
        difference = Comparison().of(before, _job(second, output_path))
        found = [difference] if difference.changes or not difference.is_same else []
    if json:
        typer.echo(json_module.dumps(_document(found), indent=2))
    else:
        _tell(found, with_scripts=script, alone=second is None)
    if found:
        raise typer.Exit(ExitCode.JOBS_FAILED)


def _job(given: str, output_path: str | None) -> TracedJob:
    """The job that made what was named.

    Raises:
        InputError: there is no such result, or it is a source.
    """
    subject, _, asset = given.partition("/")
    if output_path is not None and asset in ASSETS:
        ledger = Ledger(Store(), absolute(output_path).rstrip("/"))
        record = ledger.read(subject, asset)
        if record is None:
            raise InputError(f"there is no {asset} of {subject} in {ledger.output_path}: check both names")
        return Lineage(ledger).of_record(record)
    uri = absolute(given)
    if uri.endswith(".json") and "/records/" in uri:
        place = folder_of(uri.partition("/records/")[0])
        ledger = Ledger(Store(), place)
        kept = ledger.read_any(uri)
        if not isinstance(kept, Record):
            raise InputError(f"{uri} tells of a source: give a result")
        return Lineage(ledger).of_record(kept, uri, past="/history/" in uri)
    file = find(given, output_path).file
    if file.maker is None:
        raise InputError(f"{file.uri} is a source: give a result")
    return file.maker


def _would_differ(job: TracedJob) -> list[Difference]:
    """What is not as it was among all that led to a result; a root cause each.

    Raises:
        InputError: it was replaced since, or it cannot be told what would be made.
    """
    if job.past:
        raise InputError(f"{job.name} was replaced since: give what replaced it too")
    place = folder_of(job.record_uri.partition("/records/")[0])
    home = home_of(place)
    plan = whole_plan(Project(settings_of(Request(place), home)), home)
    record = job.record
    names = (record.subject,) if record.subject in plan.names else plan.names
    assets = tuple(asset for asset in plan.assets if asset in {record.step, *upstream_of(record.step)})
    with look_of(type(plan)(plan.project, home, (), names, assets, plan.left_out)) as look:
        forecasts = list(look.forecasts())
    own = next((one for one in forecasts if (one.asset, one.subject) == (record.step, record.subject)), None)
    if own is None:
        raise InputError(f"{job.name} is made no more: the project has neither such a sample nor such an asset")
    if own.outlook is Outlook.BLOCKED:
        raise InputError(f"what {job.name} would be now cannot be told: {own.reason}")
    if own.outlook is Outlook.REUSED:
        return []
    return [_anew(one) for one in forecasts if one.outlook in {Outlook.MADE, Outlook.COPIED}]


def _anew(forecast: Forecast) -> Difference:
    """A result that would be made, and why."""
    record, wanted = forecast.record, forecast.wanted
    if record is None or wanted is None or not forecast.is_stale:
        return Difference(forecast.name, forecast.name, (), sources=(forecast.reason,))
    changes = changes_of(Recipe.of_record(record), Recipe.of_job(wanted.job, wanted.tools))
    now = {item.local: item.file.uri for item in wanted.job.inputs}
    was = {item.local: item.uri for item in record.inputs}
    inputs = [change.name for change in changes if change.kind == "input"]
    named = {name.replace("SAMPLE", record.subject): name for name in inputs}
    sources = tuple(
        f"input {name}: {was.get(local, 'none')} → {now.get(local, 'none')}, with other contents"
        for local, name in named.items()
    )
    return Difference(forecast.name, forecast.name, changes, sources=sources)


def _tell(found: Sequence[Difference], *, with_scripts: bool, alone: bool) -> None:
    console = Console(markup=False, highlight=False, width=WIDTH)
    if not found:
        console.print("up to date: nothing would be made again" if alone else "the same results, made in the same way")
        return
    for root in dict.fromkeys(root for one in found for root in one.roots()):
        console.print(root, soft_wrap=True)
    for one in found:
        tree = Tree(_title(one))
        _grow(tree, one, with_scripts=with_scripts, told=set())
        console.print("")
        console.print(tree, soft_wrap=True)


def _title(one: Difference) -> str:
    names = one.after if one.before == one.after else f"{one.before}  |  {one.after}"
    return f"{names}{'  (the same contents)' if one.is_same else ''}"


def _grow(tree: Tree, one: Difference, *, with_scripts: bool, told: set[tuple[str, str]]) -> None:
    key = one.before, one.after
    if key in told:
        tree.add("as above")
        return
    told.add(key)
    for change in one.changes:
        if change.kind == "script" and with_scripts:
            tree.add(f"{change}\n{change.after}")
        elif change.kind != "input":
            tree.add(str(change))
    for source in one.sources:
        tree.add(source)
    for cause in one.causes:
        _grow(tree.add(f"from {_title(cause)}"), cause, with_scripts=with_scripts, told=told)


def _document(found: Sequence[Difference]) -> dict[str, object]:
    roots = dict.fromkeys(root for one in found for root in one.roots())
    return {"same": not found, "causes": list(roots), "results": [_difference(one) for one in found]}


def _difference(one: Difference) -> dict[str, object]:
    changes = [
        {"kind": change.kind, "name": change.name or None, "before": change.before, "after": change.after}
        for change in one.changes
    ]
    return {
        "before": one.before,
        "after": one.after,
        "same_contents": one.is_same,
        "changes": changes,
        "sources": list(one.sources),
        "from": [_difference(cause) for cause in one.causes],
    }
