"""What a job on AWS Batch asked for, waited for and moved: by Batch's times, and from real jobs of the simulator."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from bioinfo_assets.launch.accounting import Accounting
from bioinfo_assets.launch.backend import State
from bioinfo_assets.launch.batch.attempt_report import Transfer, _transfer
from bioinfo_assets.launch.batch.job_accounting import NO_TIMES, JobTimes, PartTimes, accounting_of, times_of
from bioinfo_assets.launch.job import Input, Job, JobOptions, Resources, StoredFile
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.batch.batch_backend import BackendWithOptions, batch_backend, interrupted, run_job
from bioinfo_assets_tests.launch.contract import TEXT, job, report_of, sha256, wait_for_end
from bioinfo_assets_tests.simulator import BatchSimulator, Delays, OutOfMemory, SpotReclaim

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

ASKS = job("greets", resources=Resources(2, 900, 77), options=JobOptions(queue="default"))


def detail(*attempts: tuple[int, int] | None, **more: Any) -> "JobDetailTypeDef":
    """A job created at 100 s, with the times of its attempts in seconds; None for one that was never started."""
    described = {
        "createdAt": 100_000,
        "attempts": [
            {} if item is None else {"startedAt": 1000 * item[0], "stoppedAt": 1000 * item[1]} for item in attempts
        ],
        **more,
    }
    return cast("JobDetailTypeDef", described)


def waited_and_lost(accounting: Accounting) -> tuple[float | None, float | None]:
    return accounting.queued_s, accounting.retried_s


def ran(start: float, end: float, previous_end: float | None = None, *, is_last: bool = True) -> PartTimes:
    return PartTimes(start, end, previous_end, is_last)


def test_a_job_waits_from_its_creation_to_its_start() -> None:
    assert waited_and_lost(accounting_of(ASKS, detail((130, 190)), 1, NO_TIMES, ran(135, 180))) == (30, 0)


def test_the_time_of_a_lost_attempt_is_no_time_in_the_queue() -> None:
    # It waited from 100 to 130 and from 150 to 160.
    assert waited_and_lost(accounting_of(ASKS, detail((130, 150), (160, 190)), 2, NO_TIMES, ran(165, 180))) == (40, 20)


def test_the_outputs_may_be_of_an_earlier_attempt() -> None:
    assert waited_and_lost(accounting_of(ASKS, detail((130, 150), (160, 190)), 1, NO_TIMES, ran(135, 149))) == (30, 30)


def test_an_attempt_that_was_never_started_has_no_time() -> None:
    assert waited_and_lost(accounting_of(ASKS, detail(None, (160, 190)), 2, NO_TIMES, ran(165, 180))) == (60, 0)


def test_of_fused_steps_the_one_that_was_interrupted_has_lost_the_time() -> None:
    """The first was done at 120, and the second ran from then until its machine was lost, and again in attempt 3."""
    attempts = detail((110, 150), (160, 170), (180, 300))
    first = ran(112, 119, is_last=False)
    second, third = ran(185, 250, previous_end=120, is_last=False), ran(260, 290, previous_end=255)
    parts = ((1, first), (3, second), (3, third))
    accountings = [accounting_of(ASKS, attempts, attempt, NO_TIMES, part) for attempt, part in parts]
    assert [waited_and_lost(accounting) for accounting in accountings] == [(10, 0), (0, 30 + 10), (0, 0)]


def test_earlier_submissions_count() -> None:
    earlier = times_of(detail((110, 117))).plus(times_of(detail((105, 108))))
    assert earlier == JobTimes(15, ((110, 117), (105, 108)))
    assert waited_and_lost(accounting_of(ASKS, detail((130, 190)), 1, earlier, ran(135, 180))) == (45, 10)


def test_a_job_that_batch_has_forgotten_has_no_time_in_the_queue() -> None:
    forgotten = cast("JobDetailTypeDef", {"jobId": "x"})
    accounting = accounting_of(ASKS, forgotten, 1, NO_TIMES, ran(135, 180))
    assert accounting.queued_s is None
    assert (accounting.vcpus, accounting.memory_mib, accounting.disk_mib) == (2, 900, 77)


def test_a_job_has_what_batch_gave_it() -> None:
    arn = "arn:aws:batch:us-east-1:123456789012:job-queue/spot"
    given = [{"type": "VCPU", "value": "4"}, {"type": "MEMORY", "value": "1800"}]
    described = detail((130, 190), jobQueue=arn, container={"resourceRequirements": given})
    accounting = accounting_of(ASKS, described, 1, NO_TIMES, ran(135, 180))
    assert (accounting.queue, accounting.vcpus, accounting.memory_mib) == ("spot", 4, 1800)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fetched_bytes\t5\nfetched_bytes\t7\nstaging_ms\t1500\n", Transfer(1.5, 12)),
        ("staging_ms\t1500\nupload_ms\t20\nuploaded_bytes\t9000000000\n", Transfer(1.5, 0, 0.02, 9_000_000_000)),
        ("staging_ms\t15\nupload_ms", Transfer(0.015, 0)),  # the disk was full
        ("", Transfer()),
    ],
)
def test_the_drivers_figures_are_added(tmp_path: Path, text: str, expected: Transfer) -> None:
    (tmp_path / "transfer.tsv").write_text(text)
    assert _transfer(tmp_path / "transfer.tsv") == expected


class TestRealJobs:
    """Jobs of the simulator, whose inputs and outputs move through moto's S3."""

    def reading(self, s3: str) -> Job:
        own, shared = f"{s3}/in/own", f"{s3}/in/shared"
        inputs = []
        for uri, local, data in ((own, "own", b"o" * 5000), (shared, "shared", b"s" * 70_000)):
            Store().write_bytes(uri, data)
            file = StoredFile(uri, len(data), f"sha256:{sha256(data)}", sha256=sha256(data))
            inputs.append(Input(local, file, shared=local == "shared"))
        script = "cat own shared >greeting.txt"
        return job("copies", script, inputs=tuple(inputs), outputs=(TEXT,), resources=Resources(2, 700, 64))

    def test_what_was_moved_is_reported(self, simulator: BatchSimulator, scratch: str, s3: str, tmp_path: Path) -> None:
        simulator.delays = Delays(runnable_s=0.5)
        disk = tmp_path / "disk"
        disk.mkdir()
        with batch_backend(scratch, disk=str(disk)) as backend:
            first, second = (report_of(run_job(backend, self.reading(s3))).accounting for _ in range(2))
        assert (first.fetched_bytes, first.uploaded_bytes) == (75_000, 75_000)
        assert (second.fetched_bytes, second.uploaded_bytes) == (5000, 75_000)  # the machine has the shared file
        assert (first.vcpus, first.memory_mib, first.disk_mib, first.queue) == (2, 700, 64, "default")
        for figure in (first.staging_s, first.upload_s):
            assert figure is not None
            assert 0 < figure < 30
        described = simulator.job_details()[0]
        assert first.queued_s == pytest.approx((described["startedAt"] - described["createdAt"]) / 1000)
        assert first.queued_s is not None
        assert first.queued_s >= 0.5

    def test_the_time_of_a_reclaimed_attempt_is_counted(
        self, simulator: BatchSimulator, backend: BackendWithOptions, tmp_path: Path
    ) -> None:
        simulator.inject(SpotReclaim(attempt=1, after_line="begun"))
        asks = replace(ASKS, outputs=(TEXT,), resources=Resources())
        status = run_job(backend, interrupted(asks, tmp_path / "begun"))
        report = report_of(status)
        lost, good = simulator.job_details()[0]["attempts"]
        assert (status.state, report.attempts) == (State.SUCCEEDED, 2)
        assert report.accounting.retried_s == pytest.approx((lost["stoppedAt"] - lost["startedAt"]) / 1000, abs=1e-6)
        assert good["stoppedAt"] > good["startedAt"]

    def test_a_job_that_ran_out_of_memory_has_the_time_of_both_submissions(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(OutOfMemory(below_mib=800))
        greets = replace(ASKS, outputs=(TEXT,), resources=Resources(1, 500, 64))
        report = report_of(run_job(backend, greets))
        first, last = simulator.job_details()
        (lost,) = first["attempts"]
        assert (report.attempts, report.accounting.memory_mib) == (2, 1000)
        assert report.accounting.retried_s == pytest.approx((lost["stoppedAt"] - lost["startedAt"]) / 1000, abs=1e-6)
        waits = (item["startedAt"] - item["createdAt"] for item in (lost | {"createdAt": first["createdAt"]}, last))
        assert report.accounting.queued_s == pytest.approx(sum(waits) / 1000)

    def test_the_jobs_of_an_array_have_times_of_their_own(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        with backend.one_moment:
            ids = [backend.submit(job("greets", scope=f"expt{n}", outputs=(TEXT,))).job_id for n in range(6)]
        waited = [report_of(wait_for_end(backend, job_id)).accounting.queued_s for job_id in ids]
        assert simulator.count("SubmitJob") == 1
        assert all(seconds is not None and 0 <= seconds < 60 for seconds in waited)
