"""Options of jobs: layers and limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bioinfo_assets.launch.job_options import JobOptions

NO_OPTIONS = JobOptions()
some_options = st.builds(
    JobOptions,
    image=st.none() | st.sampled_from(["tools:1", "tools:2"]),
    memory_mib=st.none() | st.integers(4, 9),
    retries=st.none() | st.integers(0, 9),
    tags=st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz")),
    environment=st.dictionaries(st.sampled_from("ABC"), st.sampled_from("xyz")),
)


@given(some_options)
def test_an_empty_layer_changes_nothing(options: JobOptions) -> None:
    assert options.then(NO_OPTIONS) == options == NO_OPTIONS.then(options)


@given(some_options, some_options, some_options)
def test_layers_may_be_combined_in_any_grouping(first: JobOptions, second: JobOptions, third: JobOptions) -> None:
    assert first.then(second).then(third) == first.then(second.then(third))


@given(some_options, some_options)
def test_a_later_layer_overrides(first: JobOptions, second: JobOptions) -> None:
    both = first.then(second)
    for name in ("image", "memory_mib", "retries"):
        value = getattr(second, name)
        assert getattr(both, name) == (getattr(first, name) if value is None else value)
    assert both.tags.items() >= second.tags.items()
    assert both.tags.keys() == first.tags.keys() | second.tags.keys()


def test_a_zero_overrides() -> None:
    """No retries and no GPU are not the same as unset options."""
    both = JobOptions(retries=3, gpus=1).then(JobOptions(retries=0, gpus=0))
    assert (both.retries, both.gpus) == (0, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"queu": "spot"},
        {"image": ""},
        {"vcpus": 0},
        {"memory_mib": 3},  # 4 MiB is the minimum of Batch
        {"gpus": -1},
        {"timeout_s": 59},  # 60 s is the minimum of Batch
        {"retries": 10},  # with the first start: 10 attempts, the maximum of Batch
        {"priority": 10_000},
        {"name_prefix": "-lab"},
        {"name_prefix": "a lab"},
        {"name_prefix": "a" * 41},
        {"tags": {str(number): "" for number in range(41)}},
        {"tags": {"cost": 5}},
    ],
)
def test_options_that_batch_would_reject_are_rejected(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        JobOptions.model_validate(wrong)


def test_options_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        NO_OPTIONS.queue = "spot"  # type: ignore[misc]
