"""No asset runs without the launcher, and the launcher runs only under its own executor."""

import dagster as dg
import pytest

from bioinfo_assets.definitions import check_launchers
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.orchestration.toy_project import ToyProject, failures


def test_an_asset_without_the_launcher_is_rejected_at_load_time() -> None:
    @dg.asset
    def forgetful() -> None: ...

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="forgetful does not require the launcher"):
        check_launchers(dg.Definitions(assets=[forgetful]))


def test_another_executor_is_rejected(toy: ToyProject) -> None:
    """It would record every materialization twice."""
    job = toy.definitions.resolve_implicit_global_asset_job_def()

    result = job.execute_in_process(
        instance=toy.instance, partition_key="a", asset_selection=[dg.AssetKey("factor")], raise_on_error=False
    )

    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_failure_data.error is not None
    assert "one_process executor" in failure.step_failure_data.error.message


def test_a_run_may_take_some_partitions_of_its_range(toy: ToyProject) -> None:
    result = toy.run("a", "c", ["factor", "product"], config={"partitions": ["c", "a"]})

    assert result.success
    assert (toy.read("a"), toy.read("c")) == ("6", "12")
    assert Ledger(Store(), toy.output).read(ResultKey("product", "b")) is None


def test_a_partition_outside_the_runs_range_is_left_out(toy: ToyProject) -> None:
    """As one that was removed before somebody starts the run again."""
    result = toy.run("a", "b", ["factor", "product"], config={"partitions": ["a", "c"]})

    assert result.success
    assert toy.read("a") == "6"
    assert Ledger(Store(), toy.output).read(ResultKey("product", "c")) is None
    messages = [entry.user_message for entry in toy.instance.all_logs(result.run_id)]
    assert "partition c is left out: it was removed, or is not in the run's range" in messages


def test_no_partition_in_the_runs_range_is_one_sentence(toy: ToyProject) -> None:
    result = toy.run("a", "b", ["factor", "product"], config={"partitions": ["c"]})

    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "names c, which is not in its range of partitions: start a new run" in str(failure.step_failure_data.error)


def test_the_failure_of_a_job_is_one_sentence_without_a_traceback(toy: ToyProject) -> None:
    toy.write("b", "bad")
    result = toy.run("b", "b", ["factor", "product"])

    assert failures(result) == ["product of b: own.txt is bad: write a number"]
