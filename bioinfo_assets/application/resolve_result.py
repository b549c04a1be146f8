"""Results as a user names them: a file, its record, or `SAMPLE/ASSET` with the output path."""

from dataclasses import dataclass

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

HOW = "name a result by its file, by its record, or as SAMPLE/ASSET with --output-path"


@dataclass(frozen=True, slots=True)
class ResolvedResult:
    """A result that a user named.

    Attributes:
        job: What made it, traced upstream.
        lineage: The history of its output path.
    """

    job: TracedJob
    lineage: Lineage


def resolve_result(given: str, output_path: str | None, store: Store) -> ResolvedResult:
    """The result that a user means.

    Args:
        given: What they typed.
        output_path: Where results are, if they told it.
        store: Where files are read.

    Raises:
        InputError: there is no such result.
    """
    scope, _, asset = given.partition("/")
    if output_path is not None and scope and asset in GRAPH:
        return _of_asset(Lineage(Ledger(store, absolute_path(output_path))), scope, asset)
    uri = absolute_path(given)
    scope_folder = scope_folder_of(uri)
    if scope_folder != uri and uri.endswith(".json"):
        return _of_record(Lineage(Ledger(store, folder_of(scope_folder))), uri, past=is_past_record(uri))
    return _of_file(Lineage(Ledger(store, folder_of(folder_of(uri)))), uri)


def _of_asset(lineage: Lineage, scope: str, asset: str) -> ResolvedResult:
    record = lineage.ledger.read(ResultKey(asset, scope))
    if record is None:
        raise InputError(f"there is no {asset} of {scope} in {lineage.ledger.output_path}: run it, or check the name")
    return ResolvedResult(lineage.of_record(record), lineage)


def _of_record(lineage: Lineage, uri: str, *, past: bool) -> ResolvedResult:
    if not lineage.ledger.store.exists(uri):
        raise InputError(f"there is no record {uri}: check the path")
    record = lineage.ledger.read_any(uri)
    if not isinstance(record, Record):
        raise InputError(f"{uri} tells of files from outside, which nothing was made from here: {HOW}")
    return ResolvedResult(lineage.of_record(record, uri, replaced=past), lineage)


def _of_file(lineage: Lineage, uri: str) -> ResolvedResult:
    try:
        file = lineage.of_file(uri)
    except InputError as error:
        raise InputError(f"no record beside {uri} names it as a result: {HOW}") from error
    if file.producer is None:
        raise InputError(f"{uri} is no result, but came from outside: {HOW}")
    return ResolvedResult(file.producer, lineage)
