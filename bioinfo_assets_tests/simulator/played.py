"""A job that is played without a process: a function does at once what its container would have done to S3."""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor

_log = logging.getLogger(__name__)
Play = Callable[[Sequence[str], Mapping[str, str], Callable[[bytes], None]], int]
"""Plays a job, given its command, all its variables, and what receives the lines of its log; returns the exit code."""


class PlayedContainer:
    """Stands in for `Container`. It cannot be stopped: it ends within a moment.

    Args:
        play: Plays the job.
        command: Its command.
        environment: All its variables.
        pool: Plays jobs at the same time.
        on_line: Called with each line of its log.
        on_exit: Called once with the exit code.
    """

    def __init__(
        self,
        play: Play,
        command: Sequence[str],
        environment: Mapping[str, str],
        pool: Executor,
        on_line: Callable[[bytes], None],
        on_exit: Callable[[int], None],
    ) -> None:
        self._play, self._command, self._environment = play, command, environment
        self._pool, self._on_line, self._on_exit = pool, on_line, on_exit

    def watch(self) -> None:
        """Play it."""
        self._pool.submit(self._run)

    def stop(self, grace_s: float) -> None:
        """Do nothing: it ends by itself."""

    def kill(self) -> None:
        """Do nothing: it ends by itself."""

    def join(self) -> None:
        """Do nothing: the pool is waited for."""

    def _run(self) -> None:
        try:
            code = self._play(self._command, self._environment, self._on_line)
        except Exception:  # noqa: BLE001 - whatever it is, the job must end, as after an error of its container
            _log.exception("a job could not be played")
            code = 1
        self._on_exit(code)
