"""Results shared among output paths and users: a prefix that holds the record of each result by its fingerprint.

It holds records, not files: whoever needs a result with that fingerprint copies its files from where the record says
they are, on the server's side where both are in S3. A record whose files are not as they were says nothing. So the
cache costs no space, may be deleted at any time, and forgets what is removed from the output path it was made in.
Whoever may write there is trusted as one who may write results.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.records.commit import Committed, ReuseDecision, inputs_of, withdraw_previous
from bioinfo_assets.records.ledger import DamagedRecordError, Ledger
from bioinfo_assets.records.record import FileRecord, Record
from bioinfo_assets.storage.store import Store, join

AT_ONCE: Final = 4
"""Files of one result that are copied side by side."""


@dataclass(frozen=True, slots=True)
class SharedCache:
    """The records of results that others may use.

    Attributes:
        store: Files by URI.
        place: The prefix: a folder or an `s3://` address.
    """

    store: Store
    place: str

    def uri(self, fingerprint: str) -> str:
        """Where the record of a fingerprint lies: in one of 256 folders, by its first digits."""
        return join(self.place, fingerprint[:2], f"{fingerprint}.json")

    def find(self, fingerprint: str) -> Record | None:
        """The record of a result with this fingerprint, its files as they were published; None where there is none.

        Raises:
            InputError: the cache cannot be read.
        """
        record = self._entry(fingerprint)
        if record is None or record.fingerprint != fingerprint or record.imported or not record.outputs:
            return None
        for file in record.outputs:
            try:
                stat = self.store.find(file.uri)
            except InputError:  # another user's place, which this one may not read
                return None
            if stat is None or (stat.size, stat.stamp) != (file.size, file.stamp):
                return None
        return record

    def _entry(self, fingerprint: str) -> Record | None:
        try:
            return Ledger(self.store, self.place).read_at(self.uri(fingerprint))
        except DamagedRecordError:  # whoever computes the result next replaces it
            return None

    def keep(self, record: Record) -> None:
        """Tells others of a result."""
        self.store.write_bytes(self.uri(record.fingerprint), (record.model_dump_json(indent=2) + "\n").encode())


def copy_shared_result(ledger: Ledger, cache: SharedCache, wanted: ReuseDecision) -> Committed | None:
    """Copies a result that the shared cache knows to where a job would publish it.

    None where the cache knows none, or where it was changed or removed while it was copied, or may not be read: then
    the job has to run.

    Raises:
        InputError: the cache cannot be read, or the output path not be written to.
    """
    origin = cache.find(wanted.fingerprint)
    places = {output.key: output.uri for output in wanted.job.outputs}
    if origin is None or places.keys() != {file.key for file in origin.outputs}:
        return None
    with ledger.publishing(wanted.job.key.scope):
        already = withdraw_previous(ledger, wanted)
        if already is not None:
            return already
        with ThreadPoolExecutor(AT_ONCE) as pool:
            files = list(pool.map(lambda file: _copy_file(ledger.store, file, places[file.key]), origin.outputs))
        whole = tuple(file for file in files if file is not None)
        if len(whole) < len(files):
            return None
        told = {"inputs": inputs_of(wanted.job), "outputs": whole, "copied_from": origin.copied_from or _uri(origin)}
        told |= {
            "asset": wanted.job.key.asset,
            "scope": wanted.job.key.scope,
        }  # an entry may not say where it is written
        record = origin.model_copy(update=told)
        ledger.write(record)
    return Committed(record, reused=True)


def _copy_file(store: Store, file: FileRecord, uri: str) -> FileRecord | None:
    """A file at its new place; None if it was not the same before and after, or may not be read."""
    try:
        store.copy(file.uri, uri)
    except InputError:
        if not _is_readable(store, file.uri):
            return None
        raise
    source, target = store.find(file.uri), store.stat(uri)
    if source is None or source.stamp != file.stamp or target.size != file.size:
        return None
    return file.model_copy(update={"uri": uri, "stamp": target.stamp})


def _is_readable(store: Store, uri: str) -> bool:
    try:
        store.read_bytes(uri, 0, 1)
    except InputError:
        return False
    return True


def _uri(record: Record) -> str:
    """Where a record lies: beside its files."""
    return join(record.outputs[0].uri.rpartition("/")[0], "records", f"{record.asset}.json")
