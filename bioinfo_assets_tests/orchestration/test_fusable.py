"""Which results of a sample may be computed in one job."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import pytest

from bioinfo_assets.launch.job import Job, JobOptions
from bioinfo_assets.orchestration.fused_jobs import FusedJobs
from bioinfo_assets.orchestration.result_graph import ResultGraph
from bioinfo_assets.orchestration.step_plan import StepPlan
from bioinfo_assets.records.reuse import ReuseAction, ReuseDecision
from bioinfo_assets.result_key import COHORT, REFERENCES, ResultKey

PARENTS = {
    "index": (),
    "merged": (),
    "trimmed": ("merged",),
    "aligned": ("trimmed", "index"),
    "depth": ("aligned",),
    "metrics": ("aligned",),
    "report": ("depth", "metrics"),
}
NO_EXCEPTIONS: Mapping[str, bool | None] = MappingProxyType({})
SHARED = {"index": REFERENCES, "report": COHORT}


def fused_jobs(fuse: Mapping[str, bool | None] = NO_EXCEPTIONS, *, by_default: bool = False) -> FusedJobs:
    """The graph above for two samples; all assets are fused but those that are named otherwise."""
    keys = {
        asset: [ResultKey(asset, scope) for scope in ([SHARED[asset]] if asset in SHARED else ["a", "b"])]
        for asset in PARENTS
    }
    options = {asset: JobOptions(fuse=fuse.get(asset, True)) for asset in PARENTS}
    return FusedJobs(StepPlan(keys, {}, PARENTS, options, {}, {}), ResultGraph(keys, PARENTS), by_default)


def fusable(jobs: FusedJobs, asset: str, scope: str = "a") -> list[str]:
    keys = jobs.fusable(ResultKey(asset, scope))
    assert {key.scope for key in keys} <= {scope}
    return [key.asset for key in keys]


def finish(jobs: FusedJobs, *assets: str) -> None:
    for asset in assets:
        jobs.graph.finish(ResultKey(asset, SHARED.get(asset, "a")), is_done=True)


def test_what_waits_for_another_result_ends_the_job() -> None:
    jobs = fused_jobs()
    assert fusable(jobs, "merged") == ["trimmed"]
    finish(jobs, "index")
    assert fusable(jobs, "merged") == ["trimmed", "aligned", "depth", "metrics"]


def test_several_steps_that_follow_one_run_one_after_the_other_if_they_are_to_be_fused() -> None:
    jobs = fused_jobs()
    finish(jobs, "index", "merged", "trimmed")
    assert fusable(jobs, "aligned") == ["depth", "metrics"]
    only_depth = fused_jobs({"metrics": False})
    finish(only_depth, "index", "merged", "trimmed")
    assert fusable(only_depth, "aligned") == ["depth"]


def test_without_the_option_a_single_step_may_follow_where_files_would_be_moved() -> None:
    unset: dict[str, bool | None] = dict.fromkeys(PARENTS)
    jobs = fused_jobs(unset, by_default=True)
    finish(jobs, "index")
    assert fusable(jobs, "merged") == ["trimmed", "aligned"]
    assert fusable(fused_jobs(unset), "merged") == []
    assert fusable(fused_jobs(unset | {"trimmed": False}, by_default=True), "merged") == []
    assert jobs.hold(ResultKey("merged", "a"), decision(ResultKey("merged", "a"))) is False


def test_a_step_that_is_not_to_be_fused_ends_the_job() -> None:
    assert fusable(fused_jobs({"trimmed": False}), "merged") == []


@pytest.mark.parametrize("asset", ["index", "report"])
def test_results_of_all_samples_have_jobs_of_their_own(asset: str) -> None:
    assert fusable(fused_jobs(), asset, SHARED[asset]) == []


def test_a_report_does_not_make_each_result_look_through_all_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [f"sample{number}" for number in range(500)]
    keys = {
        asset: [ResultKey(asset, scope) for scope in ([SHARED[asset]] if asset in SHARED else samples)]
        for asset in PARENTS
    }
    graph = ResultGraph(keys, PARENTS)
    looked_at: list[ResultKey] = []
    parents_of = ResultGraph._parents_of

    def counted(self: ResultGraph, key: ResultKey) -> Iterator[ResultKey]:
        for parent in parents_of(self, key):
            looked_at.append(parent)
            yield parent

    monkeypatch.setattr(ResultGraph, "_parents_of", counted)
    assert graph.blocked_by([ResultKey("depth", "sample7")]) == []
    assert list(graph.blocked_by([ResultKey("merged", "sample7")])) == [ResultKey("trimmed", "sample7")]
    assert len(looked_at) == 1


def decision(key: ResultKey) -> ReuseDecision:
    return ReuseDecision(ReuseAction.RUN, "not computed yet", job=Job(key, "1", ""))


def test_a_job_is_planned_when_it_is_known_whether_the_reference_is_up_to_date() -> None:
    jobs = fused_jobs()
    merged, index = ResultKey("merged", "a"), ResultKey("index", REFERENCES)
    for key in (merged, index):
        jobs.begin_check(key)
    jobs.end_check(merged)
    assert jobs.hold(merged, decision(merged))
    assert jobs.holds_any
    assert list(jobs.release()) == []
    jobs.end_check(index)
    assert list(jobs.release()) == [merged]
    assert list(jobs.release()) == []
    assert jobs.pop_released(merged) == decision(merged)
    assert jobs.pop_released(merged) is None
    assert not jobs.holds_any


def test_nothing_waits_where_nothing_is_fused() -> None:
    jobs = fused_jobs(dict.fromkeys(PARENTS, False))
    jobs.begin_check(ResultKey("index", REFERENCES))
    assert not jobs.hold(ResultKey("merged", "a"), decision(ResultKey("merged", "a")))
