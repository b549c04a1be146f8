"""Consecutive steps of a sample in one job: everything but the job is as if each had its own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from bioinfo_assets.errors import UnreachableError
from bioinfo_assets.launch.backend import IsPublished, Submission
from bioinfo_assets.launch.job import Job, JobOptions
from bioinfo_assets.launch.local_backend import LocalBackend
from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate, listen
from bioinfo_assets.orchestration.result_tasks import ResultTasks
from bioinfo_assets.records import commit
from bioinfo_assets.records.record import Record
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.orchestration.toy_project import ToyProject, failures

FUSED = JobOptions(fuse=True)
STEPS = ("product", "parity", "answer")
OF_A_RUN = {"job_id", "started", "finished", "wall_s", "cpu_s", "peak_memory_mib", "accounting", "outputs"}
"""What two runs of the same job differ in; of the outputs, only the times of the files."""


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The results of each job that the local backend has got."""
    jobs: list[list[str]] = []
    submit = LocalBackend.submit

    def note(
        backend: LocalBackend, job: Job, fingerprint: str, is_published: IsPublished, followers: Sequence[Job]
    ) -> Submission:
        jobs.append([own.key.label for own in (job, *followers)])
        return submit(backend, job, fingerprint, is_published, followers)

    monkeypatch.setattr(LocalBackend, "submit", note)
    return jobs


@pytest.fixture
def open_toy(tmp_path: Path) -> Iterator[Any]:
    """Open toy projects, each with a Dagster of its own."""
    stack = ExitStack()  # each sets DAGSTER_HOME, and sets it back

    def opened(
        name: str, jobs: JobOptions = FUSED, samples: Mapping[str, int] | None = None, **more: Any
    ) -> ToyProject:
        folder = tmp_path / name
        (folder / "home").mkdir(parents=True)
        instance = stack.enter_context(dg.instance_for_test(temp_dir=str(folder / "home")))
        return ToyProject(
            folder,
            instance,
            jobs=jobs,
            samples=samples or {"a": 2, "b": 3},
            **{"answer_reads": ("product", "parity"), **more},
        )

    with stack:
        yield opened


@pytest.fixture
def toy(open_toy: Any) -> ToyProject:
    return open_toy("fused")


def same(record: Record, folder: Path) -> dict[str, Any]:
    """What a record has in common with that of another run of the job in another folder."""
    outputs = [(file.key, file.uri, file.size, file.sha256, file.content) for file in record.outputs]
    return {"text": str({**record.model_dump(exclude=OF_A_RUN), "outputs": outputs}).replace(str(folder), "ROOT")}


def test_the_steps_of_a_sample_are_one_job(toy: ToyProject, submitted: list[list[str]]) -> None:
    assert toy.run().success
    assert sorted(submitted) == [
        ["factor of references"],
        ["product of a", "parity of a", "answer of a"],
        ["product of b", "parity of b", "answer of b"],
        ["total of multiqc"],
    ]
    assert toy.read("b", "answer") == "9\t1"


def test_a_step_that_cannot_be_published_for_the_moment_is_not_computed_again(
    toy: ToyProject, submitted: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish, failed = commit._publish, set[str]()

    def fail_at_first(*arguments: Any) -> commit.Committed:
        (key,) = (own.job.key for own in arguments if isinstance(own, commit.SubmittedJob))
        if key.label not in failed:
            failed.add(key.label)
            raise UnreachableError("S3 does not answer")
        return publish(*arguments)

    monkeypatch.setattr(commit, "_publish", fail_at_first)
    assert toy.run().success
    assert len(failed) == 1 + 2 * 3 + 1
    assert len(submitted) == 1 + 2 + 1
    assert toy.scratch() == ()


@pytest.mark.parametrize(
    ("owner", "name", "ending"),
    [(commit, "_publish", "; the files of factor-references are kept in "), (ResultTasks, "_describe", "")],
)
def test_a_result_that_is_given_up_names_the_folder_of_files_that_are_not_published(
    toy: ToyProject, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, ending: str
) -> None:
    def fail(*_: Any) -> None:
        raise UnreachableError("S3 does not answer")

    monkeypatch.setattr(owner, name, fail)
    monkeypatch.setattr(LocalBackend, "poll_error_timeout_s", 0.2)
    result = toy.run(keys=["factor"])
    (sentence,) = failures(result)
    assert sentence.partition("/")[0] == f"factor of references: S3 does not answer{ending}"


def test_records_are_those_of_jobs_of_their_own(open_toy: Any) -> None:
    fused, apart = open_toy("fused"), open_toy("apart", JobOptions())
    assert fused.run().success
    assert apart.run().success
    for sample in "ab":
        for asset in STEPS:
            assert same(fused.record(sample, asset), fused.folder) == same(apart.record(sample, asset), apart.folder)
    job_ids = {fused.record("a", asset).job_id for asset in STEPS}
    assert len(job_ids) == 3
    started = [fused.record("a", asset).started for asset in STEPS]
    assert started == sorted(started)


def test_materializations_versions_and_staleness_are_those_of_jobs_of_their_own(open_toy: Any) -> None:
    fused, apart = open_toy("fused"), open_toy("apart", JobOptions())
    tags = []
    for toy in (fused, apart):
        toy.run()
        toy.write("b", 5)
        toy.run("b", "b", ["product"])
        shown = [toy.materialization(asset, "b") for asset in STEPS]
        names = {"dagster/data_version", "dagster/code_version", "dagster/input_data_version/parity"}
        tags.append([{name: (own.tags or {}).get(name) for name in names} for own in shown])
        assert toy.stale() == {"parity/b", "total"}
    assert tags[0] == tags[1]
    assert fused.run("b", "b", ["parity", "answer", "total"]).success
    assert fused.stale() == set()


def test_a_second_run_reuses_everything(toy: ToyProject, submitted: list[list[str]]) -> None:
    toy.run()
    submitted.clear()
    assert toy.run().success
    assert submitted == []


def test_a_failure_leaves_what_was_finished_before_it(open_toy: Any, submitted: list[list[str]]) -> None:
    toy = open_toy("fused")
    (toy.folder / "output" / "a").mkdir(parents=True)
    blocked = toy.folder / "output" / "a" / "a.parity.txt"
    blocked.mkdir()  # parity cannot be published
    updates: list[JobUpdate] = []
    with listen(updates.append):
        result = toy.run()
    assert not result.success
    assert toy.read("a") == "6"
    assert toy.record("a").outputs[0].size == 2
    assert failures(result)[0].startswith("parity of a: ")
    assert toy.instance.get_materialized_partitions(dg.AssetKey("product")) == {"a", "b"}
    assert toy.instance.get_materialized_partitions(dg.AssetKey("answer")) == {"b"}
    assert JobUpdate(ResultKey("answer", "a"), JobState.SKIPPED) in updates

    blocked.rmdir()
    submitted.clear()
    assert toy.run().success
    assert submitted == [["parity of a", "answer of a"]]
    assert toy.read("a", "answer") == "6\t0"


class TestWithoutTheOption:
    """Where jobs move files, steps that need the same machine are one job."""

    @pytest.fixture(autouse=True)
    def moves_files(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(LocalBackend, "moves_files", True)

    def test_steps_that_need_the_same_machine_are_joined(self, open_toy: Any, submitted: list[list[str]]) -> None:
        toy = open_toy("equal", JobOptions(), {"a": 2})
        toy.run(keys=["factor"])
        submitted.clear()
        assert toy.run(keys=list(STEPS)).success
        assert submitted == [["product of a", "parity of a", "answer of a"]]

    @pytest.mark.parametrize("larger", [JobOptions(vcpus=2), JobOptions(memory_mib=1100)])
    def test_others_are_not(self, open_toy: Any, submitted: list[list[str]], larger: JobOptions) -> None:
        toy = open_toy("unequal", JobOptions(), {"a": 2})
        toy.configure(steps={"parity": larger})
        toy.run(keys=["factor"])
        submitted.clear()
        assert toy.run(keys=list(STEPS)).success
        assert submitted == [["product of a"], ["parity of a"], ["answer of a"]]


def test_a_step_that_does_not_read_what_failed_before_it_gets_a_job_of_its_own(
    open_toy: Any, submitted: list[list[str]]
) -> None:
    toy = open_toy("siblings", samples={"a": 0}, answer_reads=("product",))
    toy.run(keys=["factor"])
    submitted.clear()
    result = toy.run(keys=list(STEPS))
    assert submitted == [["product of a", "parity of a", "answer of a"], ["answer of a"]]
    assert failures(result) == ["parity of a: 0 is neither even nor odd here"]
    assert toy.read("a", "answer") == "0"
    assert not [uri for uri in toy.scratch() if "/answer-a." in uri]


class TestAResultThatIsNotPublished:
    def test_its_record_states_what_it_was(self, open_toy: Any, submitted: list[list[str]]) -> None:
        toy, published = open_toy("never", publishes_parity=False), open_toy("kept")
        assert toy.run().success
        assert published.run().success
        record, expected = toy.record("a", "parity"), published.record("a", "parity")
        assert record.released is not None
        assert record.outputs[0].sha256 == expected.outputs[0].sha256
        assert record.data_version == expected.data_version
        assert not Store().exists(record.outputs[0].uri)
        assert toy.read("a", "answer") == "6\t0"
        assert toy.materialization("answer", "a").tags == {
            **(published.materialization("answer", "a").tags or {}),
            **{
                name: value
                for name, value in (toy.materialization("answer", "a").tags or {}).items()
                if "pointer" in name
            },
        }
        assert toy.scratch() == ()
        submitted.clear()
        assert toy.run().success
        assert submitted == []
        assert toy.stale() == set()

    def test_it_is_published_in_a_job_of_its_own(self, open_toy: Any) -> None:
        toy = open_toy("apart", JobOptions(), publishes_parity=False)
        assert toy.run().success
        assert toy.record("a", "parity").released is None
        assert toy.read("a", "parity") == "0"

    def test_it_is_computed_again_if_the_step_that_reads_it_failed(
        self, open_toy: Any, submitted: list[list[str]]
    ) -> None:
        toy = open_toy("failing", samples={"a": 2}, publishes_parity=False)
        blocked = toy.folder / "output" / "a" / "a.answer.txt"
        blocked.mkdir(parents=True)  # the answer cannot be published
        assert failures(toy.run())[0].startswith("answer of a: ")
        assert toy.record("a", "parity").released is not None
        blocked.rmdir()
        submitted.clear()
        assert toy.run().success
        assert submitted == [["parity of a"], ["answer of a"]]
        assert toy.read("a", "answer") == "6\t0"


def test_a_step_that_has_a_record_ends_the_job(toy: ToyProject, submitted: list[list[str]]) -> None:
    """It may be up to date: that is known when what it is computed from exists."""
    toy.run()
    toy.write("factor", 4)  # the products change, their parities do not
    submitted.clear()
    assert toy.run(keys=["factor", "product", "parity", "answer"]).success
    assert sorted(submitted) == [
        ["answer of a"],
        ["answer of b"],
        ["factor of references"],
        ["parity of a"],
        ["parity of b"],
        ["product of a"],
        ["product of b"],
    ]
    assert toy.read("b", "answer") == "12\t0"


def test_a_step_that_is_up_to_date_is_not_run(toy: ToyProject, submitted: list[list[str]]) -> None:
    toy.run()
    for asset in ("product", "answer"):
        (toy.folder / "output" / "a" / f"a.{asset}.txt").unlink()
    for record in (toy.folder / "output" / "a").glob("*answer*.json"):
        record.unlink()
    submitted.clear()
    assert toy.run("a", "a", list(STEPS)).success
    assert submitted == [["product of a"], ["answer of a"]]
    assert toy.read("a", "answer") == "6\t0"


def test_scratch_is_empty_afterwards(toy: ToyProject) -> None:
    toy.run()
    assert toy.scratch() == ()


@pytest.mark.parametrize(
    ("project", "asset", "run", "count"),
    [
        ({}, {}, {}, 3),
        ({"fuse": True}, {}, {}, 1),
        ({"fuse": True}, {"fuse": False}, {}, 2),
        ({"fuse": True}, {"fuse": False}, {"jobs": {"fuse": True}}, 1),
        ({}, {}, {"steps": {"answer": {"fuse": True}}}, 2),
    ],
)
def test_project_asset_and_run_decide(
    open_toy: Any,
    submitted: list[list[str]],
    project: Mapping[str, bool],
    asset: Mapping[str, bool],
    run: Mapping[str, Any],
    count: int,
) -> None:
    toy = open_toy("fused", JobOptions(**project), {"a": 2})
    toy.configure(steps={"answer": JobOptions(**asset)})
    toy.run(keys=["factor"])
    submitted.clear()
    assert toy.run(keys=list(STEPS), config=run).success
    assert len(submitted) == count


def test_each_step_shows_its_log(toy: ToyProject) -> None:
    run_id = toy.run().run_id
    events = [event.message or "" for event in toy.engine_events(run_id)]
    assert any(text.startswith("answer-a: job submitted to the job of the step before it") for text in events)
