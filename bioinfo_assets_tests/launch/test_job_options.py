"""Options of jobs: layers, limits, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bioinfo_assets.launch.job_options import JobOptions

NOTHING = JobOptions()
some_options = st.builds(
    JobOptions,
    image=st.none() | st.sampled_from(["tools:1", "tools:2"]),
    memory_mib=st.none() | st.integers(4, 9),
    retries=st.none() | st.integers(0, 9),
    tags=st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz")),
    environment=st.dictionaries(st.sampled_from("ABC"), st.sampled_from("xyz")),
)


@given(some_options)
def test_a_layer_that_says_nothing_changes_nothing(options: JobOptions) -> None:
    assert options.then(NOTHING) == options == NOTHING.then(options)


@given(some_options, some_options, some_options)
def test_layers_may_be_put_together_in_any_grouping(first: JobOptions, second: JobOptions, third: JobOptions) -> None:
    assert first.then(second).then(third) == first.then(second.then(third))


@given(some_options, some_options)
def test_what_a_later_layer_says_holds(first: JobOptions, second: JobOptions) -> None:
    both = first.then(second)
    for name in ("image", "memory_mib", "retries"):
        said = getattr(second, name)
        assert getattr(both, name) == (getattr(first, name) if said is None else said)
    assert both.tags.items() >= second.tags.items()
    assert both.tags.keys() == first.tags.keys() | second.tags.keys()


def test_a_zero_is_said() -> None:
    """No retries, no GPU: not the same as nothing."""
    both = JobOptions(retries=3, gpus=1).then(JobOptions(retries=0, gpus=0))
    assert (both.retries, both.gpus) == (0, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"queu": "spot"},
        {"image": ""},
        {"vcpus": 0},
        {"memory_mib": 3},  # 4 MiB is the least that Batch takes
        {"gpus": -1},
        {"timeout_s": 59},  # 60 s is the least that Batch takes
        {"retries": 10},  # with the first start: 10 attempts, the most that Batch takes
        {"priority": 10_000},
        {"name_prefix": "-lab"},
        {"name_prefix": "a lab"},
        {"name_prefix": "a" * 41},
        {"tags": {str(number): "" for number in range(41)}},
        {"tags": {"cost": 5}},
    ],
)
def test_what_batch_would_refuse_is_refused_here(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        JobOptions(**wrong)


def test_options_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        NOTHING.queue = "spot"
