"""Consecutive steps of a sample in one job: everything but the job is as if each had its own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from bioinfo_assets.launch.backend import IsPublished, Submission
from bioinfo_assets.launch.job import Job, JobOptions
from bioinfo_assets.launch.local_backend import LocalBackend
from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate, listen
from bioinfo_assets.records.record import Record
from bioinfo_assets.result_key import ResultKey
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

    def opened(name: str, jobs: JobOptions = FUSED, samples: Mapping[str, int] | None = None) -> ToyProject:
        folder = tmp_path / name
        (folder / "home").mkdir(parents=True)
        instance = stack.enter_context(dg.instance_for_test(temp_dir=str(folder / "home")))
        return ToyProject(folder, instance, jobs=jobs, has_answer=True, samples=samples or {"a": 2, "b": 3})

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
