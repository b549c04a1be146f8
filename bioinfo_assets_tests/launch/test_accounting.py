"""What a job of this machine asked for, waited for and moved, from real jobs."""

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bioinfo_assets.launch.backend import State
from bioinfo_assets.launch.job import Input, Output, Resources, StoredFile
from bioinfo_assets.launch.job_supervisor import machine_type
from bioinfo_assets.launch.local_backend import LocalBackend
from bioinfo_assets.launch.watcher import Watcher
from bioinfo_assets.records.commit import commit, submit
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.reuse import decide_reuse
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.contract import TEXT, job, report_of, run, wait_for_end
from bioinfo_assets_tests.waiting import wait_until

BYTES = b"x" * 3000


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[LocalBackend]:
    local = LocalBackend(tmp_path / "scratch", Store(), cpus=1, memory_mib=4096)
    yield local
    local.close()


def stored(uri: str, data: bytes) -> Input:
    Store().write_bytes(uri, data)
    return Input("x", StoredFile(uri, len(data), f"sha256:{hashlib.sha256(data).hexdigest()}"))


def test_a_job_waits_in_the_queue_until_others_have_ended(backend: LocalBackend, tmp_path: Path) -> None:
    first = backend.submit(job("sleeps", f"until [[ -e {tmp_path}/go ]]; do sleep 0.01; done"))
    second = backend.submit(job("prints"))
    wait_until(lambda: backend.poll([first.job_id])[first.job_id].state is State.RUNNING)
    time.sleep(1)
    (tmp_path / "go").touch()
    reports = [report_of(wait_for_end(backend, item.job_id)) for item in (first, second)]
    waited = [report.accounting.queued_s for report in reports]
    assert waited[0] is not None
    assert waited[1] is not None
    assert waited[1] >= 1


def test_a_remote_input_is_fetched_once_for_the_jobs_of_a_run(backend: LocalBackend, s3: str) -> None:
    reading = job("copies", "cat x >greeting.txt", inputs=(stored(f"{s3}/in/x", BYTES),), outputs=(TEXT,))
    fetched = [report_of(run(backend, reading)).accounting.fetched_bytes for _ in range(2)]
    assert fetched == [3000, 0]


def test_local_inputs_are_not_fetched(backend: LocalBackend, tmp_path: Path) -> None:
    reading = job("copies", "cat x >greeting.txt", inputs=(stored(str(tmp_path / "x"), BYTES),), outputs=(TEXT,))
    accounting = report_of(run(backend, reading)).accounting
    assert accounting.fetched_bytes == 0
    assert accounting.staging_s is not None


def test_a_job_that_asks_for_more_cpus_than_exist_has_those_that_do(backend: LocalBackend) -> None:
    assert report_of(run(backend, job("prints", resources=Resources(cpus=8)))).accounting.vcpus == 1


@pytest.mark.parametrize("is_remote", [False, True], ids=["folder", "s3"])
def test_the_record_has_what_publishing_uploaded(
    backend: LocalBackend, tmp_path: Path, s3: str, *, is_remote: bool
) -> None:
    ledger = Ledger(Store(), f"{s3}/results" if is_remote else str(tmp_path / "results"))
    output = Output("text", "greeting.txt", f"{ledger.output_path}/expt/expt.txt")
    writing = replace(job("greets", outputs=(output,)), resources=Resources(1, 500, 64))
    decision = decide_reuse(ledger, None, None, lambda: writing, lambda _: {})
    watcher = Watcher(backend)
    commit(ledger, backend, submit(ledger, watcher, decision))
    watcher.close()
    record = ledger.read(writing.key)
    assert record is not None
    accounting = record.accounting
    assert (accounting.vcpus, accounting.memory_mib, accounting.disk_mib) == (1, 500, 64)
    assert accounting.uploaded_bytes == (len(b"hello\n") if is_remote else 0)
    assert accounting.upload_s is not None
    # A record of a version that did not know of it is read as well.
    old = json.loads(record.model_dump_json())
    del old["accounting"]
    assert Record.model_validate(old).accounting.vcpus is None


@pytest.mark.parametrize(
    ("vendor", "product", "expected"),
    [
        ("Amazon EC2\n", "c6id.8xlarge\n", "c6id.8xlarge"),
        ("Xen\n", "HVM domU\n", ""),
        (None, None, ""),
    ],
)
def test_the_machine_is_named_on_ec2_only(
    tmp_path: Path, vendor: str | None, product: str | None, expected: str
) -> None:
    if vendor is not None and product is not None:
        (tmp_path / "sys_vendor").write_text(vendor)
        (tmp_path / "product_name").write_text(product)
    assert machine_type(str(tmp_path)) == expected
