"""Command lines as processes that can be killed: forked from one that has imported everything, which takes seconds.

What a process does at its start is not repeated; from `bioinfo_assets.cli.main:app` on, all is as a user has it.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bioinfo_assets_tests.faults.operations import Moment, dying_at

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["bioinfo_assets.cli.main", "bioinfo_assets.application.dagster_runs", "bioinfo_assets.assets.sync", "boto3"]
)

TIMEOUT_S: Final = 900.0
"""A run whose jobs are here and whose results are in S3 takes five minutes to end while that is away: each result is
tried for one, and then read once more for the list of files."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes:
        exit_code: Its own, or the negative number of the signal that ended it.
        text: What it printed, on both streams.
    """

    exit_code: int
    text: str

    def check_it_ended_in_sentences(self) -> None:
        """It succeeded, or it failed with a reason."""
        assert self.exit_code in {0, 1, 2}, self
        assert "Traceback" not in self.text, self.text
        assert "defect" not in self.text, self.text
        if self.exit_code:
            assert self.text.strip(), self


class Host:
    """A running command.

    Args:
        arguments: Of `bioinfo-assets`.
        printed: The file for what it prints.
        variables: Added to its environment.
        moment: When it kills itself; never if None.
    """

    def __init__(
        self,
        arguments: Sequence[object],
        printed: Path,
        variables: Mapping[str, str] | None = None,
        moment: Moment | None = None,
    ) -> None:
        self._printed = printed
        self._process: BaseProcess = _FORKS.Process(
            target=_be_a_command,
            args=([*map(str, arguments)], str(printed), {**os.environ, **(variables or {})}, moment),
            daemon=True,
        )
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    def kill(self) -> None:
        """Kill it as `kill -9` does; it may be over."""
        if self._process.is_alive():
            self._process.kill()

    def wait(self, timeout_s: float | None = TIMEOUT_S) -> Ended:
        """Wait for its end."""
        self._process.join(timeout_s)
        if self._process.exitcode is None:
            os.kill(self.pid, signal.SIGABRT)  # faulthandler prints where it hangs
            self._process.join(10)
            self._process.kill()
            raise AssertionError(f"still running after {timeout_s} s:\n{self._printed.read_text(errors='replace')}")
        return Ended(self._process.exitcode, self._printed.read_text(errors="replace"))


def run_command(arguments: Sequence[object], printed: Path, variables: Mapping[str, str] | None = None) -> Ended:
    """Run a command to its end."""
    return Host(arguments, printed, variables).wait()


def _be_a_command(arguments: list[str], printed: str, environment: dict[str, str], moment: Moment | None) -> None:
    import faulthandler  # noqa: PLC0415 - for a process that hangs

    descriptor = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
    os.environ.clear()
    os.environ.update(environment)
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        signal.signal(number, handler)
    sys.argv = ["bioinfo-assets", *arguments]
    faulthandler.enable()
    from bioinfo_assets.cli.main import app  # noqa: PLC0415 - imported before the fork

    with nullcontext() if moment is None else dying_at(moment):
        app()
