"""The files of a run's results that users look for first."""

from collections.abc import Sequence

from bioinfo_assets.pipeline.graph import GRAPH
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.result_key import SHARED_SCOPES, ResultKey


def result_files(ledger: Ledger, scope: str, assets: Sequence[str]) -> dict[str, list[str]]:
    """The files to show of a scope, by asset: those of final results, or of intermediates if only these were
    selected.
    """
    specs = [GRAPH[asset] for asset in assets]
    has_final = any(spec.final_files for spec in specs)
    files: dict[str, list[str]] = {}
    for spec in specs:
        keys = spec.final_files if has_final else spec.intermediate_files
        if keys and (spec.scope == scope or (spec.scope is None and scope not in SHARED_SCOPES)):
            record = ledger.read(ResultKey(spec.name, scope))
            if record is not None:
                outputs = record.files
                files[spec.name] = [outputs[key].uri for key in keys if key in outputs]
    return files
