import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from bioinfo_assets.errors import JobError, ResourceError, UnreachableError
from bioinfo_assets.launch.backend import State
from bioinfo_assets.launch.job import Output
from bioinfo_assets.launch.local_backend import LocalBackend
from bioinfo_assets.launch.transfer import HELD_BY_PROCESS, PublishLock, publish, publish_lock
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.contract import job, report_of, run


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[LocalBackend]:
    local = LocalBackend(tmp_path / "scratch", Store())
    yield local
    local.close()


@pytest.fixture(params=["local", "s3"])
def results(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "results") if request.param == "local" else f"{request.getfixturevalue('s3')}/results"


def test_outputs_are_published_with_the_bytes_that_were_reported(backend: LocalBackend, results: str) -> None:
    outputs = (Output("text", "greeting.txt", f"{results}/expt/a.txt"), Output("md5", "greeting.md5", f"{results}/b"))
    greeting = job("greets", outputs=outputs)
    status = run(backend, greeting)
    assert status.state is State.SUCCEEDED
    publish(Store(), greeting, report_of(status), HELD_BY_PROCESS)
    assert Store().list(results, recursive=True) == (f"{results}/b", f"{results}/expt/a.txt")
    digests = {file.key: file.sha256 for file in report_of(status).files}
    for output in outputs:
        assert hashlib.sha256(Store().read_bytes(output.uri)).hexdigest() == digests[output.key]


def test_files_that_s3_did_not_take_are_published_later(backend: LocalBackend, s3: str) -> None:
    outputs = tuple(Output(key, f"greeting.{key}", f"{s3}/results/{key}") for key in ("txt", "md5"))
    greeting = job("greets", outputs=outputs)
    report, lock = report_of(run(backend, greeting)), Mock()
    lock.check.side_effect = [None, UnreachableError("S3 does not answer")]
    with pytest.raises(UnreachableError):
        publish(Store(), greeting, report, lock)
    published = publish(Store(), greeting, report, HELD_BY_PROCESS)
    assert {key: stat.size for key, stat in published.items()} == {file.key: file.size for file in report.files}


def test_a_file_of_another_size_than_reported_is_refused(backend: LocalBackend, tmp_path: Path) -> None:
    greeting = job("greets", outputs=(Output("text", "greeting.txt", str(tmp_path / "a.txt")),))
    report = report_of(run(backend, greeting))
    wrong = replace(report, files=(replace(report.files[0], size=7),))
    with pytest.raises(JobError, match=r"a\.txt has 6 bytes, but the job's output had 7"):
        publish(Store(), greeting, wrong, HELD_BY_PROCESS)


def test_what_another_process_published_since_the_lock_was_lost_is_not_replaced(
    backend: LocalBackend, tmp_path: Path
) -> None:
    outputs = tuple(Output(key, f"greeting.{key}", str(tmp_path / "results" / key)) for key in ("txt", "md5"))
    greeting = job("greets", outputs=outputs)
    report = report_of(run(backend, greeting))
    theirs = tmp_path / "results" / "md5"
    theirs.parent.mkdir()
    theirs.write_text("theirs")
    lost = Mock(spec=PublishLock, check=Mock(side_effect=ResourceError("the lock was lost")))
    with pytest.raises(ResourceError, match="the lock was lost"):
        publish(Store(), greeting, report, lost)
    assert theirs.read_text() == "theirs"
    assert list(theirs.parent.iterdir()) == [theirs]


KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from bioinfo_assets.storage.atomic import atomic_write
with atomic_write(Path(sys.argv[1])) as part:
    part.write_bytes(bytes(1000))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_temporary_files_of_killed_writers_are_removed_and_nothing_else(backend: LocalBackend, tmp_path: Path) -> None:
    place, other = tmp_path / "results" / "a.txt", tmp_path / "results" / "a.txt.fai"
    for target in (place, place, other):
        subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(target)], check=False)
    (place.parent / ".a.txt.lock").touch()
    assert len(list(place.parent.glob(".a.txt.*.part"))) == 3
    greeting = job("greets", outputs=(Output("text", "greeting.txt", str(place)),))
    publish(Store(), greeting, report_of(run(backend, greeting)), HELD_BY_PROCESS)
    left = sorted(path.name for path in place.parent.iterdir())
    assert left[1:] == [".a.txt.lock", "a.txt"]
    assert left[0].startswith(".a.txt.fai.")  # it may be in use: its own publisher removes it


def test_one_thread_at_a_time_holds_the_lock(tmp_path: Path) -> None:
    inside: list[int] = []
    counts: list[int] = []

    def enter() -> None:
        with publish_lock(str(tmp_path / "results" / "expt")):
            inside.append(1)
            counts.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [1] * 8


def test_other_scopes_do_not_wait(tmp_path: Path) -> None:
    with (
        publish_lock(str(tmp_path / "expt")),
        publish_lock(str(tmp_path / "other")),
    ):
        pass
