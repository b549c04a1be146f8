"""The search for secrets finds them wherever they are."""

import gzip
import sqlite3
import zipfile
import zlib
from contextlib import closing
from pathlib import Path

from bioinfo_assets_tests.canaries import SECRETS, leaks, texts_in


def test_a_secret_is_found_in_files_archives_and_databases(tmp_path: Path) -> None:
    secret = SECRETS["LAB_PASSWORD"].encode()
    (tmp_path / ".hidden").write_bytes(b"x" + secret)
    (tmp_path / "job.log.gz").write_bytes(gzip.compress(secret))
    with zipfile.ZipFile(tmp_path / "crate.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/record.json", 10 * secret)
    with closing(sqlite3.connect(tmp_path / "runs.db")) as database:
        database.execute("CREATE TABLE snapshots (body BLOB)")
        database.execute("INSERT INTO snapshots VALUES (?)", (zlib.compress(10 * secret),))
        database.commit()
    assert len(leaks(texts_in(tmp_path))) == 4


def test_each_secret_is_found_by_the_name_of_its_variable() -> None:
    assert [leak.split()[0] for leak in leaks({"x": " ".join(SECRETS.values()).encode()})] == list(SECRETS)
