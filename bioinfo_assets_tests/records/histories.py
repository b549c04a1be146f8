"""Records as jobs leave them, written by hand: a history needs no files."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256

from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import FileRecord, InputRecord, Observation, Record

FINISHED = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)


def digest(text: str) -> str:
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def place(ledger: Ledger, scope: str, name: str) -> str:
    return f"{ledger.output_path}/{scope}/{name}"


def keep_result(
    ledger: Ledger,
    step: str,
    scope: str,
    reads: Mapping[str, str | None],
    makes: Mapping[str, str | None],
    **changes: object,
) -> Record:
    """Keeps a record.

    Args:
        ledger: Where.
        step: What was made.
        scope: Of what.
        reads: By address: what was in the file; None of one that follows from others.
        makes: The same by name.
        changes: Other fields of the record.
    """
    inputs = [
        InputRecord(local=uri.rpartition("/")[2], uri=uri, size=1, content=text and digest(text))
        for uri, text in reads.items()
    ]
    outputs = [_file(place(ledger, scope, name), text, name) for name, text in makes.items()]
    fields = {
        "step": step,
        "version": "1",
        "scope": scope,
        "fingerprint": sha256(f"{step} {scope} {dict(reads)}".encode()).hexdigest(),
        "script": "true",
        "parameters": {},
        "inputs": tuple(inputs),
        "outputs": tuple(outputs),
        "tools": {"samtools": "1.16.1"},
        "backend": "local",
        "job_id": f"{step}-{scope}.x",
        "host": "here",
        "user": "me",
        "project": "0",
        "started": FINISHED,
        "finished": FINISHED,
        "wall_s": 1.0,
        "cpu_s": None,
        "peak_memory_mib": None,
        "facts": {},
        "warnings": (),
    }
    record = Record.model_validate({**fields, **changes})
    ledger.write(record)
    return record


def keep_source(ledger: Ledger, asset: str, scope: str, files: Mapping[str, str]) -> Observation:
    """Keeps what was seen of sources: by address, what was in them."""
    seen = tuple(_file(uri, text, uri) for uri, text in files.items())
    observation = Observation(asset=asset, scope=scope, files=seen, observed=FINISHED)
    ledger.write(observation)
    return observation


def _file(uri: str, text: str | None, key: str) -> FileRecord:
    sha = sha256((text or uri).encode()).hexdigest()
    return FileRecord(key=key, uri=uri, size=1, sha256=sha, content=text and digest(text), stamp="1")
