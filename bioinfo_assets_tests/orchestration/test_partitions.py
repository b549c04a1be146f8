"""Samples are partitions; a run takes a range of them."""

from itertools import compress

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.orchestration.backfills import request_backfill
from bioinfo_assets.orchestration.internals import BulkActionStatus
from bioinfo_assets.orchestration.partitions import (
    PartitionChoice,
    add_samples,
    choose_partitions,
    range_tags,
    samples,
    set_samples,
)


@dg.job
def nothing() -> None:
    """Do nothing."""


@given(st.lists(st.booleans(), max_size=30))
def test_a_run_gets_the_chosen_partitions_and_no_others(is_selected: list[bool]) -> None:
    keys = [f"s{number}" for number in range(len(is_selected))]
    selected = list(compress(keys, is_selected))

    chosen = choose_partitions(keys, selected)

    ends = [keys.index(name) for name in chosen.tags.values()]
    in_range = keys[min(ends) : max(ends) + 1] if ends else []
    assert list(chosen.partitions or in_range) == selected
    assert set(in_range) >= set(selected)


@given(st.integers(min_value=1, max_value=9), st.integers(min_value=0, max_value=9))
def test_a_range_without_others_needs_no_option(length: int, start: int) -> None:
    keys = [f"s{number}" for number in range(start + length + 3)]
    assert choose_partitions(keys, keys[start : start + length]) == PartitionChoice(
        range_tags(f"s{start}", f"s{start + length - 1}")
    )


def test_a_sample_is_added_once() -> None:
    with dg.instance_for_test() as instance:
        add_samples(instance, ["b", "a"])
        add_samples(instance, ["a", "c"])

        assert list(instance.get_dynamic_partitions(str(samples.name))) == ["b", "a", "c"]


def test_a_removed_sample_has_no_partition() -> None:
    with dg.instance_for_test() as instance:
        add_samples(instance, ["a", "removed"])
        set_samples(instance, lambda: ["a", "b"])
        assert list(instance.get_dynamic_partitions(str(samples.name))) == ["a", "b"]


def test_a_sample_that_another_run_adds_meanwhile_stays() -> None:
    """The other run saves it after this one has read the names, and adds its partition before this one is done."""
    with dg.instance_for_test() as instance:

        def read_names() -> list[str]:
            add_samples(instance, ["of another run"])
            return ["a"]

        set_samples(instance, read_names)
        assert set(instance.get_dynamic_partitions(str(samples.name))) == {"a", "of another run"}


def test_a_removed_sample_keeps_its_partition_while_a_backfill_has_it() -> None:
    """Dagster fails a backfill of which a partition was deleted, and cancels the runs of all its partitions."""
    with dg.instance_for_test() as instance:
        add_samples(instance, ["a", "removed", "removed too"])
        backfill_id = request_backfill(instance, {"depth": ["a", "removed"]}, title="of two")
        set_samples(instance, lambda: ["a"])
        assert list(instance.get_dynamic_partitions(str(samples.name))) == ["a", "removed"]

        backfill = instance.get_backfill(backfill_id)
        assert backfill is not None
        instance.update_backfill(backfill.with_status(BulkActionStatus.COMPLETED))  # type: ignore[no-untyped-call]
        set_samples(instance, lambda: ["a"])
        assert list(instance.get_dynamic_partitions(str(samples.name))) == ["a"]


@pytest.mark.parametrize("tags", [range_tags("a", "removed"), {"dagster/partition": "removed"}])
def test_a_removed_sample_keeps_its_partition_while_a_run_names_it(tags: dict[str, str]) -> None:
    """Dagster looks for the ends of the range again when the run ends: one that is missing fails the run."""
    with dg.instance_for_test() as instance:
        add_samples(instance, ["a", "removed", "removed too"])
        run = instance.create_run_for_job(nothing, tags=tags, status=dg.DagsterRunStatus.STARTED)
        set_samples(instance, lambda: ["a"])
        assert list(instance.get_dynamic_partitions(str(samples.name))) == ["a", "removed"]

        instance.report_run_canceled(run)
        set_samples(instance, lambda: ["a"])
        assert list(instance.get_dynamic_partitions(str(samples.name))) == ["a"]


def test_partitions_stay_where_there_are_no_samples_at_all() -> None:
    """Dagster's database may be elsewhere than the results, whose volume is not mounted for a while."""
    with dg.DagsterInstance.ephemeral() as instance:
        add_samples(instance, ["b", "a"])
        assert set_samples(instance, list) == []
        assert instance.get_dynamic_partitions("samples") == ["b", "a"]
        set_samples(instance, lambda: ["a"])
        assert instance.get_dynamic_partitions("samples") == ["a"]
