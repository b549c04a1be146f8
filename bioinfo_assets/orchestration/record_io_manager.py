"""The IO manager of records: an asset's inputs are the records of its upstream assets.

The data were published by the jobs and the records beside them, so there is nothing to store. Loading a record also
looks whether its files are still as they were published: nothing is built on a result that was changed or removed.
"""

import dagster as dg

from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record_set import ONE, RecordSet
from bioinfo_assets.storage.store import Store


class RecordIOManager(dg.ConfigurableIOManager):
    """Reads upstream records from the output path.

    Attributes:
        output_path: Where results and their records are published.
        scopes: By asset without partitions, the scope of its record.
    """

    output_path: str
    scopes: dict[str, str]

    def handle_output(self, context: dg.OutputContext, obj: RecordSet) -> None:
        """Stores nothing: results and records are published when a step hands them on."""

    def load_input(self, context: dg.InputContext) -> RecordSet:
        """The records of the upstream asset, for all partitions that this step asks for."""
        step = context.asset_key.path[-1]
        return RecordSet.read(Ledger(Store(), self.output_path), step, self._scopes(context, step))

    def _scopes(self, context: dg.InputContext, step: str) -> dict[str, str]:
        if context.has_asset_partitions:
            return {key: key for key in context.asset_partition_keys}
        return {ONE: self.scopes[step]}
