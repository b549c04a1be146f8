"""How far the jobs of a run are: counts by asset and state, and the failures."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate

STATES: Final = (JobState.PENDING, JobState.RUNNING, JobState.FAILED, JobState.CACHED, JobState.DONE)


@dataclass(frozen=True, slots=True)
class Failure:
    """A job that failed: the asset, the sample (empty where it has none), and why."""

    asset: str
    sample: str
    reason: str

    def __str__(self) -> str:
        whose = f" of {self.sample}" if self.sample else ""
        return f"{self.asset}{whose}: {self.reason}"


@dataclass(slots=True)
class RunProgress:
    """The jobs of a run.

    Attributes:
        totals: How many jobs each asset has, in the order in which they are made.
    """

    totals: Mapping[str, int]
    _over: bool = False
    _states: dict[tuple[str, str], JobState] = field(default_factory=dict)
    _failures: dict[tuple[str, str], Failure] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def update(self, update: JobUpdate) -> None:
        """Takes in a change; called from the threads of steps."""
        job = (update.asset, update.partition)
        with self._lock:
            self._states[job] = update.state
            if update.state is JobState.FAILED:
                self._failures[job] = Failure(*job, update.reason)

    def add_failure(self, failure: Failure) -> None:
        """Takes in a failure of a whole asset that no job told of."""
        self.update(JobUpdate(failure.asset, failure.sample, JobState.FAILED, failure.reason))

    def end(self) -> None:
        """Says that the run is over: what has not begun by now was skipped."""
        self._over = True

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The jobs that failed, in the order in which they did."""
        with self._lock:
            return tuple(self._failures.values())

    def counts(self) -> dict[str, dict[str, int]]:
        """By asset, how many of its jobs are in each state; what has not begun is pending."""
        with self._lock:
            states = dict(self._states)
        counted = {
            asset: Counter(state for (name, _), state in states.items() if name == asset) for asset in self.totals
        }
        return {asset: self._row(asset, count) for asset, count in counted.items()}

    def _row(self, asset: str, count: Counter[JobState]) -> dict[str, int]:
        row = {state.value: count[state] for state in (*STATES, JobState.SKIPPED)}
        row[JobState.PENDING.value] = 0
        not_begun = max(0, self.totals[asset] - sum(row.values()))
        row[(JobState.SKIPPED if self._over else JobState.PENDING).value] += not_begun
        return {**row, "total": self.totals[asset]}
