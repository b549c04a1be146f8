"""A terminal that is closed, or a connection that is lost, ends a run as Ctrl-C does."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupt_on_sighup() -> Iterator[None]:
    """Has SIGHUP interrupt what is done within; where it is ignored, as under nohup(1), it stays so.

    The terminal may be gone then: what is still written to it goes nowhere, so that no error of writing (EIO) takes the
    interrupt's place.
    """
    own = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL
    if not own:
        yield
        return
    terminals = [descriptor for descriptor in (1, 2) if os.isatty(descriptor)]

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # once is enough; the end is not to be disturbed
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        for descriptor in terminals:
            os.dup2(nowhere, descriptor)
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGHUP, interrupt)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGHUP) is interrupt:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
