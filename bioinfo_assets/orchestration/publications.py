"""The results of jobs that are over: those that are being published, and those that wait until S3 answers again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bioinfo_assets.errors import UnreachableError
from bioinfo_assets.orchestration.result_tasks import Result, ResultTasks
from bioinfo_assets.records.commit import SubmittedJob
from bioinfo_assets.result_key import ResultKey

if TYPE_CHECKING:
    from concurrent.futures import Future


@dataclass(slots=True)
class Publications:
    """Publishes results. Not thread-safe.

    Attributes:
        tasks: The work for single results.
        in_pool: Does work for a result in a thread.
    """

    tasks: ResultTasks
    in_pool: Callable[[ResultKey, Callable[[], Result]], "Future[Result]"]
    _jobs: dict[ResultKey, SubmittedJob] = field(default_factory=dict)
    _begun: "dict[ResultKey, Future[Result]]" = field(default_factory=dict)

    def __len__(self) -> int:
        """How many results are being published."""
        return len(self._begun)

    def begin(self, key: ResultKey, submitted: SubmittedJob) -> None:
        """Publish the result of a job that is over."""
        self._jobs[key] = submitted
        self._begun[key] = self.in_pool(key, lambda: self.tasks.commit(submitted))

    def begin_again(self, key: ResultKey) -> bool:
        """Publish a result that could not be published before; return whether it is one."""
        if key in self._jobs:
            self.begin(key, self._jobs[key])
        return key in self._jobs

    def is_done(self, key: ResultKey) -> bool:
        """Whether the attempt to publish a result is over."""
        return key in self._begun and self._begun[key].done()

    def pop(self, key: ResultKey) -> Result:
        """The result that was published.

        Raises:
            UnreachableError: S3 does not answer for the moment: see `begin_again` and `give_up`.
            BioinfoAssetsError: what else `ResultTasks.commit` raises.
        """
        future = self._begun.pop(key)
        if not isinstance(future.exception(), UnreachableError):
            del self._jobs[key]
        return future.result()

    def give_up(self, key: ResultKey, error: UnreachableError) -> str:
        """Give up a result; return a sentence with the reason, and where its files are if its job is over."""
        submitted = self._jobs.pop(key, None)
        return str(error) if submitted is None else self.tasks.give_up(submitted, error)
