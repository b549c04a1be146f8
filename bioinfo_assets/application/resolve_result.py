"""Finds a result by what a user typed: its file, its record, or `SAMPLE/ASSET` with the output path."""

from dataclasses import dataclass
from typing import Final

from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.uri import folder_of
from bioinfo_assets.layout import is_past_record, scope_folder_of
from bioinfo_assets.pipeline.graph import GRAPH
from bioinfo_assets.provenance.lineage import Lineage, TracedJob
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store

_ADVICE: Final = "name a result by its file, by its record, or as SAMPLE/ASSET with --output-path"


@dataclass(frozen=True, slots=True)
class ResolvedResult:
    """The result that a user named.

    Attributes:
        job: The job that produced it, traced upstream.
        lineage: The lineage of its project.
    """

    job: TracedJob
    lineage: Lineage


def resolve_result(name: str, output_path: str | None, store: Store) -> ResolvedResult:
    """Find a result.

    Args:
        name: The path of a file or record, or `SAMPLE/ASSET`.
        output_path: The project's output path; needed for `SAMPLE/ASSET`.
        store: Reads the files.

    Raises:
        InputError: there is no such result.
    """
    scope, _, asset = name.partition("/")
    if output_path is not None and scope and asset in GRAPH:
        return _find_by_key(Lineage(Ledger(store, absolute_path(output_path))), scope, asset)
    uri = absolute_path(name)
    scope_folder = scope_folder_of(uri)
    if scope_folder != uri and uri.endswith(".json"):
        return _find_by_record(Lineage(Ledger(store, folder_of(scope_folder))), uri, past=is_past_record(uri))
    return _find_by_file(Lineage(Ledger(store, folder_of(folder_of(uri)))), uri)


def _find_by_key(lineage: Lineage, scope: str, asset: str) -> ResolvedResult:
    record = lineage.ledger.read(ResultKey(asset, scope))
    if record is None:
        raise InputError(f"there is no {asset} of {scope} in {lineage.ledger.output_path}: run it, or check the name")
    return ResolvedResult(lineage.of_record(record), lineage)


def _find_by_record(lineage: Lineage, uri: str, *, past: bool) -> ResolvedResult:
    if not lineage.ledger.store.exists(uri):
        raise InputError(f"there is no record {uri}: check the path")
    record = lineage.ledger.read_any(uri)
    if not isinstance(record, Record):
        raise InputError(f"{uri} describes source files, not a result: {_ADVICE}")
    return ResolvedResult(lineage.of_record(record, uri, replaced=past), lineage)


def _find_by_file(lineage: Lineage, uri: str) -> ResolvedResult:
    try:
        file = lineage.of_file(uri)
    except InputError as error:
        raise InputError(f"no record next to {uri} lists it as a result: {_ADVICE}") from error
    if file.producer is None:
        raise InputError(f"{uri} is a source file, not a result: {_ADVICE}")
    return ResolvedResult(file.producer, lineage)
