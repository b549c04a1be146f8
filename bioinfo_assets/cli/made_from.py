"""What is told of what was made from a file."""

import json
from collections.abc import Iterator
from typing import Any, Final

from rich.console import Console
from rich.tree import Tree

from bioinfo_assets.cli.found import Found, catalog_of
from bioinfo_assets.cli.provenance import file_document
from bioinfo_assets.records.catalog import Catalog
from bioinfo_assets.records.downstream import Branch, Downstream, branches, downstream

MOST_ALIKE: Final = 20
"""Results of one asset that are named in a tree of what was made; of more, their number is told."""


def tell_down(found: Found, console: Console) -> None:
    """Prints the tree of what was made from a file."""
    file = found.file
    if found.note:
        console.print(found.note, soft_wrap=True)
    with catalog_of(found.ledger) as catalog:
        tree = Tree(f"{file.uri} {file.digest}".rstrip())
        _grow(tree, branches(downstream(catalog, file.uri, file.content), MOST_ALIKE), catalog)
    console.print(tree, soft_wrap=True)
    if not tree.children:
        console.print("nothing that is there now was made from it", soft_wrap=True)


def down_document(found: Found) -> str:
    """A file, and every result that was made from it: JSON."""
    with catalog_of(found.ledger) as catalog:
        made = downstream(catalog, found.file.uri, found.file.content)
        told = list(_results(made, catalog))
    return json.dumps({"note": found.note or None, "file": file_document(found.file), "made": told}, indent=2)


def _grow(tree: Tree, made: tuple[Branch, ...], catalog: Catalog) -> None:
    files = catalog.files_of([one.results[0].id for one in made if len(one.results) == 1])
    for branch in made:
        first = branch.results[0]
        named = f"{first.asset} of {first.subject}" if len(branch.results) == 1 else _count(branch)
        names = ", ".join(uri.rpartition("/")[2] for uri in files.get(first.id, ()))
        _grow(tree.add(f"{named}  {'as above' if branch.again else names}".rstrip()), branch.branches, catalog)


def _count(branch: Branch) -> str:
    return f"{branch.results[0].asset} of {len(branch.results)} samples"


def _results(made: Downstream, catalog: Catalog) -> Iterator[dict[str, Any]]:
    files, sources, first = catalog.files_of(made.results), made.sources_of(), set(made.first)
    for number, one in made.results.items():
        yield {
            "asset": one.asset,
            "subject": one.subject,
            "time": one.time,
            "record": one.record,
            "files": files[number],
            "read_it": number in first,
            "made_from": [made.results[source].record for source in sources[number]],
        }
