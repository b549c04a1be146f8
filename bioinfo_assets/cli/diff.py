"""`bioinfo-assets diff`: why two results differ, or why one would be computed again."""

import json as json_module
import sys
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from bioinfo_assets.application.compare_with_current import compare_with_current
from bioinfo_assets.application.resolve_result import resolve_result
from bioinfo_assets.cli.exit_codes import ExitCode
from bioinfo_assets.cli.options import Json
from bioinfo_assets.provenance.comparison import Cause, Change, Comparer, Comparison
from bioinfo_assets.storage.store import Store

WIDTH_OF_FILES: Final = 10_000
"""Columns where nobody looks on: lines are not folded."""

_A: Final = "A result: its file, its record (of records/history too), or SAMPLE/ASSET with --output-path."
_B: Final = "Another result; if none is given, A is compared with what would be made now."


def diff(
    *,
    a: Annotated[str, typer.Argument(metavar="A", help=_A)],
    b: Annotated[str | None, typer.Argument(metavar="B", help=_B, show_default=False)] = None,
    output_path: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Where results are; needed for SAMPLE/ASSET.", show_default=False),
    ] = None,
    script: Annotated[bool, typer.Option("--script", help="Show the lines of scripts that differ.")] = False,
    json: Json = False,
) -> None:
    """Tell why two results differ, or why one would be computed again.

    Compared are step version, parameters, tools, script and what the inputs say; where an input differs, what made it
    is compared too, up to FASTQs, reference and known sites. Exit code 0 if nothing differs, 1 if something does.
    """
    store, unknown_tools = Store(), ""
    first = resolve_result(a, output_path, store)
    if b is None:
        comparison, unknown_tools = compare_with_current(first)
    else:
        second = resolve_result(b, output_path, store)
        comparison = Comparer(first.lineage, second.lineage).compare(first.job, second.job)
    if unknown_tools:
        typer.echo(f"whether tools are others now is not known: {unknown_tools}", err=True)
    if json:
        typer.echo(json_module.dumps(_document(comparison), indent=2))
    else:
        width = None if sys.stdout.isatty() else WIDTH_OF_FILES
        _show(comparison, Console(markup=False, highlight=False, width=width), is_now=b is None, with_script=script)
    if not comparison.is_same:
        raise typer.Exit(ExitCode.JOBS_FAILED)


def _show(comparison: Comparison, console: Console, *, is_now: bool, with_script: bool) -> None:
    console.print(_verdict(comparison, is_now=is_now), soft_wrap=True, style="bold")
    for cause in comparison.causes:
        console.print(f"- {cause}", soft_wrap=True)
    if any(change.because for change in comparison.changes) or with_script:
        tree = Tree(Text(comparison.name))
        _grow(tree, comparison, set(), with_script=with_script)
        console.print()
        console.print(tree)
    before, after = comparison.images
    if before != after and not is_now:
        console.print(f"image, which is no part of the result: {before or 'none'} → {after or 'none'}", soft_wrap=True)


def _verdict(comparison: Comparison, *, is_now: bool) -> str:
    if is_now:
        said = "is what would be made now" if comparison.is_same else "would be made again"
        return f"{comparison.name} {said}{'' if comparison.is_same else ', because of'}"
    if comparison.is_same:
        return f"{comparison.name}: the same, made in the same way"
    others = [key for key, is_same in comparison.contents.items() if not is_same]
    if others:
        return f"{comparison.name}: other contents of {', '.join(others)}, because of"
    same = "the same contents, " if comparison.contents else ""
    return f"{comparison.name}: {same}not made in the same way, because of"


def _grow(tree: Tree, comparison: Comparison, told: set[int], *, with_script: bool) -> None:
    told.add(id(comparison))
    for change in comparison.changes:
        if change.because is None:
            tree.add(Text(str(change)))
            continue
        named = "," if change.name else ""
        branch = tree.add(Text(f"{change}{named} from {change.because.name}"))
        if id(change.because) in told:
            branch.add(Text("as above"))
        else:
            _grow(branch, change.because, told, with_script=with_script)
    if with_script and comparison.script:
        tree.add(Text("\n".join(comparison.script)))


def _document(comparison: Comparison) -> dict[str, object]:
    before, after = comparison.images
    return {
        "is_same": comparison.is_same,
        "causes": list(map(_cause, comparison.causes)),
        "images": {"before": before or None, "after": after or None},
        **_branch(comparison, set()),
    }


def _cause(cause: Cause) -> dict[str, object]:
    return {**_change(cause.change), "results": list(cause.results), "says": str(cause)}


def _branch(comparison: Comparison, told: set[int]) -> dict[str, object]:
    """A comparison; told in full where it comes first, and by its name after that."""
    if id(comparison) in told:
        return {"name": comparison.name, "changes": None}
    told.add(id(comparison))
    return {
        "name": comparison.name,
        "changes": [
            {**_change(one), "because": _branch(one.because, told) if one.because else None}
            for one in comparison.changes
        ],
        "script": list(comparison.script),
        "contents": dict(comparison.contents),
    }


def _change(change: Change) -> dict[str, object]:
    return {
        "kind": change.kind,
        "name": change.name or None,
        "before": change.before or None,
        "after": change.after or None,
        "note": change.note or None,
    }
