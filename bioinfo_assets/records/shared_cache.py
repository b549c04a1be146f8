"""Results shared among output paths and users: a prefix that holds the record of each result by its fingerprint.

The cache holds records, not files: a project that needs a result with that fingerprint copies its files from the
addresses in the record, on the server's side if both are in S3. A record whose files have changed is ignored. So the
cache costs no space, may be deleted at any time, and forgets what is removed from the output path it was computed in.
Whoever may write to the cache is trusted like one who may write results.
"""

from dataclasses import dataclass

from bioinfo_assets.errors import InputError
from bioinfo_assets.records.ledger import DamagedRecordError, Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.storage.store import Store, join


@dataclass(frozen=True, slots=True)
class SharedCache:
    """The records of results that other projects may use.

    Attributes:
        store: Files by URI.
        prefix: A folder or an `s3://` address.
    """

    store: Store
    prefix: str

    def uri(self, fingerprint: str) -> str:
        """The address of a record: in one of 256 folders, by the first digits of the fingerprint."""
        return join(self.prefix, fingerprint[:2], f"{fingerprint}.json")

    def find(self, fingerprint: str) -> Record | None:
        """The record of a result with this fingerprint whose files are unchanged; None where there is none.

        Raises:
            InputError: the cache cannot be read.
        """
        record = self._entry(fingerprint)
        if record is None or record.fingerprint != fingerprint or record.imported or not record.outputs:
            return None
        if record.released is not None:
            return None
        for file in record.outputs:
            try:
                stat = self.store.find(file.uri)
            except InputError:  # another user's folder, which this one may not read
                return None
            if stat is None or (stat.size, stat.stamp) != (file.size, file.stamp):
                return None
        return record

    def add(self, record: Record) -> None:
        """Share a result, unless its files were released: there is nothing to copy."""
        if record.released is not None:
            return
        self.store.write_bytes(self.uri(record.fingerprint), (record.model_dump_json(indent=2) + "\n").encode())

    def _entry(self, fingerprint: str) -> Record | None:
        try:
            return Ledger(self.store, self.prefix).read_at(self.uri(fingerprint))
        except DamagedRecordError:  # the next who computes the result replaces it
            return None
