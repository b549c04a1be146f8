"""The engine events of a step, which Dagit shows among its logs: the states of its jobs."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import dagster as dg

from bioinfo_assets.orchestration.internals import DagsterEvent, EngineEventData, StepExecutionContext
from bioinfo_assets.result_key import ResultKey

MAX_EVENTS_PER_STATE: Final = 50
"""How many jobs of an asset are shown to enter the same state. Each event costs Dagster some hundredths of a second, an
array has up to ten thousand jobs, and that many events are of no use to a reader."""


@dataclass(slots=True)
class EngineEvents:
    """Logs the engine events of a step.

    Attributes:
        context: Dagster's context of the step.
    """

    context: StepExecutionContext
    _counts: Counter[str] = field(default_factory=Counter)
    _shown_problem: str = ""

    def of_job(self, key: ResultKey, text: str, metadata: Mapping[str, dg.MetadataValue]) -> None:
        """Log an event of a job, unless many jobs have logged it before."""
        self._counts[f"{key.asset}: {text}"] += 1
        count = self._counts[f"{key.asset}: {text}"]
        if count > MAX_EVENTS_PER_STATE:
            return
        last = " (not shown for further jobs)" if count == MAX_EVENTS_PER_STATE else ""
        # Building an engine event logs it.
        DagsterEvent.engine_event(
            self.context, f"{key.job_name}: {text}{last}", EngineEventData(metadata=dict(metadata))
        )

    def poll_problem(self, problem: str) -> None:
        """Show that jobs cannot be polled, and that they can again.

        Args:
            problem: Why they cannot be polled; empty while they can.
        """
        if bool(problem) == bool(self._shown_problem):
            return
        self._shown_problem = problem
        text = problem or "jobs can be polled again"
        (self.context.log.warning if problem else self.context.log.info)(text)
        DagsterEvent.engine_event(self.context, text, EngineEventData(metadata={}))
