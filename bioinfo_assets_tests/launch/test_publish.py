import hashlib
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from bioinfo_assets.errors import JobError
from bioinfo_assets.launch.backend import State
from bioinfo_assets.launch.job import Output
from bioinfo_assets.launch.local_backend import LocalBackend
from bioinfo_assets.launch.publish import publish, publish_lock
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.contract import job, run


@pytest.fixture
def backend(tmp_path):
    local = LocalBackend(tmp_path / "scratch", Store())
    yield local
    local.close()


@pytest.fixture(params=["local", "s3"])
def results(request, tmp_path):
    return str(tmp_path / "results") if request.param == "local" else request.getfixturevalue("s3") + "/results"


def test_outputs_arrive_where_they_belong_with_the_bytes_that_were_reported(backend, results):
    outputs = (Output("text", "greeting.txt", f"{results}/expt/a.txt"), Output("md5", "greeting.md5", f"{results}/b"))
    made = job("greets", outputs=outputs)
    status = run(backend, made)
    assert status.state is State.SUCCEEDED
    publish(Store(), made, status.report)
    assert Store().list(results, recursive=True) == (f"{results}/b", f"{results}/expt/a.txt")
    digests = {file.key: file.sha256 for file in status.report.files}
    for output in outputs:
        assert hashlib.sha256(Store().read_bytes(output.uri)).hexdigest() == digests[output.key]


def test_a_file_that_is_not_what_the_job_reported_is_not_let_through(backend, tmp_path):
    made = job("greets", outputs=(Output("text", "greeting.txt", str(tmp_path / "a.txt")),))
    report = run(backend, made).report
    wrong = replace(report, files=(replace(report.files[0], size=7),))
    with pytest.raises(JobError, match=r"a\.txt has 6 bytes and the job made 7"):
        publish(Store(), made, wrong)


KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from bioinfo_assets.launch.disk import written_whole
with written_whole(Path(sys.argv[1])) as part:
    part.write_bytes(bytes(1000))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_left_beside_a_place_is_removed_and_nothing_else(backend, tmp_path):
    place, other = tmp_path / "results" / "a.txt", tmp_path / "results" / "a.txt.fai"
    for target in (place, place, other):
        subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(target)], check=False)
    (place.parent / ".a.txt.lock").touch()
    assert len(list(place.parent.glob(".a.txt.*.part"))) == 3
    made = job("greets", outputs=(Output("text", "greeting.txt", str(place)),))
    publish(Store(), made, run(backend, made).report)
    left = sorted(path.name for path in place.parent.iterdir())
    assert left[1:] == [".a.txt.lock", "a.txt"]
    assert left[0].startswith(".a.txt.fai.")  # it may be written now: its own publisher sees to it


def test_who_holds_the_lock_is_alone(tmp_path):
    inside, most = [], []

    def enter():
        with publish_lock(str(tmp_path / "results" / "expt")):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8


def test_other_scopes_do_not_wait(tmp_path):
    with (
        publish_lock(str(tmp_path / "expt")),
        publish_lock(str(tmp_path / "other")),
        publish_lock("s3://bucket/x"),
        publish_lock("s3://bucket/x"),
    ):
        pass
