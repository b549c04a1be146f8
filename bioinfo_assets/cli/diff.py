"""`bioinfo-assets diff`: why two results differ, or why one would be computed again."""

import json as json_module
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from bioinfo_assets.application.compare_with_current import compare_with_current
from bioinfo_assets.application.resolve import resolve_result
from bioinfo_assets.cli.exit_codes import ExitCode
from bioinfo_assets.cli.options import Json
from bioinfo_assets.cli.tables import table_console
from bioinfo_assets.provenance.comparison import Cause, Change, Comparer, Comparison
from bioinfo_assets.storage.store import Store

_A: Final = "A result: its file, its record (also one in records/history), or SAMPLE/ASSET with --output-path."
_B: Final = "Another result; without it, A is compared with what a run would compute now."


def diff(
    *,
    a: Annotated[str, typer.Argument(metavar="A", help=_A)],
    b: Annotated[str | None, typer.Argument(metavar="B", help=_B, show_default=False)] = None,
    output_path: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Where results are published; needed for SAMPLE/ASSET.", show_default=False),
    ] = None,
    script: Annotated[bool, typer.Option("--script", help="Show the lines of scripts that differ.")] = False,
    json: Json = False,
) -> None:
    """Show why two results differ, or why one would be computed again.

    Step versions, parameters, tools, scripts and the contents of inputs are compared. If an input differs, the jobs
    that computed it are compared too, back to FASTQs, reference and known sites. Exit code 0 if nothing differs,
    otherwise 1.
    """
    store, unknown_tools = Store(), ""
    first = resolve_result(a, output_path, store)
    if b is None:
        comparison, unknown_tools = compare_with_current(first)
    else:
        second = resolve_result(b, output_path, store)
        comparison = Comparer(first.lineage, second.lineage).compare(first.job, second.job)
    if unknown_tools:
        typer.echo(f"current tool versions are unknown: {unknown_tools}", err=True)
    if json:
        typer.echo(json_module.dumps(_to_dict(comparison), indent=2))
    else:
        _show(comparison, table_console(), with_now=b is None, is_past=first.job.replaced, with_script=script)
    if not comparison.is_same:
        raise typer.Exit(ExitCode.FAILED)


def _show(comparison: Comparison, console: Console, *, with_now: bool, is_past: bool, with_script: bool) -> None:
    console.print(_headline(comparison, with_now=with_now, is_past=is_past), soft_wrap=True, style="bold")
    for cause in comparison.causes:
        console.print(f"- {cause}", soft_wrap=True)
    if any(change.because for change in comparison.changes) or with_script:
        tree = Tree(Text(comparison.name))
        _add_changes(tree, comparison, set(), with_script=with_script)
        console.print()
        console.print(tree)
    before, after = comparison.images
    if before != after and not with_now:
        console.print(f"image (not part of the result): {before or 'none'} → {after or 'none'}", soft_wrap=True)


def _headline(comparison: Comparison, *, with_now: bool, is_past: bool) -> str:
    if with_now and is_past:
        outcome = (
            "equals what a run would give now" if comparison.is_same else "differs from that of a run now, because of"
        )
        return f"{comparison.name} was replaced, and {outcome}"
    if with_now:
        return f"{comparison.name} {'is up to date' if comparison.is_same else 'would be computed again, because of'}"
    if comparison.is_same:
        return f"{comparison.name}: identical, computed in the same way"
    different = [key for key, is_same in comparison.contents.items() if not is_same]
    if different:
        return f"{comparison.name}: contents of {', '.join(different)} differ, because of"
    contents = "identical contents, " if comparison.contents else ""
    return f"{comparison.name}: {contents}computed in different ways, because of"


def _add_changes(tree: Tree, comparison: Comparison, shown: set[int], *, with_script: bool) -> None:
    shown.add(id(comparison))
    for change in comparison.changes:
        if change.because is None:
            tree.add(Text(str(change)))
            continue
        comma = "," if change.name else ""
        branch = tree.add(Text(f"{change}{comma} from {change.because.name}"))
        if id(change.because) in shown:
            branch.add(Text("as above"))
        else:
            _add_changes(branch, change.because, shown, with_script=with_script)
    if with_script and comparison.script:
        tree.add(Text("\n".join(comparison.script)))


def _to_dict(comparison: Comparison) -> dict[str, object]:
    before, after = comparison.images
    return {
        "is_same": comparison.is_same,
        "causes": list(map(_cause_to_dict, comparison.causes)),
        "images": {"before": before or None, "after": after or None},
        **_comparison_to_dict(comparison, set()),
    }


def _cause_to_dict(cause: Cause) -> dict[str, object]:
    return {**_change_to_dict(cause.change), "results": list(cause.results), "message": str(cause)}


def _comparison_to_dict(comparison: Comparison, shown: set[int]) -> dict[str, object]:
    """A comparison; in full where it occurs first, and by its name after that."""
    if id(comparison) in shown:
        return {"name": comparison.name, "changes": None}
    shown.add(id(comparison))
    changes = [
        {**_change_to_dict(change), "because": _comparison_to_dict(change.because, shown) if change.because else None}
        for change in comparison.changes
    ]
    return {
        "name": comparison.name,
        "changes": changes,
        "script": list(comparison.script),
        "contents": dict(comparison.contents),
    }


def _change_to_dict(change: Change) -> dict[str, object]:
    return {
        "kind": change.kind,
        "name": change.name or None,
        "before": change.before or None,
        "after": change.after or None,
        "note": change.note or None,
    }
