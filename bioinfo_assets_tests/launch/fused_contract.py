"""The contract of jobs that run one after the other as one job of a backend, for all backends that run scripts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bioinfo_assets.launch.backend import Backend, Outcome, State, Status, Stream, Submission
from bioinfo_assets.launch.job import Input, Job, JobOptions, Output, Resources, StoredFile
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.contract import TIMEOUT_S, WORK_GATE, Gate, job, report_of, sha256, wait_for_end
from bioinfo_assets_tests.waiting import wait_until

WORD = Output("word", "word.txt", "/results/expt/expt.word.txt")
TWICE = Output("twice", "twice.txt", "/results/expt/expt.twice.txt")
LENGTH = Output("length", "length.txt", "/results/expt/expt.length.txt")


def made(output: Output) -> Input:
    """An input that a job before it makes: nothing is known of it but where it will be published."""
    return Input(output.local, StoredFile(output.uri, size=0, content=None))


WRITES = job("writes", "echo hello >word.txt; echo written; fact word hello", outputs=(WORD,))
REPEATS = job(
    "repeats",
    "cat word.txt word.txt >twice.txt; echo repeated; warn 'repeated once'",
    inputs=(made(WORD),),
    outputs=(TWICE,),
)
COUNTS = job(
    "counts",
    "cat word.txt twice.txt | wc -c >length.txt; echo counted >&2",
    inputs=(made(WORD), made(TWICE)),
    outputs=(LENGTH,),
)


def only_for(job: Job, *assets: str) -> Job:
    """A job whose outputs only the jobs of these assets read."""
    return replace(job, outputs=tuple(replace(output, only_for=frozenset(assets)) for output in job.outputs))


class FusedContract:
    """A subclass has the fixtures `backend` and `gate`."""

    TIMEOUT_S = TIMEOUT_S

    def ends(self, backend: Backend, submission: Submission) -> list[Status]:
        """The statuses of a job and of those after it, when all are over."""
        job_ids = [submission.job_id, *(follower.job_id for follower in submission.followers)]
        return [wait_for_end(backend, job_id, self.TIMEOUT_S) for job_id in job_ids]

    def submit(self, backend: Backend, jobs: Sequence[Job]) -> Submission:
        first, *followers = jobs
        submission = backend.submit(first, followers=followers)
        assert len(submission.followers) == len(followers)
        return submission

    def test_each_reads_what_those_before_it_made(self, backend: Backend) -> None:
        writes, repeats, counts = map(report_of, self.ends(backend, self.submit(backend, [WRITES, REPEATS, COUNTS])))
        assert writes.files[0].sha256 == sha256(b"hello\n")
        assert repeats.files[0].content == "sha256:" + sha256(b"hello\nhello\n")
        assert Store().read_bytes(counts.files[0].path) == b"18\n"
        assert writes.finished <= repeats.started
        assert repeats.finished <= counts.started

    def test_each_has_its_own_facts_warnings_and_log(self, backend: Backend) -> None:
        submission = self.submit(backend, [WRITES, REPEATS, COUNTS])
        writes, repeats, counts = map(report_of, self.ends(backend, submission))
        assert (writes.facts, repeats.facts, counts.facts) == ({"word": "hello"}, {}, {})
        assert (writes.warnings, repeats.warnings, counts.warnings) == ((), ("repeated once",), ())
        job_ids = [submission.job_id, *(follower.job_id for follower in submission.followers)]
        assert [backend.read_log(job_id, Stream.STDOUT, 0) for job_id in job_ids] == [b"written\n", b"repeated\n", b""]
        assert [backend.read_log(job_id, Stream.STDERR, 0) for job_id in job_ids] == [b"", b"", b"counted\n"]

    def test_one_that_is_over_is_published_and_discarded_while_the_next_runs(
        self, backend: Backend, gate: Gate
    ) -> None:
        waits = replace(REPEATS, script=f"{gate.wait}\n{REPEATS.script}")
        submission = self.submit(backend, [WRITES, waits, COUNTS])
        writes = wait_for_end(backend, submission.job_id, self.TIMEOUT_S)
        assert writes.state is State.SUCCEEDED
        Store().delete(report_of(writes).files[0].path)
        backend.discard(submission.job_id)
        repeats, counts = submission.followers
        wait_until(lambda: backend.poll([repeats.job_id])[repeats.job_id].state is State.RUNNING, self.TIMEOUT_S)
        assert backend.poll([counts.job_id])[counts.job_id].state is State.QUEUED
        gate.open(repeats)
        assert wait_for_end(backend, counts.job_id, self.TIMEOUT_S).state is State.SUCCEEDED

    def test_an_output_that_only_those_after_it_read_is_not_published(self, backend: Backend) -> None:
        writes = only_for(WRITES, "repeats", "counts")
        submission = self.submit(backend, [writes, only_for(REPEATS, "counts"), COUNTS])
        word, twice, length = (report_of(status).files[0] for status in self.ends(backend, submission))
        assert [file.is_published for file in (word, twice, length)] == [False, False, True]
        assert (word.size, word.sha256) == (6, sha256(b"hello\n"))
        assert twice.content == "sha256:" + sha256(b"hello\nhello\n")
        assert Store().read_bytes(length.path) == b"18\n"

    @pytest.mark.parametrize("readers", [("repeats", "counts"), ("others",)])
    def test_an_output_that_another_job_reads_is_published(self, backend: Backend, readers: Sequence[str]) -> None:
        submission = self.submit(backend, [only_for(WRITES, *readers), REPEATS])
        word = report_of(self.ends(backend, submission)[0]).files[0]
        assert word.is_published
        assert Store().read_bytes(word.path) == b"hello\n"

    def test_what_was_finished_before_a_failure_stays(self, backend: Backend) -> None:
        fails = replace(REPEATS, script='fail "that is not repeated"')
        writes, repeats, counts = self.ends(backend, self.submit(backend, [WRITES, fails, COUNTS]))
        assert (writes.state, writes.outcome) == (State.SUCCEEDED, Outcome.SUCCEEDED)
        assert Store().read_bytes(report_of(writes).files[0].path) == b"hello\n"
        assert (repeats.state, repeats.reason) == (State.FAILED, "that is not repeated")
        assert (counts.state, counts.reason) == (
            State.CANCELLED,
            "not run, because repeats of expt did not succeed",
        )
        assert counts.report is None

    def test_cancelling_one_ends_those_after_it(self, backend: Backend) -> None:
        submission = self.submit(backend, [WRITES, replace(REPEATS, script="sleep 1000"), COUNTS])
        repeats = submission.followers[0].job_id
        wait_until(lambda: backend.poll([repeats])[repeats].state is State.RUNNING, self.TIMEOUT_S)
        backend.cancel(repeats)
        states = [status.state for status in self.ends(backend, submission)]
        assert states == [State.SUCCEEDED, State.CANCELLED, State.CANCELLED]

    def test_all_have_the_resources_of_the_largest(self, backend: Backend) -> None:
        script = 'echo "$JOB_CPUS $JOB_MEMORY_MIB"'
        small = replace(WRITES, script=f"{WRITES.script}; {script}", resources=Resources(2, 600, 10))
        large = replace(REPEATS, script=f"{REPEATS.script}; {script}", resources=Resources(1, 700, 30))
        submission = self.submit(backend, [small, large])
        for status in self.ends(backend, submission):
            accounting = report_of(status).accounting
            assert (accounting.vcpus, accounting.memory_mib) == (2, 700)
        logs = [backend.read_log(own.job_id, Stream.STDOUT, 0) for own in (submission, *submission.followers)]
        assert logs == [b"written\n2 700\n", b"repeated\n2 700\n"]

    def test_nothing_is_counted_twice(self, backend: Backend, place: str) -> None:
        Store().write_bytes(f"{place}/name.txt", b"NA12878\n")
        name = Input("name.txt", StoredFile(f"{place}/name.txt", size=8, content=None))
        first = replace(WRITES, script="sleep 0.5; cp name.txt word.txt", inputs=(name,))
        writes, repeats = map(report_of, self.ends(backend, self.submit(backend, [first, REPEATS])))
        assert writes.accounting.fetched_bytes == (8 if "://" in place else 0)
        assert repeats.accounting.fetched_bytes == 0
        assert writes.usage.wall_s >= 0.5
        assert repeats.started >= writes.finished
        assert repeats.usage.wall_s <= (repeats.finished - repeats.started).total_seconds() + 0.1
        assert repeats.accounting.queued_s is not None
        assert repeats.accounting.queued_s <= (repeats.started - writes.finished).total_seconds() + 0.1

    def test_a_job_that_runs_alone_has_no_followers(self, backend: Backend) -> None:
        assert self.submit(backend, [WRITES]).followers == ()


class FusedHostContract(FusedContract):
    """A backend of this machine; a subclass has the fixture `backend`."""

    @pytest.fixture
    def gate(self) -> Gate:
        return WORK_GATE

    @pytest.fixture
    def place(self, tmp_path: Path) -> str:
        return str(tmp_path / "place")

    def test_one_that_waits_for_its_turn_is_cancelled(self, backend: Backend, gate: Gate) -> None:
        submission = self.submit(backend, [replace(WRITES, script=f"{gate.wait}; {WRITES.script}"), REPEATS, COUNTS])
        wait_until(lambda: backend.poll([submission.job_id])[submission.job_id].state is State.RUNNING, self.TIMEOUT_S)
        backend.cancel(submission.followers[0].job_id)
        gate.open(submission)
        states = [status.state for status in self.ends(backend, submission)]
        assert states == [State.SUCCEEDED, State.CANCELLED, State.CANCELLED]

    def test_a_time_limit_is_that_of_one_job(self, backend: Backend) -> None:
        short = JobOptions.model_construct(timeout_s=8)  # less than users may set
        long = replace(WRITES, script=f"sleep 8.5; {WRITES.script}")
        writes, repeats = self.ends(backend, self.submit(backend, [long, replace(REPEATS, options=short)]))
        assert (writes.outcome, repeats.outcome) == (Outcome.SUCCEEDED, Outcome.SUCCEEDED)
