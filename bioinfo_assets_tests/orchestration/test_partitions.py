"""Samples are partitions; a run takes a range of them."""

import dagster as dg
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.orchestration.partitions import add_samples, ranges, samples


@given(st.lists(st.booleans(), max_size=30))
def test_ranges_hold_what_is_wanted_and_nothing_else(wanted: list[bool]) -> None:
    keys = [f"s{number}" for number in range(len(wanted))]
    chosen = {key for key, want in zip(keys, wanted, strict=True) if want}

    spans = list(ranges(keys, chosen))

    held = [keys[keys.index(first) : keys.index(last) + 1] for first, last in spans]
    assert [key for span in held for key in span] == [key for key in keys if key in chosen]


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_there_are_no_more_ranges_than_needed(wanted: list[bool]) -> None:
    keys = [f"s{number}" for number in range(len(wanted))]
    chosen = {key for key, want in zip(keys, wanted, strict=True) if want}
    begins = sum(want and not before for before, want in zip([False, *wanted], wanted, strict=False))

    assert len(list(ranges(keys, chosen))) == begins


def test_a_sample_is_added_once() -> None:
    with dg.instance_for_test() as instance:
        add_samples(instance, ["b", "a"])
        add_samples(instance, ["a", "c"])

        assert list(instance.get_dynamic_partitions(samples.name)) == ["b", "a", "c"]
