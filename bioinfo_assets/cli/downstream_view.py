"""What is told of what was made from a file."""

import json
from collections.abc import Iterator
from typing import Any, Final

from rich.console import Console
from rich.tree import Tree

from bioinfo_assets.application.resolve_file import ResolvedFile, catalog_of
from bioinfo_assets.cli.progress_bar import reading_records
from bioinfo_assets.cli.provenance_view import file_document
from bioinfo_assets.provenance.catalog import Catalog
from bioinfo_assets.provenance.downstream import Branch, Downstream, downstream_tree, find_downstream

MAX_ALIKE: Final = 20
"""Results of one asset that are named in a tree of what was made; of more, their number is told."""


def show_downstream(found: ResolvedFile, console: Console) -> None:
    """Prints the tree of what was made from a file."""
    file = found.file
    if found.note:
        console.print(found.note, soft_wrap=True)
    with reading_records(), catalog_of(found.ledger) as catalog:
        tree = Tree(f"{file.uri} {file.digest}".rstrip())
        _grow(tree, downstream_tree(find_downstream(catalog, file.uri, file.content), MAX_ALIKE), catalog)
    console.print(tree, soft_wrap=True)
    if not tree.children:
        console.print("nothing that is there now was made from it", soft_wrap=True)


def downstream_document(found: ResolvedFile) -> str:
    """A file, and every result that was made from it: JSON."""
    with reading_records(), catalog_of(found.ledger) as catalog:
        made = find_downstream(catalog, found.file.uri, found.file.content)
        told = list(_results(made, catalog))
    return json.dumps({"note": found.note or None, "file": file_document(found.file), "made": told}, indent=2)


def _grow(tree: Tree, made: tuple[Branch, ...], catalog: Catalog) -> None:
    files = catalog.files_of([one.results[0].id for one in made if len(one.results) == 1])
    for branch in made:
        first = branch.results[0]
        named = f"{first.asset} of {first.scope}" if len(branch.results) == 1 else _count(branch)
        names = ", ".join(uri.rpartition("/")[2] for uri in files.get(first.id, ()))
        _grow(tree.add(f"{named}  {'as above' if branch.is_repeated else names}".rstrip()), branch.branches, catalog)


def _count(branch: Branch) -> str:
    return f"{branch.results[0].asset} of {len(branch.results)} samples"


def _results(made: Downstream, catalog: Catalog) -> Iterator[dict[str, Any]]:
    files, sources, first = catalog.files_of(made.results), made.inputs(), set(made.direct)
    for number, one in made.results.items():
        yield {
            "asset": one.asset,
            "scope": one.scope,
            "time": one.time,
            "record": one.record,
            "files": files[number],
            "read_it": number in first,
            "made_from": [made.results[source].record for source in sources[number]],
        }
