"""How an interrupt of a run reaches its steps.

Only a process's main thread receives interrupts. The executor sets a flag; a waiting step polls it and raises the
interrupt in its own thread, where it cancels its jobs.
"""

from contextvars import ContextVar
from threading import Event
from typing import Final

from bioinfo_assets.orchestration.internals import DagsterExecutionInterruptedError

CANCELLED_BY_INTERRUPT: Final = {"bioinfo-assets/interrupt": "cancels"}
"""Tag of a run that only its user interrupts, and that then ends as cancelled. Dagster treats an interrupt that it did
not send itself, such as the shutdown of a machine, as a failure."""

_interrupt_flag: ContextVar[Event | None] = ContextVar("interrupt_flag", default=None)


def set_interrupt_flag(flag: Event) -> None:
    """Set the flag that `raise_if_interrupted` checks in this context."""
    _interrupt_flag.set(flag)


def raise_if_interrupted() -> None:
    """Raise the interrupt of this step's run, if there is one.

    Raises:
        DagsterExecutionInterruptedError: the run was interrupted.
    """
    flag = _interrupt_flag.get()
    if flag is not None and flag.is_set():
        raise DagsterExecutionInterruptedError
