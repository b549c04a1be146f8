"""Secrets of a host with values that occur nowhere else, and a search for them in all that a run writes or sends."""

import sqlite3
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from bioinfo_assets.genomics.gzipped import inflate

_MAX_BYTES: Final = 1 << 30
_CANARIES: Final = {
    "AWS_ACCESS_KEY_ID": "canary-key-4f1d90",
    "AWS_SECRET_ACCESS_KEY": "canary-secret-4f1d91",
    "AWS_SESSION_TOKEN": "canary-session-4f1d92",
    "FAILURE_WEBHOOK": "canary-webhook-4f1d93",
    "SLACK_TOKEN": "canary-slack-4f1d94",
    "LAB_PASSWORD": "canary-password-4f1d95",
    "HTTPS_PROXY": "canary-proxy-4f1d96",
}

SECRETS: Final[Mapping[str, str]] = {
    **_CANARIES,
    "FAILURE_WEBHOOK": f"http://127.0.0.1:9/{_CANARIES['FAILURE_WEBHOOK']}",
    "HTTPS_PROXY": f"http://someone:{_CANARIES['HTTPS_PROXY']}@127.0.0.1:9",
}
"""Variables of a host that must not reach jobs, nor what it writes: credentials, also those within an address."""


def leaks(texts: Mapping[str, bytes]) -> list[str]:
    """Which secret is in which text, by the names of both."""
    return [
        f"{variable} in {name}"
        for name, data in texts.items()
        for variable, canary in _CANARIES.items()
        if canary.encode() in data
    ]


def texts_in(*folders: Path) -> dict[str, bytes]:
    """The files in folders by name, also within compressed files, and the compressed values of SQLite's tables."""
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {name: data for path in files for name, data in _texts_of(path)}


def _texts_of(path: Path) -> Iterator[tuple[str, bytes]]:
    data = path.read_bytes()
    yield str(path), data
    if data.startswith(b"\x1f\x8b"):
        yield f"{path}, decompressed", inflate(data, max_bytes=_MAX_BYTES).data
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from ((f"{path}: {name}", archive.read(name)) for name in archive.namelist())
    elif data.startswith(b"SQLite format 3"):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            yield f"{path}, decompressed", b"\n".join(_decompressed(_values(database)))


def _values(database: sqlite3.Connection) -> Iterator[object]:
    tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        for row in database.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - names of the database's own tables
            yield from row


def _decompressed(values: Iterable[object]) -> Iterator[bytes]:
    for value in values:
        if isinstance(value, bytes) and value.startswith(b"\x78"):
            yield zlib.decompress(value)
