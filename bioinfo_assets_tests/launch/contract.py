"""The contract of backends: test suites that the tests of each backend inherit.

`BackendContract` is for all of them; the fake, which runs no scripts, has the same jobs as `BEHAVIOURS`.
`ScriptContract` is for those that run bash, `LiveContract` for those whose output can be read while a job runs.
Nothing here depends on where files are: a backend's scratch may be on this machine's disk or in a bucket.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bioinfo_assets.launch.backend import Backend, JobReport, Outcome, State, Status, Stream, Submission
from bioinfo_assets.launch.fake_backend import Behaviour
from bioinfo_assets.launch.job import Input, Job, JobOptions, Output, Resources, StoredFile
from bioinfo_assets.launch.scratch import Attempt
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store, join
from bioinfo_assets_tests.waiting import wait_until

TIMEOUT_S = 120.0

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

BEHAVIOURS: dict[str, Callable[[Job], Behaviour]] = {
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
    "sleeps": lambda _: Behaviour(running_polls=1_000_000),
}

TEXT = Output("text", "greeting.txt", "/results/expt/greeting.txt")
TABLE = Output("table", "table.txt", "/results/expt/table.txt", canonical="sed '/^#/d'")
MD5 = Output("md5", "greeting.md5", "/results/expt/greeting.md5", canonical=None)


def job(asset: str, script: str | None = None, *, scope: str = "expt", **changes: Any) -> Job:
    """A job of one of the assets above, or of another script."""
    return replace(Job(ResultKey(asset, scope), "1", SCRIPTS[asset] if script is None else script), **changes)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def wait_for_status(
    backend: Backend, job_id: str, accept: Callable[[Status], object], timeout_s: float = TIMEOUT_S
) -> Status:
    """Poll a job until its status is accepted; return that status."""
    wait_until(lambda: accept(backend.poll([job_id])[job_id]), timeout_s, f"a status of job {job_id}")
    return backend.poll([job_id])[job_id]


def wait_for_end(backend: Backend, job_id: str, timeout_s: float = TIMEOUT_S) -> Status:
    return wait_for_status(backend, job_id, lambda status: status.state.is_over, timeout_s)


def run(backend: Backend, to_run: Job) -> Status:
    return wait_for_end(backend, backend.submit(to_run).job_id)


def report_of(status: Status) -> JobReport:
    assert status.report is not None, status.reason
    return status.report


@dataclass(frozen=True)
class Gate:
    """How a test delays a running script.

    Attributes:
        wait: Bash that waits until the gate is open.
        open: Opens the gate of a submitted job.
    """

    wait: str
    open: Callable[[Submission], None]


WORK_GATE = Gate(
    "until [[ -e go ]]; do sleep 0.02; done", lambda submission: (Attempt(Path(submission.scratch)).work / "go").touch()
)
"""The gate of backends whose jobs work in a folder of this machine."""


class BackendContract:
    """Every backend; a subclass has the fixture `backend`, and `place` if its jobs cannot read `tmp_path`.

    Attributes:
        TIMEOUT_S: How long a job that does nothing may take, and twenty of them.
    """

    TIMEOUT_S = TIMEOUT_S

    @pytest.fixture
    def place(self, tmp_path: Path) -> str:
        """A folder, path or URI, that the backend's jobs can read inputs from."""
        return str(tmp_path / "place")

    def wait_for_end(self, backend: Backend, job_id: str) -> Status:
        return wait_for_end(backend, job_id, self.TIMEOUT_S)

    def run(self, backend: Backend, to_run: Job) -> Status:
        return self.wait_for_end(backend, backend.submit(to_run).job_id)

    def report(self, backend: Backend, to_run: Job) -> JobReport:
        return report_of(self.run(backend, to_run))

    def test_outputs_are_reported_with_the_digests_of_their_bytes_in_the_jobs_order(self, backend: Backend) -> None:
        report = self.report(backend, job("greets", outputs=(TABLE, TEXT, MD5)))
        assert [file.key for file in report.files] == ["table", "text", "md5"]
        assert [file.size for file in report.files] == [21, 6, 1]
        assert [file.sha256 for file in report.files] == [
            sha256(b"# made at noon\nvalue\n"),
            sha256(b"hello\n"),
            sha256(b"x"),
        ]
        assert Store().read_bytes(report.files[1].path) == b"hello\n"

    def test_content_is_the_digest_of_the_canonical_form(self, backend: Backend) -> None:
        table, text, md5 = self.report(backend, job("greets", outputs=(TABLE, TEXT, MD5))).files
        assert table.content == "sha256:" + sha256(b"value\n")
        assert text.content == "sha256:" + sha256(b"hello\n")
        assert md5.content is None

    def test_a_script_finds_its_inputs_bytes_under_their_local_names(self, backend: Backend, place: str) -> None:
        source = join(place, "elsewhere", "another name.txt")
        name = b"NA12878\n"
        Store().write_bytes(source, name)
        source_input = Input("name.txt", StoredFile(source, size=len(name), content=f"sha256:{sha256(name)}"))
        report = self.report(backend, job("copies", inputs=(source_input,), outputs=(TEXT,)))
        assert report.files[0].sha256 == sha256(name + name)
        assert Store().read_bytes(source) == name

    def test_a_job_that_leaves_an_output_out_fails_and_names_it(self, backend: Backend) -> None:
        status = self.run(backend, job("forgets", outputs=(TEXT,)))
        assert status.state is State.FAILED
        assert status.reason == "the script did not produce its output text (greeting.txt)"
        assert report_of(status).files == ()

    def test_a_broken_script_fails_with_its_key_exit_code_last_line_of_stderr_and_log(self, backend: Backend) -> None:
        submission = backend.submit(job("breaks", outputs=(TEXT,)))
        status = self.wait_for_end(backend, submission.job_id)
        assert (status.state, status.outcome) == (State.FAILED, Outcome.FAILED)
        assert report_of(status).exit_code == 3
        assert status.reason == (
            f"step breaks of expt failed with exit code 3: the aligner found no index; "
            f"its log is {status.links.get('log', submission.log)}"
        )

    def test_the_message_of_fail_is_the_reason_verbatim(self, backend: Backend) -> None:
        status = self.run(backend, job("complains"))
        assert (status.state, status.reason) == (State.FAILED, "sample expt has no reads: give its FASTQs")

    def test_facts_and_warnings_come_with_the_report(self, backend: Backend) -> None:
        report = self.report(backend, job("remarks"))
        assert report.facts == {"reads": "1200", "instrument": "NovaSeq X"}
        assert report.warnings == ("few observations", "one lane only")

    def test_a_succeeded_job_reports_its_outcome_times_and_exit_code(self, backend: Backend) -> None:
        status = self.run(backend, job("prints"))
        report = report_of(status)
        assert (status.state, status.outcome) == (State.SUCCEEDED, Outcome.SUCCEEDED)
        assert report.started <= report.finished
        assert report.usage.wall_s >= 0
        assert report.exit_code == 0

    def test_logs_are_read_from_an_offset(self, backend: Backend) -> None:
        job_id = backend.submit(job("prints")).job_id
        self.wait_for_end(backend, job_id)
        assert backend.read_log(job_id, Stream.STDOUT, 0) == b"out\n"
        assert backend.read_log(job_id, Stream.STDERR, 1) == b"rr\n"
        assert backend.read_log(job_id, Stream.STDOUT, 4) == b""

    def test_a_running_job_is_cancelled(self, backend: Backend) -> None:
        job_id = backend.submit(job("sleeps")).job_id
        wait_until(lambda: backend.poll([job_id])[job_id].state is State.RUNNING, self.TIMEOUT_S)
        backend.cancel(job_id)
        status = self.wait_for_end(backend, job_id)
        assert (status.state, status.outcome) == (State.CANCELLED, Outcome.KILLED)

    def test_a_job_that_is_over_stays_as_it_ended_when_cancelled(self, backend: Backend) -> None:
        job_id = backend.submit(job("prints")).job_id
        self.wait_for_end(backend, job_id)
        backend.cancel(job_id)
        assert backend.poll([job_id])[job_id].state is State.SUCCEEDED

    def test_many_jobs_are_polled_together(self, backend: Backend) -> None:
        job_ids = [backend.submit(job("prints", scope=f"expt{i}")).job_id for i in range(20)]
        assert len(set(job_ids)) == 20
        wait_until(
            lambda: all(status.state.is_over for status in backend.poll(job_ids).values()), self.TIMEOUT_S, "all jobs"
        )
        assert {status.state for status in backend.poll(job_ids).values()} == {State.SUCCEEDED}

    def test_two_attempts_of_one_job_share_no_scratch(self, backend: Backend) -> None:
        first, second = (backend.submit(job("greets", outputs=(TEXT,))) for _ in range(2))
        assert first.scratch != second.scratch
        paths = {
            report_of(self.wait_for_end(backend, submission.job_id)).files[0].path for submission in (first, second)
        }
        assert len(paths) == 2

    def test_discarding_frees_scratch_and_forgets_the_job(self, backend: Backend) -> None:
        submission = backend.submit(job("greets", outputs=(TEXT,)))
        output = report_of(self.wait_for_end(backend, submission.job_id)).files[0].path
        assert Store().exists(output)
        backend.discard(submission.job_id)
        assert not Store().exists(output)
        assert Store().list(submission.scratch, recursive=True) == ()
        with pytest.raises(KeyError):
            backend.poll([submission.job_id])

    def test_a_job_that_runs_is_not_discarded(self, backend: Backend) -> None:
        job_id = backend.submit(job("sleeps")).job_id
        with pytest.raises(ValueError, match="is not over"):
            backend.discard(job_id)

    def test_closing_ends_what_runs(self, backend: Backend) -> None:
        job_id = backend.submit(job("sleeps")).job_id
        backend.close()
        assert backend.poll([job_id])[job_id].state is State.CANCELLED

    def test_tools_have_versions(self, backend: Backend) -> None:
        versions = backend.tool_versions(["samtools", "bgzip"])
        assert set(versions) == {"samtools", "bgzip"}
        # Having been read once, they are known without a job.
        assert backend.known_tool_versions(["samtools", "bgzip"]) == versions


class ScriptContract(BackendContract):
    """A backend that runs bash; a subclass has the fixture `backend`."""

    def test_an_early_exit_zero_still_has_its_outputs_checked(self, backend: Backend) -> None:
        assert self.run(backend, job("greets", "exit 0", outputs=(TEXT,))).state is State.FAILED

    @pytest.mark.parametrize("script", ["false | true", "echo $unset_variable", "x=$(false)"])
    def test_a_failure_within_a_script_is_never_ignored(self, backend: Backend, script: str) -> None:
        assert self.run(backend, job("breaks", script)).state is State.FAILED

    def test_fail_within_a_pipe_fails_the_job(self, backend: Backend) -> None:
        status = self.run(
            backend, job("complains", 'echo expt | while read -r s; do fail "no reads in $s"; done || true')
        )
        assert (status.state, status.reason) == (State.FAILED, "no reads in expt")

    def test_a_canonical_form_that_cannot_be_computed_fails_the_job(self, backend: Backend) -> None:
        broken = replace(TEXT, canonical="zcat")
        status = self.run(backend, job("greets", outputs=(broken,)))
        assert status.state is State.FAILED
        assert status.reason == "the canonical form of output text (greeting.txt) cannot be computed by: zcat"

    def test_an_output_that_is_a_link_fails_the_job(self, backend: Backend) -> None:
        status = self.run(backend, job("greets", "touch target; ln -s target greeting.txt", outputs=(TEXT,)))
        assert status.state is State.FAILED
        assert status.reason == "the script left a link as its output text (greeting.txt): it must be a regular file"

    def test_tabs_and_newlines_do_not_break_facts_and_warnings(self, backend: Backend) -> None:
        report = self.report(backend, job("remarks", "fact a $'1\\t2\\n3'; warn $'two\\nlines'"))
        assert report.facts == {"a": "1 2 3"}
        assert report.warnings == ("two lines",)

    def test_a_script_has_its_resources_and_its_own_temporary_folder(self, backend: Backend) -> None:
        script = 'touch "$TMPDIR/x"; echo "$JOB_CPUS $JOB_MEMORY_MIB $LC_ALL"'
        job_id = backend.submit(job("prints", script)).job_id
        assert self.wait_for_end(backend, job_id).state is State.SUCCEEDED
        assert backend.read_log(job_id, Stream.STDOUT, 0) == b"1 1024 C\n"

    def test_a_job_reports_what_it_had_and_how_long_it_waited(self, backend: Backend) -> None:
        report = self.report(backend, job("greets", outputs=(TEXT,), resources=Resources(1, 600, 70)))
        accounting = report.accounting
        assert (accounting.vcpus, accounting.memory_mib, accounting.disk_mib) == (1, 600, 70)
        assert accounting.fetched_bytes == 0
        for seconds in (accounting.queued_s, accounting.staging_s):
            assert seconds is not None
            assert 0 <= seconds < self.TIMEOUT_S


class LiveContract:
    """A backend whose jobs' output can be read while they run; a subclass has `backend`, and its own `gate` if needed.

    It is mixed in with `ScriptContract`.
    """

    @pytest.fixture
    def gate(self) -> Gate:
        return WORK_GATE

    def test_output_is_read_while_the_job_runs(self, backend: Backend, gate: Gate) -> None:
        submission = backend.submit(job("prints", f"echo first; {gate.wait}; echo second"))
        job_id = submission.job_id
        wait_until(lambda: backend.read_log(job_id, Stream.STDOUT, 0) == b"first\n", TIMEOUT_S, "the first line")
        assert not backend.poll([job_id])[job_id].state.is_over
        gate.open(submission)
        wait_for_end(backend, job_id)
        assert backend.read_log(job_id, Stream.STDOUT, len(b"first\n")) == b"second\n"


class HostContract(LiveContract, ScriptContract):
    """A backend of this machine, be its jobs processes or containers; a subclass has the fixture `backend`."""

    def test_a_discarded_job_leaves_no_folder(self, backend: Backend) -> None:
        submission = backend.submit(job("greets", outputs=(TEXT,)))
        self.wait_for_end(backend, submission.job_id)
        backend.discard(submission.job_id)
        assert not Path(submission.scratch).exists()

    def test_a_time_limit_ends_a_job_with_advice(self, backend: Backend) -> None:
        half_a_second = JobOptions.model_construct(timeout_s=0.5)  # type: ignore[arg-type] # less than users may set
        submission = backend.submit(job("sleeps", options=half_a_second))
        status = self.wait_for_end(backend, submission.job_id)
        assert (status.state, status.outcome) == (State.FAILED, Outcome.TIMED_OUT)
        assert status.reason == (
            "step sleeps of expt was ended at its time limit of 0.5 s: raise the step's timeout_s if it was making "
            f"progress; its log is {submission.log}"
        )

    def test_a_job_within_its_time_limit_is_left_alone(self, backend: Backend) -> None:
        assert self.run(backend, job("prints", options=JobOptions(timeout_s=60))).outcome is Outcome.SUCCEEDED

    def test_cancel_ends_processes_that_ignore_sigterm_or_have_a_session_of_their_own(self, backend: Backend) -> None:
        script = "setsid sleep 1000 & (trap '' TERM; exec sleep 1000) & echo ready; wait"
        job_id = backend.submit(job("sleeps", script)).job_id
        wait_until(lambda: backend.read_log(job_id, Stream.STDOUT, 0))
        backend.cancel(job_id)
        assert self.wait_for_end(backend, job_id).outcome is Outcome.KILLED

    def test_a_cancelled_script_has_time_to_clean_up(self, backend: Backend) -> None:
        # By the time of `ready`, the child has become `sleep`; as bash it would lose the signal that ends both.
        script = "trap 'echo cleaned; exit 1' TERM; sleep 1000 & sleep 0.2; echo ready; wait"
        job_id = backend.submit(job("sleeps", script)).job_id
        wait_until(lambda: backend.read_log(job_id, Stream.STDOUT, 0))
        backend.cancel(job_id)
        self.wait_for_end(backend, job_id)
        assert backend.read_log(job_id, Stream.STDOUT, 0) == b"ready\ncleaned\n"

    def test_cpu_time_is_that_of_the_scripts_processes(self, backend: Backend) -> None:
        script = "head -c 100000000 /dev/zero | sha256sum >/dev/null; times"
        job_id = backend.submit(job("prints", script)).job_id
        usage = report_of(self.wait_for_end(backend, job_id)).usage
        # bash's `times` prints user and system time, of itself and of its children, as 0m0.123s.
        words = backend.read_log(job_id, Stream.STDOUT, 0).decode().split()
        bash_cpu_s = sum(60 * float(word.split("m")[0]) + float(word.split("m")[1].rstrip("s")) for word in words)
        assert bash_cpu_s > 0.05
        assert usage.cpu_s is not None
        assert bash_cpu_s - 0.01 <= usage.cpu_s <= bash_cpu_s + 0.2
        assert usage.wall_s > 0
