"""The progress of a run: how many jobs of each asset are in which state, and which failed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate
from bioinfo_assets.result_key import ResultKey

STATES: Final = (JobState.PENDING, JobState.RUNNING, JobState.FAILED, JobState.CACHED, JobState.DONE)
"""The states that are always shown, in this order. SKIPPED is shown only if there are such jobs."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed job, or a run that failed without one.

    Attributes:
        asset: The asset, or `the run`.
        sample: The sample; None for an asset without partitions, and for a run.
        reason: Why, in a sentence.
    """

    asset: str
    sample: str | None
    reason: str

    def __str__(self) -> str:
        label = f"{self.asset} of {self.sample}" if self.sample else self.asset
        return f"{label}: {self.reason}"


@dataclass(slots=True)
class RunProgress:
    """The states of a run's jobs. Thread-safe.

    Attributes:
        totals: The number of jobs of each asset, in the order of the graph.
    """

    totals: Mapping[str, int]
    _is_over: bool = False
    _states: dict[ResultKey, JobState] = field(default_factory=dict)
    _data_versions: dict[ResultKey, str] = field(default_factory=dict)
    _counts: Counter[tuple[str, JobState]] = field(default_factory=Counter)
    _failures: list[Failure] = field(default_factory=list)
    _warnings: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def update(self, update: JobUpdate) -> None:
        """Record a change of state."""
        with self._lock:
            previous = self._states.get(update.key)
            if previous is not None:
                self._counts[update.key.asset, previous] -= 1
            self._states[update.key] = update.state
            self._data_versions[update.key] = update.data_version
            self._counts[update.key.asset, update.state] += 1
            if update.state is JobState.FAILED:
                self._failures.append(Failure(update.key.asset, update.key.partition_key, update.reason))
            elif update.reason:
                self._warnings[update.reason] += 1

    def add_failure(self, failure: Failure) -> None:
        """Record the failure of a run."""
        with self._lock:
            self._failures.append(failure)

    def end(self) -> None:
        """Mark the run as over: jobs that have not started count as skipped."""
        self._is_over = True

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The failures, in chronological order."""
        with self._lock:
            return tuple(self._failures)

    @property
    def warnings(self) -> Mapping[str, int]:
        """What needs attention although jobs were done, with the number of results that it is true of."""
        with self._lock:
            return dict(self._warnings)

    @property
    def data_versions(self) -> Mapping[ResultKey, str]:
        """The data version of each result that was computed or reused; empty for the others."""
        with self._lock:
            return dict(self._data_versions)

    def counts(self) -> dict[str, dict[str, int]]:
        """Return, by asset, the number of jobs in each state; jobs that have not started are pending."""
        with self._lock:
            return {asset: self._row(asset) for asset in self.totals}

    def _row(self, asset: str) -> dict[str, int]:
        row = {state.value: self._counts[asset, state] for state in (*STATES, JobState.SKIPPED)}
        row[JobState.PENDING.value] = 0
        not_started = max(0, self.totals[asset] - sum(row.values()))
        row[(JobState.SKIPPED if self._is_over else JobState.PENDING).value] += not_started
        return {**row, "total": self.totals[asset]}
