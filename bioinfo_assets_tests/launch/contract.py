"""What every backend does: suites that a backend's own tests inherit.

`BackendContract` is for all of them; a backend that runs no scripts, the fake, plays the same jobs by `PLAYED`.
`ScriptContract` is for those that run bash, `LiveContract` for those whose output can be read while a job runs.
Nothing here asks where files are: a backend's scratch may be on this machine's disk or in a bucket.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bioinfo_assets.launch.backend import Backend, State, Status, Stream, Submission
from bioinfo_assets.launch.fake_backend import Behaviour
from bioinfo_assets.launch.job import Input, Job, Output, StoredFile
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.launch.outcome import Outcome
from bioinfo_assets.launch.scratch import Attempt
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store, join

PATIENCE_S = 120.0
PAUSE_S = 0.005

SCRIPTS = {
    "greets": "printf 'hello\\n' >greeting.txt; printf '# made at noon\\nvalue\\n' >table.txt; printf x >greeting.md5",
    "copies": "cat name.txt name.txt >greeting.txt",
    "forgets": "true",
    "breaks": "echo 'the aligner found no index' >&2; exit 3",
    "complains": 'fail "sample expt has no reads: give its FASTQs"',
    "remarks": 'warn "few observations"; warn "one lane only"; fact reads 1200; fact instrument "NovaSeq X"',
    "prints": "echo out; echo err >&2",
    "sleeps": "sleep 1000",
}

PLAYED: dict[str, Callable[[Job], Behaviour]] = {
    "greets": lambda _: Behaviour(
        files={"text": b"hello\n", "table": b"# made at noon\nvalue\n", "md5": b"x"}, canonical={"table": b"value\n"}
    ),
    "copies": lambda job: Behaviour(files={"text": 2 * Store().read_bytes(job.inputs[0].file.uri)}),
    "forgets": lambda _: Behaviour(),
    "breaks": lambda _: Behaviour(exit_code=3, stderr=b"the aligner found no index\n"),
    "complains": lambda _: Behaviour(problem="sample expt has no reads: give its FASTQs"),
    "remarks": lambda _: Behaviour(
        facts={"reads": "1200", "instrument": "NovaSeq X"}, warnings=("few observations", "one lane only")
    ),
    "prints": lambda _: Behaviour(stdout=b"out\n", stderr=b"err\n"),
    "sleeps": lambda _: Behaviour(polls=1_000_000),
}

TEXT = Output("text", "greeting.txt", "/results/expt/greeting.txt")
TABLE = Output("table", "table.txt", "/results/expt/table.txt", canonical="sed '/^#/d'")
MD5 = Output("md5", "greeting.md5", "/results/expt/greeting.md5", canonical=None)


def job(step: str, script: str | None = None, **changes) -> Job:
    """A job of one of the steps above, or of a script of its own."""
    return replace(Job(ResultKey(step, "expt"), "1", SCRIPTS[step] if script is None else script), **changes)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def finished(backend: Backend, job_id: str, patience_s: float = PATIENCE_S, pause_s: float = PAUSE_S) -> Status:
    """Asks until the job is over."""
    return wait_until(
        lambda: backend.poll([job_id])[job_id], lambda status: status.state.is_over, patience_s, pause_s=pause_s
    )


def wait_until(ask, true_of=bool, patience_s: float = PATIENCE_S, pause_s: float = PAUSE_S):
    """Asks until the answer is as wished."""
    deadline = time.monotonic() + patience_s
    while not true_of(answer := ask()):
        assert time.monotonic() < deadline, f"still {answer} after {patience_s} s"
        time.sleep(pause_s)
    return answer


def run(backend: Backend, to_run: Job) -> Status:
    return finished(backend, backend.submit(to_run).job_id)


@dataclass(frozen=True)
class Gate:
    """How a test holds a running script.

    Attributes:
        wait: Bash that waits until the gate is open.
        open: Opens it for a submitted job.
    """

    wait: str
    open: Callable[[Submission], None]


WORK_GATE = Gate(
    "until [[ -e go ]]; do sleep 0.02; done", lambda submission: (Attempt(Path(submission.scratch)).work / "go").touch()
)
"""The gate of backends whose jobs work in a folder of this machine."""


class BackendContract:
    """Every backend; a subclass gives the fixture `backend`, and `place` if its jobs cannot read `tmp_path`.

    Attributes:
        PATIENCE_S: How long a job of no work may take, twenty of them included.
        PAUSE_S: The time between two looks at a job.
    """

    PATIENCE_S = PATIENCE_S
    PAUSE_S = PAUSE_S

    @pytest.fixture
    def place(self, tmp_path) -> str:
        """A folder, path or URI, that the backend's jobs can read inputs from."""
        return str(tmp_path / "place")

    def finished(self, backend: Backend, job_id: str) -> Status:
        return finished(backend, job_id, self.PATIENCE_S, self.PAUSE_S)

    def run(self, backend: Backend, to_run: Job) -> Status:
        return self.finished(backend, backend.submit(to_run).job_id)

    def wait_until(self, ask, true_of):
        return wait_until(ask, true_of, self.PATIENCE_S, self.PAUSE_S)

    def test_outputs_are_told_with_the_digests_of_their_bytes_in_the_jobs_order(self, backend):
        report = self.run(backend, job("greets", outputs=(TABLE, TEXT, MD5))).report
        assert [made.key for made in report.files] == ["table", "text", "md5"]
        assert [made.size for made in report.files] == [21, 6, 1]
        assert [made.sha256 for made in report.files] == [
            sha256(b"# made at noon\nvalue\n"),
            sha256(b"hello\n"),
            sha256(b"x"),
        ]
        assert Store().read_bytes(report.files[1].path) == b"hello\n"

    def test_content_is_the_digest_of_the_canonical_form(self, backend):
        table, text, md5 = self.run(backend, job("greets", outputs=(TABLE, TEXT, MD5))).report.files
        assert table.content == "sha256:" + sha256(b"value\n")
        assert text.content == "sha256:" + sha256(b"hello\n")
        assert md5.content is None

    def test_a_script_finds_its_inputs_bytes_under_their_local_names(self, backend, place):
        source = join(place, "elsewhere", "another name.txt")
        name = b"NA12878\n"
        Store().write_bytes(source, name)
        given = Input("name.txt", StoredFile(source, size=len(name), content=f"sha256:{sha256(name)}"))
        report = self.run(backend, job("copies", inputs=(given,), outputs=(TEXT,))).report
        assert report.files[0].sha256 == sha256(name + name)
        assert Store().read_bytes(source) == name

    def test_a_job_that_leaves_an_output_out_fails_and_names_it(self, backend):
        status = self.run(backend, job("forgets", outputs=(TEXT,)))
        assert status.state is State.FAILED
        assert status.reason == "the script ended without making its output text (greeting.txt)"
        assert status.report.files == ()

    def test_a_broken_script_fails_with_step_scope_code_last_words_and_log(self, backend):
        submission = backend.submit(job("breaks", outputs=(TEXT,)))
        status = self.finished(backend, submission.job_id)
        assert (status.state, status.outcome) == (State.FAILED, Outcome.FAILED)
        assert status.report.exit_code == 3
        assert status.reason == (
            f"step breaks of expt failed with exit code 3: the aligner found no index; "
            f"its log is {status.links.get('log', submission.log)}"
        )

    def test_a_sentence_told_by_fail_is_the_reason_word_for_word(self, backend):
        status = self.run(backend, job("complains"))
        assert (status.state, status.reason) == (State.FAILED, "sample expt has no reads: give its FASTQs")

    def test_facts_and_warnings_come_with_the_report(self, backend):
        report = self.run(backend, job("remarks")).report
        assert report.facts == {"reads": "1200", "instrument": "NovaSeq X"}
        assert report.warnings == ("few observations", "one lane only")

    def test_a_job_that_ended_well_tells_its_outcome_times_and_exit_code(self, backend):
        status = self.run(backend, job("prints"))
        report = status.report
        assert (status.state, status.outcome) == (State.SUCCEEDED, Outcome.SUCCEEDED)
        assert report.started <= report.finished
        assert report.usage.wall_s >= 0
        assert report.exit_code == 0

    def test_logs_are_read_from_an_offset(self, backend):
        job_id = backend.submit(job("prints")).job_id
        self.finished(backend, job_id)
        assert backend.read_log(job_id, Stream.STDOUT, 0) == b"out\n"
        assert backend.read_log(job_id, Stream.STDERR, 1) == b"rr\n"
        assert backend.read_log(job_id, Stream.STDOUT, 4) == b""

    def test_a_running_job_is_cancelled(self, backend):
        job_id = backend.submit(job("sleeps")).job_id
        self.wait_until(lambda: backend.poll([job_id])[job_id].state, lambda state: state is State.RUNNING)
        backend.cancel(job_id)
        status = self.finished(backend, job_id)
        assert (status.state, status.outcome) == (State.CANCELLED, Outcome.KILLED)

    def test_a_job_that_is_over_stays_as_it_ended_when_cancelled(self, backend):
        job_id = backend.submit(job("prints")).job_id
        self.finished(backend, job_id)
        backend.cancel(job_id)
        assert backend.poll([job_id])[job_id].state is State.SUCCEEDED

    def test_many_jobs_are_asked_for_together(self, backend):
        job_ids = [backend.submit(job("prints", scope=f"expt{i}")).job_id for i in range(20)]
        assert len(set(job_ids)) == 20
        statuses = self.wait_until(
            lambda: backend.poll(job_ids), lambda polled: all(status.state.is_over for status in polled.values())
        )
        assert {status.state for status in statuses.values()} == {State.SUCCEEDED}

    def test_two_attempts_of_one_job_share_no_scratch(self, backend):
        first, second = (backend.submit(job("greets", outputs=(TEXT,))) for _ in range(2))
        assert first.scratch != second.scratch
        paths = {self.finished(backend, submission.job_id).report.files[0].path for submission in (first, second)}
        assert len(paths) == 2

    def test_discarding_frees_scratch_and_forgets_the_job(self, backend):
        submission = backend.submit(job("greets", outputs=(TEXT,)))
        made = self.finished(backend, submission.job_id).report.files[0].path
        assert Store().exists(made)
        backend.discard(submission.job_id)
        assert not Store().exists(made)
        assert Store().list(submission.scratch, recursive=True) == ()
        with pytest.raises(KeyError):
            backend.poll([submission.job_id])

    def test_a_job_that_runs_is_not_discarded(self, backend):
        job_id = backend.submit(job("sleeps")).job_id
        with pytest.raises(ValueError, match="is not over"):
            backend.discard(job_id)

    def test_closing_ends_what_runs(self, backend):
        job_id = backend.submit(job("sleeps")).job_id
        backend.close()
        assert backend.poll([job_id])[job_id].state is State.CANCELLED

    def test_tools_have_versions(self, backend):
        assert set(backend.tool_versions(["samtools", "bgzip"])) == {"samtools", "bgzip"}


class ScriptContract(BackendContract):
    """A backend that runs bash; a subclass gives the fixture `backend`."""

    def test_an_early_exit_zero_still_has_its_outputs_checked(self, backend):
        assert self.run(backend, job("greets", "exit 0", outputs=(TEXT,))).state is State.FAILED

    @pytest.mark.parametrize("script", ["false | true", "echo $unset_variable", "x=$(false)"])
    def test_a_failure_within_a_script_is_never_passed_over(self, backend, script):
        assert self.run(backend, job("breaks", script)).state is State.FAILED

    def test_a_sentence_told_within_a_pipe_fails_the_job(self, backend):
        status = self.run(
            backend, job("complains", 'echo expt | while read -r s; do fail "no reads in $s"; done || true')
        )
        assert (status.state, status.reason) == (State.FAILED, "no reads in expt")

    def test_a_canonical_form_that_cannot_be_made_fails_the_job(self, backend):
        broken = replace(TEXT, canonical="zcat")
        status = self.run(backend, job("greets", outputs=(broken,)))
        assert status.state is State.FAILED
        assert status.reason == "the canonical form of output text (greeting.txt) could not be made by: zcat"

    def test_an_output_that_is_a_link_fails_the_job(self, backend):
        status = self.run(backend, job("greets", "touch there; ln -s there greeting.txt", outputs=(TEXT,)))
        assert status.state is State.FAILED
        assert status.reason == "the script left output text (greeting.txt) as a link: it must be a file of its own"

    def test_tabs_and_newlines_do_not_break_facts_and_warnings(self, backend):
        report = self.run(backend, job("remarks", "fact a $'1\\t2\\n3'; warn $'two\\nlines'")).report
        assert report.facts == {"a": "1 2 3"}
        assert report.warnings == ("two lines",)

    def test_a_script_is_given_its_resources_and_its_own_temporary_folder(self, backend):
        script = 'touch "$TMPDIR/x"; echo "$JOB_CPUS $JOB_MEMORY_MIB $LC_ALL"'
        job_id = backend.submit(job("prints", script)).job_id
        assert self.finished(backend, job_id).state is State.SUCCEEDED
        assert backend.read_log(job_id, Stream.STDOUT, 0) == b"1 1024 C\n"


class LiveContract:
    """A backend whose jobs' output can be read while they run; a subclass gives `backend`, and `gate` if need be.

    It is mixed in beside `ScriptContract`.
    """

    @pytest.fixture
    def gate(self) -> Gate:
        return WORK_GATE

    def test_output_is_read_while_the_job_runs(self, backend, gate):
        submission = backend.submit(job("prints", f"echo first; {gate.wait}; echo second"))
        job_id = submission.job_id
        self.wait_until(lambda: backend.read_log(job_id, Stream.STDOUT, 0), lambda data: data == b"first\n")
        assert not backend.poll([job_id])[job_id].state.is_over
        gate.open(submission)
        self.finished(backend, job_id)
        assert backend.read_log(job_id, Stream.STDOUT, len(b"first\n")) == b"second\n"


class HostContract(LiveContract, ScriptContract):
    """A backend of this machine, be its jobs processes or containers; a subclass gives the fixture `backend`."""

    def test_a_discarded_job_leaves_no_folder(self, backend):
        submission = backend.submit(job("greets", outputs=(TEXT,)))
        self.finished(backend, submission.job_id)
        backend.discard(submission.job_id)
        assert not Path(submission.scratch).exists()

    def test_a_time_limit_ends_a_job_and_is_told_with_what_to_do(self, backend):
        half_a_second = JobOptions.model_construct(timeout_s=0.5)  # less than users may set
        submission = backend.submit(job("sleeps", options=half_a_second))
        status = self.finished(backend, submission.job_id)
        assert (status.state, status.outcome) == (State.FAILED, Outcome.TIMED_OUT)
        assert status.reason == (
            "step sleeps of expt was ended after 0.5 s, the time it was given: raise the step's timeout_s if it was at "
            f"work; its log is {submission.log}"
        )

    def test_a_job_within_its_time_limit_is_left_alone(self, backend):
        assert self.run(backend, job("prints", options=JobOptions(timeout_s=60))).outcome is Outcome.SUCCEEDED

    def test_cancel_ends_what_is_deaf_to_sigterm_or_in_a_session_of_its_own(self, backend):
        deaf = "setsid sleep 1000 & (trap '' TERM; exec sleep 1000) & echo ready; wait"
        job_id = backend.submit(job("sleeps", deaf)).job_id
        self.wait_until(lambda: backend.read_log(job_id, Stream.STDOUT, 0), bool)
        backend.cancel(job_id)
        assert self.finished(backend, job_id).outcome is Outcome.KILLED

    def test_a_cancelled_script_has_time_to_clean_up(self, backend):
        # By the time of `ready`, sleep is sleep and no more bash, which would lose the signal that ends both.
        script = "trap 'echo cleaned; exit 1' TERM; sleep 1000 & sleep 0.2; echo ready; wait"
        job_id = backend.submit(job("sleeps", script)).job_id
        self.wait_until(lambda: backend.read_log(job_id, Stream.STDOUT, 0), bool)
        backend.cancel(job_id)
        self.finished(backend, job_id)
        assert backend.read_log(job_id, Stream.STDOUT, 0) == b"ready\ncleaned\n"

    def test_cpu_time_is_that_of_the_scripts_processes(self, backend):
        script = "head -c 100000000 /dev/zero | sha256sum >/dev/null; times"
        job_id = backend.submit(job("prints", script)).job_id
        usage = self.finished(backend, job_id).report.usage
        # What bash's `times` says: user and system time, of itself and of its children, as 0m0.123s.
        words = backend.read_log(job_id, Stream.STDOUT, 0).decode().split()
        bash_says = sum(60 * float(word.split("m")[0]) + float(word.split("m")[1].rstrip("s")) for word in words)
        assert bash_says > 0.05
        assert bash_says - 0.01 <= usage.cpu_s <= bash_says + 0.2
        assert usage.wall_s > 0
