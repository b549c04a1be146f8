"""Records of results and observations as runs write them; of existing files, or of files that nothing reads."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import FileRecord, InputRecord, Record
from bioinfo_assets.storage.store import Store

STORE = Store()
FINISHED = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)


def record_result(ledger: Ledger, asset: str, scope: str, *uris: str, **changes: Any) -> Record:
    """Record existing files as a result, as a job would have left it."""
    outputs = tuple(
        FileRecord(
            key=uri.rpartition(".")[2],
            uri=uri,
            size=STORE.stat(uri).size,
            sha256=STORE.digest(uri).removeprefix("sha256:"),
            content=STORE.digest(uri),
            stamp=STORE.stat(uri).stamp,
        )
        for uri in uris
    )
    return _write(ledger, asset, scope, outputs=outputs, **changes)


def record_result_without_files(
    ledger: Ledger,
    asset: str,
    scope: str,
    inputs: Mapping[str, str | None],
    outputs: Mapping[str, str | None],
    **changes: Any,
) -> Record:
    """Record a result whose files do not exist.

    Args:
        ledger: The project's records.
        asset: The asset.
        scope: The scope.
        inputs: The text of each input, by address; None for a file that is derived from others.
        outputs: The text of each output, by file name; None for a file that is derived from others.
        changes: Further fields of the record.
    """
    fields: dict[str, Any] = {
        "fingerprint": sha256(f"{asset} {scope} {dict(inputs)}".encode()).hexdigest(),
        "inputs": tuple(
            InputRecord(local=uri.rpartition("/")[2], uri=uri, size=1, content=text and digest(text))
            for uri, text in inputs.items()
        ),
        "outputs": tuple(
            FileRecord(
                key=name,
                uri=output_uri(ledger, scope, name),
                size=1,
                sha256=sha256((text or name).encode()).hexdigest(),
                content=text and digest(text),
                stamp="1",
            )
            for name, text in outputs.items()
        ),
        "tools": {"samtools": "1.16.1"},
        "started": FINISHED,
        "finished": FINISHED,
    }
    return _write(ledger, asset, scope, **(fields | changes))


def digest(text: str) -> str:
    """The digest of a text, as records have it."""
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def output_uri(ledger: Ledger, scope: str, name: str) -> str:
    return f"{ledger.output_path}/{scope}/{name}"


def _write(ledger: Ledger, asset: str, scope: str, **fields: Any) -> Record:
    now = datetime.now(UTC)
    defaults: dict[str, Any] = {
        "asset": asset,
        "scope": scope,
        "version": "1",
        "fingerprint": "f" * 64,
        "script": "true",
        "parameters": {},
        "inputs": (),
        "outputs": (),
        "tools": {},
        "backend": "local",
        "job_id": "x",
        "host": "here",
        "user": "me",
        "software": "0",
        "started": now,
        "finished": now,
        "wall_s": 1.0,
        "cpu_s": None,
        "peak_memory_mib": None,
        "facts": {},
        "warnings": (),
    }
    record = Record(**(defaults | fields))
    ledger.write(record)
    return record
