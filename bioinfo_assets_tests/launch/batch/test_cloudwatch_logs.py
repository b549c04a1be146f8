"""Logs in CloudWatch, while they are written and afterwards."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bioinfo_assets.launch.backend import Stream
from bioinfo_assets.launch.batch import cloudwatch_logs as module
from bioinfo_assets.launch.batch.cloudwatch_logs import CloudWatchLogs
from bioinfo_assets_tests.launch.batch.batch_backend import (
    BackendWithOptions,
    run_job,
    until_interrupted,
    wait_for_running,
)
from bioinfo_assets_tests.launch.contract import job, wait_for_end
from bioinfo_assets_tests.simulator import (
    BatchSimulator,
    Delays,
    Denied,
    EmptyPage,
    ErrorAnswer,
    SlowAnswer,
    SpotReclaim,
)
from bioinfo_assets_tests.waiting import wait_until


def read(backend: BackendWithOptions, job_id: str) -> bytes:
    return backend.read_log(job_id, Stream.STDOUT, 0)


def test_late_lines_are_waited_for_at_the_end(simulator: BatchSimulator, backend: BackendWithOptions) -> None:
    simulator.delays = Delays(logged_s=0.6)
    job_id = backend.submit(job("prints", "echo a; echo b")).job_id
    wait_for_end(backend, job_id)
    assert read(backend, job_id) == b"a\nb\n"


def test_a_slow_answer_does_not_use_up_the_wait_for_late_lines(
    simulator: BatchSimulator, backend: BackendWithOptions
) -> None:
    simulator.delays = Delays(logged_s=1.0)
    simulator.inject(SlowAnswer(action="GetLogEvents", seconds=2.5))
    job_id = backend.submit(job("prints", "echo a")).job_id
    wait_for_end(backend, job_id)
    assert read(backend, job_id) == b"a\n"


def test_an_empty_page_is_not_the_end(simulator: BatchSimulator, backend: BackendWithOptions) -> None:
    simulator.inject(EmptyPage(times=3))
    job_id = backend.submit(job("prints", "echo a; echo b")).job_id
    wait_for_end(backend, job_id)
    assert read(backend, job_id) == b"a\nb\n"


def test_a_log_that_cannot_be_read_does_not_end_the_job(simulator: BatchSimulator, backend: BackendWithOptions) -> None:
    simulator.inject(ErrorAnswer(action="GetLogEvents", status=403, code="AccessDeniedException", times=1000))
    job_id = backend.submit(job("prints")).job_id
    wait_for_end(backend, job_id)
    assert read(backend, job_id) == b""


def test_the_lines_of_the_next_attempt_follow_those_of_the_first(
    simulator: BatchSimulator, backend: BackendWithOptions, tmp_path: Path
) -> None:
    simulator.inject(SpotReclaim(attempt=1, after_line="one", after_s=0.4))
    begins = until_interrupted('echo "one $RANDOM"', tmp_path / "begun")
    job_id = backend.submit(job("prints", f"{begins}; echo two")).job_id
    wait_until(lambda: read(backend, job_id).startswith(b"one"))
    wait_for_end(backend, job_id)
    assert [line.split()[0] for line in read(backend, job_id).splitlines()] == [b"one", b"one", b"two"]


def test_the_part_of_a_long_log_that_was_read_is_dropped(
    simulator: BatchSimulator, backend: BackendWithOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BUFFERED_BYTES", 1000)
    job_id = backend.submit(job("prints", "for i in {1..500}; do echo 'a line of text'; done")).job_id
    wait_for_end(backend, job_id)
    assert len(read(backend, job_id)) == 7500
    assert len(backend.read_log(job_id, Stream.STDOUT, 7000)) == 500
    followed = backend._logs._followed[job_id]
    assert len(followed.text[Stream.STDOUT]) == 500
    assert len(backend.read_log(job_id, Stream.STDOUT, 7490)) == 10


def test_only_a_limited_number_of_jobs_is_followed(simulator: BatchSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FOLLOWED_JOBS", 1)
    logs = CloudWatchLogs("/aws/batch/job")
    assert logs.read("one", "", Stream.STDOUT, 0, is_over=False) == b""
    logs.read("two", "stream-2", Stream.STDOUT, 0, is_over=False)
    assert simulator.count("GetLogEvents") == 0
    logs.forget("one")
    logs.read("two", "stream-2", Stream.STDOUT, 0, is_over=False)
    assert simulator.count("GetLogEvents") == 1
    logs.close()


def test_of_jobs_that_end_together_only_as_many_logs_are_read_as_cloudwatch_allows(simulator: BatchSimulator) -> None:
    """Ten results a second, and no more, could be published otherwise."""
    logs = CloudWatchLogs("/aws/batch/job", max_lateness_s=0)
    with ThreadPoolExecutor(40) as pool:
        began = time.monotonic()
        list(pool.map(lambda job: logs.read(f"job{job}", "none", Stream.STDOUT, 0, is_over=True), range(400)))
        took_s = time.monotonic() - began
    logs.close()
    assert 0 < simulator.count("GetLogEvents") < 200
    assert took_s < 30  # 240 s with six reads of each, ten a second


def test_a_log_that_is_left_out_is_left_out_whole(simulator: BatchSimulator, backend: BackendWithOptions) -> None:
    job_id = backend.submit(job("prints", "echo a; echo b >&2")).job_id
    wait_for_end(backend, job_id)
    stream, logs = backend._jobs[job_id].state.log_stream, CloudWatchLogs("/aws/batch/job")
    logs._next_turn = time.monotonic() + 100
    assert logs.read(job_id, stream, Stream.STDOUT, 0, is_over=True) == b""
    logs._next_turn = 0
    assert logs.read(job_id, stream, Stream.STDERR, 0, is_over=True) == b""
    logs.forget(job_id)
    assert logs.read(job_id, stream, Stream.STDERR, 0, is_over=True) == b"b\n"
    logs.close()


def test_many_reads_in_a_row_are_few_requests(simulator: BatchSimulator, backend: BackendWithOptions) -> None:
    job_id = backend.submit(job("sleeps", "echo a; sleep 100")).job_id
    wait_for_running(backend, job_id)
    wait_until(lambda: read(backend, job_id))
    backend._logs._min_interval_s = 60
    before = simulator.count("GetLogEvents")
    for _ in range(30):
        read(backend, job_id)
    assert simulator.count("GetLogEvents") - before <= 4


def test_after_the_last_line_there_are_no_further_requests(
    simulator: BatchSimulator, backend: BackendWithOptions
) -> None:
    job_id = backend.submit(job("prints", "echo a")).job_id
    wait_for_end(backend, job_id)
    assert read(backend, job_id) == b"a\n"
    assert simulator.count("GetLogEvents") == 1


def test_the_reason_of_a_failure_has_the_last_line_of_stderr(backend: BackendWithOptions) -> None:
    assert "exit code 3: the aligner found no index" in run_job(backend, job("breaks")).reason


def test_no_line_is_repeated_after_a_read_that_fails_between_two_pages(
    simulator: BatchSimulator, backend: BackendWithOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_READS_PER_SECOND", 1000)
    job_id = backend.submit(job("prints", "echo a; sleep 100")).job_id
    wait_for_running(backend, job_id)
    stream, others = backend._jobs[job_id].state.log_stream, CloudWatchLogs("/aws/batch/job", min_interval_s=0)
    wait_until(lambda: others.read("another", stream, Stream.STDOUT, 0, is_over=False))
    simulator.inject(Denied(action="GetLogEvents", after=1))
    for _ in range(3):
        assert others.read(job_id, stream, Stream.STDOUT, 0, is_over=False) == b"a\n"
    others.close()
