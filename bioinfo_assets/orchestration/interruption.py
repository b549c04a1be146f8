"""How a step in a thread learns that its run is being ended.

Interrupts reach a process's main thread only. The executor sets a flag that each of its steps can see; a step that
waits asks for it and raises the interrupt in its own thread, where its jobs are cancelled.
"""

from contextvars import ContextVar
from threading import Event
from typing import Final

from bioinfo_assets.orchestration.internals import DagsterExecutionInterruptedError

CANCELLED_BY_INTERRUPT: Final = {"bioinfo-assets/interrupt": "cancels"}
"""Tag of a run that only its user interrupts: it ends as cancelled. To Dagster an interrupt that it did not send itself
is a failure, such as of a machine that is shut down."""

_run_is_ending: ContextVar[Event | None] = ContextVar("run_is_ending", default=None)


def announce_by(flag: Event) -> None:
    """Makes `flag` the one that steps of this context ask for."""
    _run_is_ending.set(flag)


def raise_if_interrupted() -> None:
    """Raises the interrupt of this step's run, if there is one.

    Raises:
        DagsterExecutionInterruptedError: the run is being ended.
    """
    flag = _run_is_ending.get()
    if flag is not None and flag.is_set():
        raise DagsterExecutionInterruptedError
