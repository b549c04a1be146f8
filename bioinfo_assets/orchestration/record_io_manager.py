"""The IO manager of records: an asset's inputs are the records of its upstream assets.

The jobs publish the data and the run writes the records, so there is nothing to store. Loading a record also checks
that its files are still as they were published: nothing is built on a result that was changed or removed.
"""

import dagster as dg

from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record_set import RecordSet
from bioinfo_assets.storage.store import Store


class RecordIOManager(dg.ConfigurableIOManager):
    """Reads upstream records from the output path.

    Attributes:
        output_path: Where results and their records are published.
        scopes: The shared scope of each asset without partitions.
    """

    output_path: str
    scopes: dict[str, str]

    def handle_output(self, context: dg.OutputContext, obj: RecordSet) -> None:
        """Store nothing: results and records are published before a step passes them on."""

    def load_input(self, context: dg.InputContext) -> RecordSet:
        """The records of the upstream asset, for all partitions that the step needs."""
        asset = context.asset_key.path[-1]
        scopes = context.asset_partition_keys if context.has_asset_partitions else [self.scopes[asset]]
        return RecordSet.read(Ledger(Store(), self.output_path), asset, scopes)
