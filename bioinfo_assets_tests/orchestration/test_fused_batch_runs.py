"""Dagster runs whose consecutive steps are one job on AWS Batch: results, interruptions, and bytes that are moved."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from bioinfo_assets.errors import UnreachableError
from bioinfo_assets.launch.job import JobOptions
from bioinfo_assets.orchestration.result_tasks import ResultTasks
from bioinfo_assets.records import commit
from bioinfo_assets.records.commit import Committed, SubmittedJob
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.cloud import JOBS, MEANS, Cloud, opened_cloud
from bioinfo_assets_tests.orchestration.toy_project import ToyProject, failures
from bioinfo_assets_tests.simulator import SpotReclaim

pytestmark = pytest.mark.xdist_group("batch runs")

STEPS = ("product", "parity", "answer")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with opened_cloud(tmp_path_factory.mktemp("cloud")) as opened:
        yield opened


@pytest.fixture
def open_toy(cloud: Cloud, tmp_path: Path) -> Iterator[Any]:
    """Open toy projects, each with a Dagster of its own."""
    stack = ExitStack()  # each sets DAGSTER_HOME, and sets it back

    def opened(
        name: str, *, fuse: bool = True, samples: Mapping[str, int] | None = None, publishes_parity: bool = True
    ) -> ToyProject:
        folder = tmp_path / name
        (folder / "home").mkdir(parents=True)
        return ToyProject(
            folder,
            stack.enter_context(dg.instance_for_test(temp_dir=str(folder / "home"))),
            f"{cloud.bucket}/{tmp_path.name}/{name}",
            backend=MEANS,
            jobs=JOBS.then(JobOptions(fuse=fuse)),
            samples=samples or {"a": 2},
            answer_reads=("product", "parity"),
            publishes_parity=publishes_parity,
        )

    with stack:
        yield opened


def common(toy: ToyProject, asset: str) -> object:
    """What a record has in common with that of the same job in another project."""
    record = toy.record("a", asset)
    inputs = [(item.local, item.size, item.content) for item in record.inputs]
    outputs = [(file.key, file.size, file.sha256, file.content) for file in record.outputs]
    return record.fingerprint, record.script, record.facts, record.tools, record.image, inputs, outputs


def test_results_are_those_of_jobs_of_their_own_with_fewer_bytes_fetched(cloud: Cloud, open_toy: Any) -> None:
    fused, apart = open_toy("fused"), open_toy("apart", fuse=False)
    counts = []
    for toy in (fused, apart):
        before = len(cloud.submitted())
        assert toy.run().success
        counts.append(len(cloud.submitted()) - before)
    assert counts == [3, 5]  # factor, the steps of the sample, total
    for asset in STEPS:
        assert common(fused, asset) == common(apart, asset)
        ours, theirs = (
            {
                name: value
                for name, value in (toy.materialization(asset, "a").tags or {}).items()
                if "pointer" not in name
            }
            for toy in (fused, apart)
        )
        assert ours == theirs
    fetched = {
        name: [toy.record("a", asset).accounting.fetched_bytes for asset in STEPS]
        for name, toy in (("fused", fused), ("apart", apart))
    }
    # product: factor.txt and own.txt, two bytes each; parity: product.txt; answer: product.txt and parity.txt.
    assert fetched == {"fused": [4, 0, 0], "apart": [4, 2, 4]}
    assert fused.record("a", "parity").accounting.queued_s == 0
    assert fused.scratch() == ()


@pytest.fixture
def reclaimed(cloud: Cloud) -> Iterator[None]:
    """The machine of each job's first attempt is reclaimed in its last step."""
    fault = SpotReclaim(attempt=1, after_line="answering")
    cloud.simulator.inject(fault)
    yield
    cloud.simulator.withdraw(fault)


@pytest.mark.usefixtures("reclaimed")
def test_a_reclaimed_job_goes_on_at_the_step_that_was_interrupted(cloud: Cloud, open_toy: Any) -> None:
    toy = open_toy("reclaimed")
    before = len(cloud.submitted())
    assert toy.run(keys=["factor", *STEPS]).success
    assert len(cloud.submitted()) - before == 2
    assert toy.read("a", "answer") == "6\t0"
    assert [toy.record("a", asset).attempts for asset in STEPS] == [1, 1, 2]


def fail_at_first(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, asset: str) -> None:
    """Have S3 not answer the first two times when a function that gets a job or its result is called for an asset."""
    function, outages = getattr(owner, name), [UnreachableError("S3 does not answer")] * 2

    def call(*arguments: Any) -> Any:
        assets = {own.job.key.asset for own in arguments if isinstance(own, SubmittedJob)}
        assets |= {own.record.asset for own in arguments if isinstance(own, Committed)}
        if asset in assets and outages:
            raise outages.pop()
        return function(*arguments)

    monkeypatch.setattr(owner, name, call)


@pytest.mark.parametrize(("owner", "name"), [(commit, "_publish"), (ResultTasks, "_describe")])
@pytest.mark.parametrize("asset", ["product", "parity"])
def test_the_steps_after_one_that_cannot_be_published_for_the_moment_go_on(
    cloud: Cloud, open_toy: Any, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, asset: str
) -> None:
    toy = open_toy("unreachable")
    fail_at_first(monkeypatch, owner, name, asset)
    before, ended = len(cloud.submitted()), cloud.simulator.count("TerminateJob")
    assert toy.run(keys=["factor", *STEPS]).success
    assert len(cloud.submitted()) - before == 1 + 1  # the factor's, and one of all steps
    assert cloud.simulator.count("TerminateJob") == ended
    assert [toy.record("a", step).attempts for step in STEPS] == [1, 1, 1]
    assert toy.read("a", "answer") == "6\t0"
    assert toy.scratch() == ()


@pytest.mark.usefixtures("reclaimed")
def test_a_result_that_is_not_published_is_made_again_after_a_reclaim(cloud: Cloud, open_toy: Any) -> None:
    toy = open_toy("never", publishes_parity=False)
    before = len(cloud.submitted())
    assert toy.run(keys=["factor", *STEPS]).success
    assert len(cloud.submitted()) - before == 2
    assert toy.read("a", "answer") == "6\t0"
    parity = toy.record("a", "parity")
    assert parity.released is not None
    assert parity.accounting.uploaded_bytes == 0
    assert not Store().exists(parity.outputs[0].uri)
    assert toy.scratch() == ()


def test_a_failure_leaves_what_was_finished_before_it(cloud: Cloud, open_toy: Any) -> None:
    toy = open_toy("failing", samples={"a": 2, "b": 3})
    toy.write("b", "bad")
    result = toy.run()
    assert not result.success
    assert failures(result)[0] == "product of b: own.txt is bad: write a number"
    assert toy.read("a", "answer") == "6\t0"
    toy.write("b", 3)
    before = len(cloud.submitted())
    assert toy.run(keys=list(STEPS)).success
    assert len(cloud.submitted()) - before == 1
    assert toy.read("b", "answer") == "9\t1"
    assert not [uri for uri in toy.scratch() if "/parts/" in uri]
