"""No asset runs beside the launcher, and the launcher runs under its own executor only."""

import dagster as dg
import pytest

from bioinfo_assets.definitions import check_launchers
from bioinfo_assets_tests.orchestration.toy_project import ToyProject


def test_an_asset_that_forgets_the_launcher_is_refused_when_loaded() -> None:
    @dg.asset
    def forgetful() -> None: ...

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="forgetful does not require the launcher"):
        check_launchers(dg.Definitions(assets=[forgetful]))


def test_another_executor_is_refused_with_a_sentence(toy: ToyProject) -> None:
    """It would record every materialization twice."""
    job = toy.definitions.resolve_implicit_global_asset_job_def()

    result = job.execute_in_process(
        instance=toy.instance, partition_key="a", asset_selection=[dg.AssetKey("factor")], raise_on_error=False
    )

    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "one_process executor" in failure.step_failure_data.error.message


def test_a_failing_job_is_a_sentence_without_the_launchers_insides(toy: ToyProject) -> None:
    toy.write("b", "bad")
    result = toy.run("b", "b", ["factor", "product"])

    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_failure_data.user_failure_data.description == "b: own.txt is bad: write a number"
