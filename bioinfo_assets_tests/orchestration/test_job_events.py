"""Which events of jobs Dagit gets."""

from typing import TYPE_CHECKING, cast
from unittest.mock import patch

from bioinfo_assets.orchestration.job_events import MAX_EVENTS_WITHOUT_LINKS, JobEvents
from bioinfo_assets.result_key import ResultKey

if TYPE_CHECKING:
    from bioinfo_assets.orchestration.internals import StepExecutionContext


def test_events_that_differ_only_in_the_names_of_samples_are_limited_together() -> None:
    """An event takes Dagster some milliseconds, and ten thousand of them make its page of the run slow."""
    shown: list[str] = []
    events = JobEvents(cast("StepExecutionContext", None))
    with patch.object(JobEvents, "_event", lambda _, text, links: shown.append(text)):
        for number in range(100):
            key = ResultKey("depth", f"sample{number:03}")
            events.show(key, f"CACHED: copied from /cache/{key.scope}/records/depth.json")
            events.show(key, f"job submitted (changed: inputs ({key.scope}.recalib.bam))")
    assert len(shown) == 2 * MAX_EVENTS_WITHOUT_LINKS
    assert shown[0] == "depth-sample000: CACHED: copied from /cache/sample000/records/depth.json"
