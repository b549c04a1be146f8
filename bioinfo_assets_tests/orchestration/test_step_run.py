"""A step runs a job for each of its samples; a failed sample does not stop the others."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from threading import Event

import dagster as dg
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError

from bioinfo_assets.errors import ResourceError, UnreachableError
from bioinfo_assets.launch.backend import NO_OPTIONS
from bioinfo_assets.launch.fake_backend import Behaviour, FakeBackend
from bioinfo_assets.launch.job import Job, JobOptions
from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate, listen
from bioinfo_assets.orchestration.run_liveness import JOBS_LEFT_TAG
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets_tests.orchestration.toy_project import ToyProject, failures
from bioinfo_assets_tests.servers import s3, s3_server  # noqa: F401 - fixtures


def test_one_run_computes_every_asset_of_every_sample(toy: ToyProject) -> None:
    assert toy.run().success

    assert [toy.read(sample) for sample in "abc"] == ["6", "9", "12"]
    assert [toy.read(sample, "parity") for sample in "abc"] == ["0", "1", "0"]
    assert (toy.folder / "output" / "multiqc" / "total.txt").read_text() == "27\n"


def test_each_sample_has_its_own_data_version(toy: ToyProject) -> None:
    toy.run()

    versions = {(toy.materialization("parity", sample).tags or {})["dagster/data_version"] for sample in "abc"}
    assert len(versions) == 2  # a and c are both even


def test_each_result_is_materialized_once(toy: ToyProject) -> None:
    result = toy.run()

    materialized = [
        (event.asset_key.to_user_string(), event.partition)
        for event in result.all_events
        if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION and event.asset_key is not None
    ]
    expected = [("factor", None), ("total", None), *((key, name) for key in ("product", "parity") for name in "abc")]
    assert sorted(materialized, key=str) == sorted(expected, key=str)


def test_facts_and_costs_are_metadata(toy: ToyProject) -> None:
    toy.run()

    metadata = {name: item.value for name, item in toy.materialization("product", "b").metadata.items()}
    assert (metadata["value"], metadata["reused"]) == (9, False)
    assert isinstance(metadata["wall_s"], float)
    assert metadata["record"] == f"{toy.output}/b/records/product.json"


def test_a_second_run_reuses_everything(toy: ToyProject) -> None:
    toy.run()
    states: list[JobUpdate] = []
    with listen(states.append):
        assert toy.run().success

    assert {update.state for update in states} == {JobState.CACHED}
    metadata = toy.materialization("product", "b").metadata
    assert metadata["reused"].value is True
    assert isinstance(metadata["wall_s"].value, float)  # of the job that computed it


def test_a_failed_sample_does_not_stop_the_others(toy: ToyProject) -> None:
    toy.write("b", "bad")

    result = toy.run()

    assert not result.success
    assert (toy.read("a"), toy.read("c")) == ("6", "12")
    assert (toy.read("a", "parity"), toy.read("c", "parity")) == ("0", "0")
    assert failures(result) == [
        "product of b: own.txt is bad: write a number",
        "1 result was skipped, because it is computed from others that failed",
    ]
    assert (toy.folder / "output" / "multiqc" / "total.txt").read_text() == "18\n"


def test_the_old_result_of_a_failed_sample_is_not_used_downstream(toy: ToyProject) -> None:
    toy.run()
    toy.write("b", "bad")

    states: list[JobUpdate] = []
    with listen(states.append):
        toy.run()

    assert JobUpdate(ResultKey("parity", "b"), JobState.SKIPPED) in states


def test_a_damaged_shared_result_stops_what_is_downstream(toy: ToyProject) -> None:
    toy.run()
    (toy.folder / "output" / "references" / "factor.txt").write_text("7\n")

    result = toy.run(keys=["product"])

    assert not result.success
    assert len(failures(result)) == 3
    for sample, line in zip("abc", sorted(failures(result)), strict=True):
        assert line.startswith(f"product of {sample}: ")
        assert "factor.txt has changed" in line
        assert "materialize factor of references again" in line


def test_one_asset_of_one_sample_can_be_run_alone(toy: ToyProject) -> None:
    toy.run()
    toy.write("b", 5)
    toy.write("c", 5)

    assert toy.run("b", "b", ["product"]).success

    assert [toy.read(sample) for sample in "abc"] == ["6", "15", "12"]
    assert toy.read("b", "parity") == "1"


def test_a_missing_upstream_result_is_named(toy: ToyProject) -> None:
    result = toy.run("a", "a", ["parity"])

    assert failures(result) == ["parity of a: product of a does not exist yet: materialize it first"]


def test_engine_events_link_to_job_scratch_and_log(toy: ToyProject) -> None:
    run_id = toy.run("a", "a", ["factor"]).run_id

    (submitted,) = [event for event in toy.engine_events(run_id) if "job submitted" in str(event.message)]
    assert submitted.message == "factor-references: job submitted to local (not computed yet)"
    assert submitted.engine_event_data.metadata.keys() >= {"job_id", "scratch", "log"}


def test_only_the_first_of_many_jobs_have_engine_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event takes Dagster some milliseconds, and an array has up to ten thousand jobs."""
    backend = FakeBackend(tmp_path / "scratch", lambda _: Behaviour(files={"number": b"6\n"}))
    monkeypatch.setattr("bioinfo_assets.orchestration.launcher.open_backend", lambda *_: backend)
    (tmp_path / "home").mkdir()
    with dg.instance_for_test(temp_dir=str(tmp_path / "home")) as instance:
        toy = ToyProject(tmp_path, instance, samples={f"s{number:02}": number for number in range(1, 26)})
        result, again = (toy.run("s01", keys=["factor", "product"]) for _ in range(2))

        assert result.success
        messages, cached = (
            [event.message for event in toy.engine_events(run.run_id) if "product-s" in str(event.message)]
            for run in (result, again)
        )
    assert len(messages) == 20
    assert all("job submitted to fake (not computed yet)" in str(message) for message in messages)
    assert [message for message in messages if "(not shown for further jobs)" in str(message)] == messages[-1:]
    assert len([event for event in result.all_events if event.partition]) == 25
    assert len(cached) == 10  # these have no links to a job and its log
    assert str(cached[-1]).endswith("CACHED: outputs present and unchanged (not shown for further jobs)")


class Unanswered(FakeBackend):
    """A backend that cannot be asked for the tools of the first jobs, so many times."""

    interval_s = 0.01  # type: ignore[misc]
    poll_error_timeout_s = 60.0  # type: ignore[misc]
    times = 0

    def tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str]:
        if self.times:
            self.times -= 1
            raise UnreachableError("AWS Batch does not answer SubmitJob")
        return super().tool_versions(tools, options)


@contextmanager
def toy_on(backend: FakeBackend, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ToyProject]:
    monkeypatch.setattr("bioinfo_assets.orchestration.launcher.open_backend", lambda *_: backend)
    (folder / "home").mkdir()
    with dg.instance_for_test(temp_dir=str(folder / "home")) as instance:
        yield ToyProject(folder, instance)


def numbers(folder: Path) -> Unanswered:
    return Unanswered(folder / "scratch", lambda _: Behaviour(files={"number": b"6\n"}))


def test_a_result_that_cannot_be_checked_for_the_moment_is_checked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = numbers(tmp_path)
    backend.times = 3
    with toy_on(backend, tmp_path, monkeypatch) as toy:
        assert toy.run().success
    assert sorted(job.key.asset for job in backend.submitted) == [
        "factor",
        *3 * ["parity"],
        *3 * ["product"],
        "total",
    ]


def test_only_that_result_fails_if_it_cannot_be_checked_for_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = numbers(tmp_path)
    with toy_on(backend, tmp_path, monkeypatch) as toy:
        assert toy.run(keys=["factor"]).success
        toy.write("b", 7)
        backend.times, backend.poll_error_timeout_s = 1, 0.0  # type: ignore[misc]
        result = toy.run("a", "a", ["product"])
        assert failures(result) == ["product of a: AWS Batch does not answer SubmitJob"]
        run = toy.instance.get_run_by_id(result.run_id)
        assert run is not None
        assert JOBS_LEFT_TAG not in run.tags


class MeetsADefect(FakeBackend):
    """A backend with a defect that one job meets."""

    def tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str]:
        if len(self.submitted) == 1:
            self.submitted.append(self.submitted[0])
            raise ZeroDivisionError
        return super().tool_versions(tools, options)


def test_a_defect_that_one_result_meets_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = MeetsADefect(tmp_path / "scratch", lambda _: Behaviour(files={"number": b"6\n"}))
    with toy_on(backend, tmp_path, monkeypatch) as toy:
        (failure, *_) = failures(toy.run(keys=["factor", "product"]))
    assert failure.endswith(": defect in its check or publication: ZeroDivisionError()")
    assert [job.key.asset for job in backend.submitted[2:]] == 2 * ["product"]


class WaitsForAnImage(FakeBackend):
    """A backend whose tools are listed by a job that gets no machine."""

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch, lambda _: Behaviour())
        self.is_listing, self.is_stopped = Event(), Event()

    def tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str]:
        self.is_listing.set()
        assert self.is_stopped.wait(60)
        raise ResourceError("stopped listing an image's tools because the run is ending")

    def stop_listing_tools(self) -> None:
        self.is_stopped.set()


def test_an_interrupt_does_not_wait_for_a_job_that_lists_an_images_tools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = WaitsForAnImage(tmp_path / "scratch")

    def interrupt() -> None:
        if backend.is_listing.is_set():
            raise DagsterExecutionInterruptedError

    monkeypatch.setattr("bioinfo_assets.orchestration.step_run.raise_if_interrupted", interrupt)
    with toy_on(backend, tmp_path, monkeypatch) as toy, suppress(DagsterExecutionInterruptedError):
        toy.run(keys=["factor"])
    assert backend.is_stopped.is_set()


class SlowToCheck(FakeBackend):
    """A backend on which the first product does not end, and the others are checked until that is cancelled."""

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch, self.behave)
        self.is_running, self.is_checking, self.is_cancelled = Event(), Event(), Event()
        self.calls, self.was_cancelled_meanwhile = count(), list[bool]()

    def tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str]:
        if next(self.calls) > 1:
            assert self.is_running.wait(60)
            self.is_checking.set()
            self.was_cancelled_meanwhile.append(self.is_cancelled.wait(60))
        return super().tool_versions(tools, options)

    def behave(self, job: Job) -> Behaviour:
        if job.key.asset == "factor":
            return Behaviour(files={"number": b"6\n"})
        self.is_running.set()
        return Behaviour(running_polls=10**9)

    def cancel(self, job_id: str) -> None:
        super().cancel(job_id)
        self.is_cancelled.set()


def test_an_interrupt_ends_jobs_at_once_while_other_results_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checks of a genome read hundreds of gigabytes."""
    backend = SlowToCheck(tmp_path / "scratch")

    def interrupt() -> None:
        if backend.is_checking.is_set():
            raise DagsterExecutionInterruptedError

    monkeypatch.setattr("bioinfo_assets.orchestration.step_run.raise_if_interrupted", interrupt)
    with toy_on(backend, tmp_path, monkeypatch) as toy, suppress(DagsterExecutionInterruptedError):
        toy.run(keys=["factor", "product"])
    assert backend.was_cancelled_meanwhile
    assert all(backend.was_cancelled_meanwhile)


def test_the_output_of_a_job_is_in_the_compute_logs(toy: ToyProject) -> None:
    check_compute_logs(toy)


def test_compute_logs_in_s3_have_both_streams(tmp_path: Path, s3: str) -> None:  # noqa: F811
    """Dagster's manager uploads both files whenever a stream ends, and deletes what was written."""
    (tmp_path / "home").mkdir()
    logs = {
        "module": "dagster_aws.s3.compute_log_manager",
        "class": "S3ComputeLogManager",
        "config": {"bucket": s3.removeprefix("s3://"), "local_dir": str(tmp_path / "logs"), "upload_interval": 1},
    }
    with dg.instance_for_test(temp_dir=str(tmp_path / "home"), overrides={"compute_logs": logs}) as instance:
        check_compute_logs(ToyProject(tmp_path, instance))


def check_compute_logs(toy: ToyProject) -> None:
    run_id = toy.run("a", "a", ["factor"]).run_id

    (entry,) = toy.instance.all_logs(run_id, of_type=dg.DagsterEventType.LOGS_CAPTURED)
    captured = entry.get_dagster_event().logs_captured_data
    manager = toy.instance.compute_log_manager
    log_key = manager.build_log_key_for_run(run_id, captured.file_key)
    data = manager.get_log_data(log_key)
    assert data.stdout == b"factor on stdout\n"
    assert b"factor on stderr" in (data.stderr or b"")
    assert manager.is_capture_complete(log_key)
