"""Logs in CloudWatch, while they are written and after."""

import pytest

from bioinfo_assets.launch.backend import Stream
from bioinfo_assets.launch.batch import cloudwatch_logs as module
from bioinfo_assets.launch.batch.cloudwatch_logs import CloudWatchLogs
from bioinfo_assets_tests.launch.batch.machines import ended, running, until
from bioinfo_assets_tests.launch.contract import job, wait_until
from bioinfo_assets_tests.simulator import Delays, Denied, EmptyPage, ErrorAnswer, SpotReclaim


def read(backend, job_id):
    return backend.read_log(job_id, Stream.STDOUT, 0)


def over(backend, job_id):
    return until(backend, job_id, lambda status: status.state.is_over)


def test_lines_that_come_late_are_waited_for_at_the_end(simulator, backend):
    simulator.delays = Delays(logged_s=0.6)
    job_id = backend.submit(job("prints", "echo a; echo b")).job_id
    over(backend, job_id)
    assert read(backend, job_id) == b"a\nb\n"


def test_an_empty_page_is_not_the_end(simulator, backend):
    simulator.inject(EmptyPage(times=3))
    job_id = backend.submit(job("prints", "echo a; echo b")).job_id
    over(backend, job_id)
    assert read(backend, job_id) == b"a\nb\n"


def test_a_log_that_cannot_be_read_ends_no_job(simulator, backend):
    simulator.inject(ErrorAnswer(action="GetLogEvents", status=403, code="AccessDeniedException", times=1000))
    job_id = backend.submit(job("prints")).job_id
    over(backend, job_id)
    assert read(backend, job_id) == b""


def test_the_next_attempts_lines_follow_those_of_the_first(simulator, backend):
    simulator.inject(SpotReclaim(attempt=1, after_line="one", after_s=0.4))
    job_id = backend.submit(job("prints", 'echo "one $RANDOM"; sleep 1; echo two')).job_id
    wait_until(lambda: read(backend, job_id), lambda text: text.startswith(b"one"))
    over(backend, job_id)
    assert [line.split()[0] for line in read(backend, job_id).splitlines()] == [b"one", b"one", b"two"]


def test_of_a_long_log_what_was_read_is_not_kept(simulator, backend, monkeypatch):
    monkeypatch.setattr(module, "KEPT", 1000)
    job_id = backend.submit(job("prints", "for i in {1..500}; do echo 'a line of text'; done")).job_id
    over(backend, job_id)
    assert len(read(backend, job_id)) == 7500
    assert len(backend.read_log(job_id, Stream.STDOUT, 7000)) == 500
    followed = backend._logs._followed[job_id]
    assert len(followed.text[Stream.STDOUT]) == 500
    assert len(backend.read_log(job_id, Stream.STDOUT, 7490)) == 10


def test_only_the_first_jobs_are_followed(simulator, monkeypatch):
    monkeypatch.setattr(module, "FOLLOWED", 1)
    logs = CloudWatchLogs("/aws/batch/job")
    assert logs.read("one", "", Stream.STDOUT, 0, is_over=False) == b""
    logs.read("two", "never asked for", Stream.STDOUT, 0, is_over=False)
    assert simulator.count("GetLogEvents") == 0
    logs.forget("one")
    logs.read("two", "asked for now", Stream.STDOUT, 0, is_over=False)
    assert simulator.count("GetLogEvents") == 1
    logs.close()


@pytest.mark.parametrize("count", [30])
def test_many_reads_in_a_row_are_few_requests(simulator, backend, count):
    job_id = backend.submit(job("sleeps", "echo a; sleep 100")).job_id
    running(backend, job_id)
    wait_until(lambda: read(backend, job_id), bool)
    before = simulator.count("GetLogEvents")
    for _ in range(count):
        read(backend, job_id)
    assert simulator.count("GetLogEvents") - before <= 4


def test_the_last_words_are_those_of_the_reason(backend):
    assert "exit code 3: the aligner found no index" in ended(backend, job("breaks")).reason


def test_after_a_read_that_fails_between_two_pages_no_line_is_told_twice(simulator, backend, monkeypatch):
    monkeypatch.setattr(module, "READS_A_SECOND", 1000)
    job_id = backend.submit(job("prints", "echo a; sleep 100")).job_id
    running(backend, job_id)
    stream, others = backend._jobs[job_id].log_stream, CloudWatchLogs("/aws/batch/job", every_s=0)
    wait_until(lambda: others.read("another", stream, Stream.STDOUT, 0, is_over=False), bool)
    simulator.inject(Denied(action="GetLogEvents", after=1))
    for _ in range(3):
        assert others.read(job_id, stream, Stream.STDOUT, 0, is_over=False) == b"a\n"
    others.close()
