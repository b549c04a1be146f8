"""Steps in one job on AWS Batch: where the job goes on after a lost machine, a lack of memory, or a dead host."""

import shutil
from collections.abc import Callable, Collection
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.backend import Outcome, State, Stream, Submission
from bioinfo_assets.launch.batch import dispatch, poller, preparation
from bioinfo_assets.launch.batch.attempt_report import AttemptReport
from bioinfo_assets.launch.batch.job_parts import done_report, joinable
from bioinfo_assets.launch.job import Input, Job, JobOptions, Output, Resources, StoredFile
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.batch import batch_backend as batch_backend_module
from bioinfo_assets_tests.launch.batch.batch_backend import (
    OPTIONS,
    BackendWithOptions,
    batch_backend,
    interrupted,
    wait_for_running,
)
from bioinfo_assets_tests.launch.contract import report_of, wait_for_end
from bioinfo_assets_tests.launch.fused_contract import COUNTS, REPEATS, WRITES, made, only_for
from bioinfo_assets_tests.simulator import BatchSimulator, OutOfMemory, SpotReclaim
from bioinfo_assets_tests.waiting import wait_until

FINGERPRINT = "0123456789abcdef" * 4


@pytest.fixture
def starts(tmp_path: Path) -> Path:
    """A file in which each start of a script is a line."""
    return tmp_path / "starts"


@pytest.fixture
def counted(starts: Path) -> Callable[[Job], Job]:
    """Have a job note that it starts."""
    return lambda job: replace(job, script=f"echo {job.key.asset} >>{starts}; {job.script}")


@pytest.fixture
def tool_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in which each look at the disk's free space, and each series of downloads, is a line."""
    calls, folder = tmp_path / "calls", tmp_path / "wrappers"
    folder.mkdir()
    for tool, condition, name in (("df", "true", "df"), ("s5cmd", '[[ " $* " == *" run "* ]]', "s5cmd-run")):
        real = shutil.which(tool, path=batch_backend_module.PATH)
        wrapper = folder / tool
        wrapper.write_text(f'#!/bin/bash\nif {condition}; then echo {name} >>{calls}; fi\nexec {real} "$@"\n')
        wrapper.chmod(0o755)
    monkeypatch.setattr(batch_backend_module, "PATH", f"{folder}:{batch_backend_module.PATH}")
    return calls


def ids(submission: Submission) -> list[str]:
    return [submission.job_id, *(follower.job_id for follower in submission.followers)]


@pytest.fixture
def cut_off(tmp_path: Path) -> Callable[[Job], Job]:
    """Have a job's first attempt wait until a fault ends it."""
    return lambda job: interrupted(job, tmp_path / f"{job.key.asset}.begun")


def slow(job: Job, seconds: float) -> Job:
    return replace(job, script=f"echo begun; sleep {seconds}; {job.script}")


class TestLostMachine:
    def test_the_job_goes_on_at_the_part_that_was_interrupted(
        self,
        simulator: BatchSimulator,
        backend: BackendWithOptions,
        counted: Callable[[Job], Job],
        starts: Path,
        cut_off: Callable[[Job], Job],
    ) -> None:
        simulator.inject(SpotReclaim(attempt=1, after_line="begun"))
        submission = backend.submit(counted(WRITES), followers=[counted(cut_off(REPEATS)), counted(COUNTS)])
        writes, repeats, counts = (report_of(wait_for_end(backend, job_id)) for job_id in ids(submission))
        assert starts.read_text().split() == ["writes", "repeats", "repeats", "counts"]
        assert Store().read_bytes(counts.files[0].path) == b"18\n"
        assert [report.attempts for report in (writes, repeats, counts)] == [1, 2, 1]
        assert simulator.count("SubmitJob") == 1
        # What the second attempt needs of the first is fetched once: the word, by the first part that it runs.
        assert [report.accounting.fetched_bytes for report in (writes, repeats, counts)] == [0, len(b"hello\n"), 0]

    def test_another_attempt_reserves_its_disk_before_it_downloads_what_the_earlier_one_made(
        self, tool_calls: Path, simulator: BatchSimulator, backend: BackendWithOptions, cut_off: Callable[[Job], Job]
    ) -> None:
        simulator.inject(SpotReclaim(attempt=1, after_line="begun"))
        submission = backend.submit(WRITES, followers=[cut_off(REPEATS)])
        assert wait_for_end(backend, ids(submission)[1]).state is State.SUCCEEDED
        assert tool_calls.read_text().split() == ["df", "df", "s5cmd-run"]

    def test_one_that_is_interrupted_in_every_attempt_fails_and_those_before_it_stay(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(SpotReclaim(after_line="begun"))
        submission = backend.submit(WRITES, followers=[slow(REPEATS, 100), COUNTS])
        writes, repeats, counts = (wait_for_end(backend, job_id) for job_id in ids(submission))
        assert Store().read_bytes(report_of(writes).files[0].path) == b"hello\n"
        assert (repeats.state, repeats.outcome) == (State.FAILED, Outcome.RECLAIMED)
        assert repeats.reason.startswith("step repeats of expt lost its machine in 3 attempts")
        assert counts.state is State.CANCELLED

    def test_a_machine_that_is_lost_after_the_last_part_costs_nothing(
        self, simulator: BatchSimulator, backend: BackendWithOptions, counted: Callable[[Job], Job], starts: Path
    ) -> None:
        simulator.inject(SpotReclaim(attempt=1, after_line="ended with exit code 0"))
        submission = backend.submit(counted(WRITES), followers=[counted(REPEATS)])
        assert [wait_for_end(backend, job_id).state for job_id in ids(submission)] == [State.SUCCEEDED] * 2
        assert starts.read_text().split() == ["writes", "repeats"]


class TestOutputsThatAreNotPublished:
    def test_they_are_not_uploaded(self, backend: BackendWithOptions, scratch: str) -> None:
        jobs = [only_for(WRITES, "repeats", "counts"), only_for(REPEATS, "counts"), COUNTS]
        submission = backend.submit(jobs[0], followers=jobs[1:])
        reports = [report_of(wait_for_end(backend, job_id)) for job_id in ids(submission)]
        assert [report.accounting.uploaded_bytes for report in reports] == [0, 0, len(b"18\n")]
        files = Store().list(f"{scratch}/jobs", recursive=True)
        assert [uri.rpartition("/")[2] for uri in files if "/work/" in uri] == ["length.txt"]

    @pytest.mark.parametrize(
        ("unpublished", "expected"),
        [
            ((), "writes repeats counts counts"),
            (("twice",), "writes repeats counts repeats counts"),
            (("word",), "writes repeats counts writes repeats counts"),
            (("word", "twice"), "writes repeats counts writes repeats counts"),
        ],
    )
    def test_another_attempt_goes_on_at_the_part_that_makes_them(
        self,
        simulator: BatchSimulator,
        backend: BackendWithOptions,
        counted: Callable[[Job], Job],
        starts: Path,
        unpublished: Collection[str],
        expected: str,
        cut_off: Callable[[Job], Job],
    ) -> None:
        simulator.inject(SpotReclaim(attempt=1, after_line="begun"))
        writes = only_for(WRITES, "repeats", "counts") if "word" in unpublished else WRITES
        repeats = only_for(REPEATS, "counts") if "twice" in unpublished else REPEATS
        submission = backend.submit(counted(writes), followers=[counted(repeats), counted(cut_off(COUNTS))])
        counts = report_of(wait_for_end(backend, ids(submission)[2]))
        assert starts.read_text().split() == expected.split()
        assert Store().read_bytes(counts.files[0].path) == b"18\n"

    def test_the_part_that_was_interrupted_has_lost_the_time(
        self, simulator: BatchSimulator, backend: BackendWithOptions, cut_off: Callable[[Job], Job]
    ) -> None:
        simulator.inject(SpotReclaim(attempt=1, after_line="begun"))
        submission = backend.submit(WRITES, followers=[cut_off(REPEATS), COUNTS])
        reports = [report_of(wait_for_end(backend, job_id)) for job_id in ids(submission)]
        assert [report.attempts for report in reports] == [1, 2, 1]
        (interrupted, _) = simulator.job_details()[0]["attempts"]
        before, lost, after = (report.accounting.retried_s for report in reports)
        assert (before, after) == (0, 0)
        assert lost is not None
        assert 0 < lost < (interrupted["stoppedAt"] - interrupted["startedAt"]) / 1000

    def test_a_part_that_ran_out_of_memory_has_them_made_again(
        self,
        simulator: BatchSimulator,
        backend: BackendWithOptions,
        counted: Callable[[Job], Job],
        starts: Path,
        cut_off: Callable[[Job], Job],
    ) -> None:
        simulator.inject(OutOfMemory(after_line="begun", below_mib=1200))
        writes = replace(counted(only_for(WRITES, "repeats")), resources=Resources(1, 700))
        submission = backend.submit(writes, FINGERPRINT, followers=[counted(cut_off(REPEATS))])
        repeats = report_of(wait_for_end(backend, ids(submission)[1]))
        assert starts.read_text().split() == ["writes", "repeats", "writes", "repeats"]
        assert (repeats.files[0].size, repeats.accounting.memory_mib) == (12, 2048)

    @pytest.mark.usefixtures("simulator")
    def test_a_later_run_takes_over_a_part_that_reads_them(
        self, scratch: str, counted: Callable[[Job], Job], starts: Path
    ) -> None:
        jobs = [counted(only_for(WRITES, "repeats")), counted(slow(REPEATS, 1.0))]
        with batch_backend(scratch) as first, batch_backend(scratch, "run-2") as second:
            own = first.submit(jobs[0], "a" * 64, followers=jobs[1:])
            assert wait_for_end(first, own.job_id).state is State.SUCCEEDED
            first.identify(own.followers[0].job_id, FINGERPRINT)
            first.close(leave_jobs=True)
            assert second.can_adopt(FINGERPRINT)
            taken = second.submit(reading_released(jobs[1]), FINGERPRINT)
            assert report_of(wait_for_end(second, taken.job_id)).files[0].size == 12
        assert starts.read_text().split() == ["writes", "repeats"]

    def test_a_job_that_reads_them_cannot_be_submitted_by_itself(self, backend: BackendWithOptions) -> None:
        assert not backend.can_adopt(FINGERPRINT)
        status = wait_for_end(backend, backend.submit(reading_released(REPEATS), FINGERPRINT).job_id)
        assert (status.state, status.reason) == (
            State.FAILED,
            "/results/expt/expt.word.txt was not published: start the run again, which makes it again",
        )
        assert not backend.can_adopt(FINGERPRINT)


def reading_released(job: Job) -> Job:
    """The job of a run that knows its inputs from their records: they were not published."""
    inputs = (replace(item, file=replace(item.file, size=6, is_released=True)) for item in job.inputs)
    return replace(job, inputs=tuple(inputs))


def test_a_part_that_ran_out_of_memory_has_more_in_another_submission(
    simulator: BatchSimulator,
    backend: BackendWithOptions,
    counted: Callable[[Job], Job],
    starts: Path,
    cut_off: Callable[[Job], Job],
) -> None:
    simulator.inject(OutOfMemory(after_line="begun", below_mib=1200))
    first = replace(counted(WRITES), resources=Resources(1, 700))
    submission = backend.submit(first, followers=[counted(cut_off(REPEATS)), counted(COUNTS)])
    writes, repeats, counts = (report_of(wait_for_end(backend, job_id)) for job_id in ids(submission))
    assert starts.read_text().split() == ["writes", "repeats", "repeats", "counts"]
    assert [report.accounting.memory_mib for report in (writes, repeats, counts)] == [1024, 2048, 2048]
    assert Store().read_bytes(counts.files[0].path) == b"18\n"
    assert simulator.count("SubmitJob") == 2


def test_what_an_earlier_part_made_is_read_by_a_later_one_after_an_interruption(
    simulator: BatchSimulator,
    backend: BackendWithOptions,
    counted: Callable[[Job], Job],
    starts: Path,
    cut_off: Callable[[Job], Job],
) -> None:
    simulator.inject(SpotReclaim(attempt=1, after_line="begun"))
    submission = backend.submit(counted(WRITES), followers=[counted(REPEATS), counted(cut_off(COUNTS))])
    counts = report_of(wait_for_end(backend, ids(submission)[2]))
    assert starts.read_text().split() == ["writes", "repeats", "counts", "counts"]
    assert Store().read_bytes(counts.files[0].path) == b"18\n"
    assert counts.accounting.fetched_bytes == len(b"hello\n") + len(b"hello\nhello\n")


def test_a_later_run_takes_over_all_parts(
    simulator: BatchSimulator, scratch: str, counted: Callable[[Job], Job], starts: Path
) -> None:
    jobs = [counted(slow(WRITES, 1.0)), counted(REPEATS)]
    with batch_backend(scratch) as first, batch_backend(scratch, "run-2") as second:
        own = first.submit(jobs[0], FINGERPRINT, followers=jobs[1:])
        wait_for_running(first, own.job_id)
        first.close(leave_jobs=True)
        taken = second.submit(jobs[0], FINGERPRINT, followers=jobs[1:])
        assert [wait_for_end(second, job_id).state for job_id in ids(taken)] == [State.SUCCEEDED] * 2
    assert starts.read_text().split() == ["writes", "repeats"]
    assert simulator.count("SubmitJob") == 1


def test_a_job_with_other_followers_is_not_taken_over(
    simulator: BatchSimulator,
    scratch: str,
    counted: Callable[[Job], Job],
    starts: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may be another run's, so its end is waited for, and then for a while the publication of what it made."""
    monkeypatch.setattr(preparation, "PUBLICATION_TIMEOUT_S", 1.0)
    job = counted(slow(WRITES, 1.0))
    with batch_backend(scratch) as first, batch_backend(scratch, "run-2") as second:
        wait_for_running(first, first.submit(job, FINGERPRINT).job_id)
        first.close(leave_jobs=True)
        taken = second.submit(job, FINGERPRINT, followers=[counted(REPEATS)])
        assert [wait_for_end(second, job_id).state for job_id in ids(taken)] == [State.SUCCEEDED] * 2
    assert starts.read_text().split() == ["writes", "writes", "repeats"]
    ended, begun = (
        details["stoppedAt" if number == 0 else "startedAt"] for number, details in enumerate(simulator.job_details())
    )
    assert ended <= begun


def test_a_result_that_a_job_with_other_followers_has_published_is_not_computed_again(
    simulator: BatchSimulator, scratch: str, counted: Callable[[Job], Job], starts: Path
) -> None:
    job = counted(slow(WRITES, 1.0))
    with batch_backend(scratch) as first, batch_backend(scratch, "run-2") as second:
        own = first.submit(job, FINGERPRINT, followers=[slow(REPEATS, 100)])
        wait_for_running(first, own.job_id)
        published: list[bool] = []
        other = second.submit(job, FINGERPRINT, lambda: bool(published))
        assert wait_for_end(first, own.job_id).state is State.SUCCEEDED
        published.append(True)
        status = wait_for_end(second, other.job_id)
        assert (status.state, status.reason) == (State.CANCELLED, "another run has published its result")
    assert starts.read_text().split() == ["writes"]


def test_what_a_job_with_other_followers_has_made_is_not_computed_again_before_its_run_can_publish_it(
    simulator: BatchSimulator,
    scratch: str,
    counted: Callable[[Job], Job],
    starts: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(preparation, "FIRST_PAUSE_S", 0.1)
    published: list[bool] = []
    with batch_backend(scratch) as first, batch_backend(scratch, "run-2") as second:
        own = first.submit(counted(WRITES), FINGERPRINT)
        assert wait_for_end(first, own.job_id).state is State.SUCCEEDED
        questions: list[bool] = []

        def is_published() -> bool:
            questions.append(bool(published))
            return bool(published)

        other = second.submit(counted(WRITES), FINGERPRINT, is_published, followers=[counted(REPEATS)])
        wait_until(lambda: len(questions) >= 2)
        published.append(True)
        status = wait_for_end(second, other.job_id)
        assert (status.state, status.reason) == (State.CANCELLED, "another run has published its result")
    assert starts.read_text().split() == ["writes"]


def test_a_job_with_other_followers_is_asked_for_less_and_less_often(
    simulator: BatchSimulator, scratch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "POSTPONED_S", 0.05)
    monkeypatch.setattr(preparation, "FIRST_PAUSE_S", 0.5)
    with batch_backend(scratch) as first, batch_backend(scratch, "run-2") as second:
        wait_for_running(first, first.submit(slow(WRITES, 100), FINGERPRINT).job_id)
        first.close(leave_jobs=True)
        before = simulator.count("DescribeJobs")
        second.submit(slow(WRITES, 100), FINGERPRINT, followers=[REPEATS])
        wait_until(lambda: simulator.count("DescribeJobs") >= before + 4)
    times = [request.at for request in simulator.requests if request.action == "DescribeJobs"][before : before + 4]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert all(pause >= at_least for pause, at_least in zip(pauses, (0.5, 1, 2), strict=True))


def test_a_later_run_takes_over_the_parts_that_were_not_published(
    simulator: BatchSimulator, scratch: str, counted: Callable[[Job], Job], starts: Path
) -> None:
    jobs = [counted(WRITES), counted(slow(REPEATS, 1.0)), counted(COUNTS)]
    with batch_backend(scratch) as first, batch_backend(scratch, "run-2") as second:
        own = first.submit(jobs[0], "a" * 64, followers=jobs[1:])
        assert wait_for_end(first, own.job_id).state is State.SUCCEEDED
        first.identify(own.followers[0].job_id, FINGERPRINT)
        first.discard(own.job_id)
        first.close(leave_jobs=True)
        taken = second.submit(jobs[1], FINGERPRINT, followers=jobs[2:])
        repeats, counts = (report_of(wait_for_end(second, job_id)) for job_id in ids(taken))
        assert second.read_log(taken.job_id, Stream.STDOUT, 0) == b"begun\nrepeated\n"
        assert Store().read_bytes(counts.files[0].path) == b"18\n"
        assert repeats.accounting.queued_s == 0
    assert starts.read_text().split() == ["writes", "repeats", "counts"]
    assert simulator.count("SubmitJob") == 1


def test_a_part_that_was_taken_over_has_more_memory_in_another_submission(
    simulator: BatchSimulator, scratch: str, counted: Callable[[Job], Job], starts: Path, cut_off: Callable[[Job], Job]
) -> None:
    simulator.inject(OutOfMemory(after_line="begun", below_mib=1200))
    gate = starts.with_suffix(".go")
    begins = cut_off(REPEATS)
    waits = replace(REPEATS, script=f"until [[ -e {gate} ]]; do sleep 0.02; done; {begins.script}")
    jobs = [counted(WRITES), counted(waits)]
    with batch_backend(scratch) as first, batch_backend(scratch, "run-2") as second:
        own = first.submit(jobs[0], "a" * 64, followers=jobs[1:])
        published = report_of(wait_for_end(first, own.job_id)).files[0]
        Store().copy(published.path, f"{scratch}/results/word.txt")
        first.identify(own.followers[0].job_id, FINGERPRINT)
        first.close(leave_jobs=True)
        source = Input("word.txt", StoredFile(f"{scratch}/results/word.txt", published.size, published.content))
        taken = second.submit(replace(jobs[1], inputs=(source,)), FINGERPRINT)
        wait_for_running(second, taken.job_id)
        gate.touch()
        repeats = report_of(wait_for_end(second, taken.job_id))
        assert (repeats.files[0].size, repeats.accounting.memory_mib) == (12, 2048)
    assert starts.read_text().split() == ["writes", "repeats", "repeats"]


def test_a_job_whose_first_result_is_published_is_submitted_again_for_the_others(
    simulator: BatchSimulator,
    backend: BackendWithOptions,
    counted: Callable[[Job], Job],
    starts: Path,
    cut_off: Callable[[Job], Job],
) -> None:
    simulator.inject(OutOfMemory(after_line="begun", below_mib=1200))
    published: list[bool] = []
    jobs = [counted(WRITES), counted(cut_off(REPEATS))]
    submission = backend.submit(jobs[0], FINGERPRINT, lambda: bool(published), jobs[1:])
    assert wait_for_end(backend, submission.job_id).state is State.SUCCEEDED
    published.append(True)
    assert wait_for_end(backend, ids(submission)[1]).state is State.SUCCEEDED
    assert starts.read_text().split() == ["writes", "repeats", "repeats"]


def test_scratch_is_empty_when_all_parts_are_discarded(backend: BackendWithOptions, scratch: str) -> None:
    submission = backend.submit(WRITES, FINGERPRINT, followers=[REPEATS, COUNTS])
    for job_id in ids(submission):
        assert wait_for_end(backend, job_id).state is State.SUCCEEDED
    for job_id in ids(submission)[:2]:
        backend.discard(job_id)
    assert Store().list(f"{scratch}/jobs", recursive=True)  # another attempt would need them
    backend.discard(ids(submission)[2])
    assert Store().list(f"{scratch}/jobs", recursive=True) == ()
    assert Store().list(f"{scratch}/parts", recursive=True) == ()
    assert Store().list(f"{scratch}/claims", recursive=True) == ()


def test_similar_jobs_with_followers_are_an_array(simulator: BatchSimulator, backend: BackendWithOptions) -> None:
    submissions = []
    for number in range(5):
        word = Output("word", "word.txt", f"/results/s{number}/word.txt")
        writes = replace(WRITES, key=ResultKey("writes", f"s{number}"), outputs=(word,))
        repeats = replace(REPEATS, key=ResultKey("repeats", f"s{number}"), inputs=(made(word),))
        submissions.append(backend.submit(writes, followers=[repeats]))
    assert {wait_for_end(backend, job_id).state for own in submissions for job_id in ids(own)} == {State.SUCCEEDED}
    assert [payload["arrayProperties"]["size"] for payload in simulator.payloads("SubmitJob")] == [5]


def test_a_report_of_a_part_that_cannot_be_read_leaves_other_jobs_alone(
    backend: BackendWithOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreadable = "writes-bad"

    def read(store: Store, marks: str, part: int) -> AttemptReport | None:
        if unreadable and unreadable in marks:
            raise InputError("access to the report is denied")
        return done_report(store, marks, part)

    monkeypatch.setattr(poller, "done_report", read)
    waits = replace(REPEATS, script=f"until [[ -e {tmp_path}/go ]]; do sleep 0.05; done; {REPEATS.script}")
    bad = backend.submit(replace(WRITES, key=ResultKey("writes", "bad")), followers=[waits])
    good = backend.submit(WRITES, followers=[REPEATS])
    assert [wait_for_end(backend, job_id).state for job_id in ids(good)] == [State.SUCCEEDED] * 2
    unreadable = ""
    (tmp_path / "go").touch()
    assert [wait_for_end(backend, job_id).state for job_id in ids(bad)] == [State.SUCCEEDED] * 2


def test_steps_of_another_image_or_queue_are_not_joined() -> None:
    first, same, other = (
        replace(job, options=OPTIONS.then(options))
        for job, options in [
            (WRITES, JobOptions(timeout_s=60)),
            (REPEATS, JobOptions(memory_mib=4096, retries=5)),
            (COUNTS, JobOptions(image="other:1")),
        ]
    )
    assert joinable(first, [same, other]) == (same,)
    assert joinable(first, [replace(same, options=OPTIONS.then(JobOptions(queue="on-demand")))]) == ()
