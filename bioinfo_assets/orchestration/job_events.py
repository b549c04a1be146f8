"""What Dagit's run page shows of jobs: an event for each change of state, for the first jobs of each asset."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import dagster as dg

from bioinfo_assets.launch.backend import Status, Submission
from bioinfo_assets.orchestration.internals import DagsterEvent, EngineEventData, StepExecutionContext
from bioinfo_assets.result_key import ResultKey

MAX_EVENTS_PER_STATE: Final = 20
"""How many jobs of an asset are shown to enter the same state. Each event costs Dagster some milliseconds, an array has
up to ten thousand jobs, and that many events are of no use to a reader: a failure names its job's log in any case."""

MAX_EVENTS_WITHOUT_LINKS: Final = 10
"""The same for an event that has nothing to look at, such as a job's log."""

NO_LINKS: Final[Mapping[str, dg.MetadataValue]] = {}


@dataclass(slots=True)
class JobEvents:
    """The engine events of a step.

    Attributes:
        context: Dagster's context of the step.
    """

    context: StepExecutionContext
    _counts: Counter[str] = field(default_factory=Counter)
    _shown_problem: str = ""

    def show(self, key: ResultKey, text: str, links: Mapping[str, dg.MetadataValue] = NO_LINKS) -> None:
        """Show an event of a result's job, unless many jobs have shown it before."""
        name = f"{key.asset}: {text.replace(key.scope, '…')}"  # names of files begin with the sample's
        self._counts[name] += 1
        limit = MAX_EVENTS_PER_STATE if links else MAX_EVENTS_WITHOUT_LINKS
        if self._counts[name] <= limit:
            last = " (not shown for further jobs)" if self._counts[name] == limit else ""
            self._event(f"{key.job_name}: {text}{last}", links)

    def show_submission(self, key: ResultKey, text: str, submission: Submission) -> None:
        """Show that a result's job was submitted, and where its files and its log are."""
        links = {
            "job_id": dg.MetadataValue.text(submission.job_id),
            "scratch": dg.MetadataValue.path(submission.scratch),
            "log": dg.MetadataValue.path(submission.log),
        }
        self.show(key, text, links)

    def show_status(self, key: ResultKey, status: Status) -> None:
        """Show the status of a job that is not over."""
        links = {name: dg.MetadataValue.url(url) for name, url in status.links.items()}
        self.show(key, f"{status.state.value}. {status.reason}".rstrip(". "), links)

    def show_poll_problem(self, problem: str) -> None:
        """Show that jobs cannot be polled, and that they can again.

        Args:
            problem: Why they cannot; empty if they can.
        """
        if bool(problem) == bool(self._shown_problem):
            return
        self._shown_problem = problem
        text = problem or "jobs can be polled again"
        (self.context.log.warning if problem else self.context.log.info)(text)
        self._event(text, NO_LINKS)

    def _event(self, text: str, links: Mapping[str, dg.MetadataValue]) -> None:
        # Building an engine event logs it.
        DagsterEvent.engine_event(self.context, text, EngineEventData(metadata=dict(links)))
