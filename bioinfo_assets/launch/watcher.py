"""One thread that asks for the state of all of a process's jobs together, and a ticket for each who waits."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from bioinfo_assets.launch.backend import Backend, State, Status, Stream, Submission
from bioinfo_assets.launch.job import Job

OnChange = Callable[[Status], None]
OnOutput = Callable[[Stream, bytes], None]

_INTERRUPTIBLE_S: Final = 0.2
"""A thread that waits longer than this in one go would feel an interrupt too late."""

_MAX_POLL_ERRORS: Final = 5
"""Errors of a backend's `poll`, one right after another, that make it an error for those who wait."""


class JobHandle:
    """A job that was submitted, for the one thread that waits for it.

    Changes and output are delivered in the thread that calls `wait`, so that what a caller does with them (Dagster's
    events belong to the step's own thread) needs no locks, holds up no other job, and raises where it can be caught.

    Attributes:
        submission: What the backend said when it took the job.
    """

    def __init__(self, backend: Backend, submission: Submission, on_change: OnChange, on_output: OnOutput) -> None:
        self.submission = submission
        self._backend = backend
        self._on_change = on_change
        self._on_output = on_output
        self._offsets = dict.fromkeys(Stream, 0)
        self._changed = threading.Condition()
        self._news: deque[Status | Exception] = deque()
        self._status = Status(State.QUEUED)

    def wait(self, timeout: float | None = None) -> Status:
        """Waits for the job's end, delivering changes and output meanwhile, all of them before it returns.

        Args:
            timeout: Seconds to wait at most; None waits to the end.

        Returns:
            The final status, or the present one when the time is over.

        Raises:
            Exception: what the backend's `poll` raised again and again, or what `read_log` or a callback raised. The
                job may still run then; it can be cancelled, and waited for anew.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            self._deliver()
            left = _INTERRUPTIBLE_S if deadline is None else deadline - time.monotonic()
            if self._status.state.is_over or left <= 0:
                return self._status
            with self._changed:
                self._changed.wait_for(lambda: self._news, min(_INTERRUPTIBLE_S, left))

    @property
    def is_over(self) -> bool:
        """Whether the job is over as far as the watcher knows; what `wait` then still has to deliver can take a while.

        Costs nothing and delivers nothing; may be asked by any thread.
        """
        with self._changed:
            newest = self._news[-1] if self._news else self._status
        return isinstance(newest, Status) and newest.state.is_over

    def cancel(self) -> None:
        """Ends the job; `wait` then tells that it was cancelled."""
        self._backend.cancel(self.submission.job_id)

    def _tell(self, news: Status | Exception) -> None:
        with self._changed:
            if self._news and isinstance(self._news[-1], Exception):
                self._news.pop()  # nobody heard of it, and this is newer
            if not self._news or self._news[-1] != news:
                self._news.append(news)
                self._changed.notify()

    def _next_news(self) -> Status | Exception | None:
        with self._changed:
            return self._news.popleft() if self._news else None

    def _deliver(self) -> None:
        """Tells the news; output before the change that ends the job."""
        while (news := self._next_news()) is not None:
            if isinstance(news, Exception):
                raise news
            if news == self._status:
                continue
            if news.state is not State.QUEUED:
                self._deliver_output()
            self._status = news
            self._on_change(news)
        if self._status.state is State.RUNNING:
            self._deliver_output()

    def _deliver_output(self) -> None:
        for stream, offset in self._offsets.items():
            data = self._backend.read_log(self.submission.job_id, stream, offset)
            if data:
                self._offsets[stream] = offset + len(data)
                self._on_output(stream, data)


class Watcher:
    """Asks a backend for the state of all its jobs, in one call and one thread, and tells those who wait.

    A question that fails is asked again after ever longer waits; who waits gets the error once five have failed in a
    row. It goes on asking for every job until that is over, so that the end of a job that is cancelled is told too.

    Args:
        backend: Whose jobs.
        interval_s: Seconds from one question to the next; what suits the backend, if None.
        sleep: Waits that long; a test gives its own to be the clock.
    """

    def __init__(
        self, backend: Backend, interval_s: float | None = None, sleep: Callable[[float], object] | None = None
    ) -> None:
        self._backend = backend
        self._interval_s = backend.interval_s if interval_s is None else interval_s
        self._closed = threading.Event()
        self._sleep = sleep or self._closed.wait
        self._lock = threading.Lock()
        self._tickets: dict[str, JobHandle] = {}
        self._errors = 0
        self._work = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"{backend.name} jobs", daemon=True)
        self._thread.start()

    def submit(
        self, job: Job, fingerprint: str = "", on_change: OnChange | None = None, on_output: OnOutput | None = None
    ) -> JobHandle:
        """Gives a job to the backend.

        Args:
            job: The job.
            fingerprint: Names what it makes (see `Backend.submit`).
            on_change: Called with each new status, by whoever waits for the ticket, in that thread.
            on_output: Called with what the job printed, in the same way.

        Raises:
            ResourceError: the job asks for more than the backend can ever give.
        """
        ticket = JobHandle(
            self._backend, self._backend.submit(job, fingerprint), on_change or _ignore, on_output or _ignore
        )
        with self._lock:
            self._tickets[ticket.submission.job_id] = ticket
            self._work.set()
        return ticket

    def cancel_all(self) -> None:
        """Ends every job that is not over."""
        with self._lock:
            tickets = list(self._tickets.values())
        for ticket in tickets:
            ticket.cancel()

    def close(self) -> None:
        """Stops asking; jobs that are not over are left to the backend, and who waits for one gets an error."""
        self._closed.set()
        self._work.set()
        self._thread.join()
        for ticket in self._tickets.values():
            ticket._tell(RuntimeError("the watcher was closed before the job was over"))  # noqa: SLF001 - as above

    def _watch(self) -> None:
        while self._work.wait() and not self._closed.is_set():
            self._ask()
            self._sleep(self._interval_s * 2 ** min(self._errors, _MAX_POLL_ERRORS))

    def _ask(self) -> None:
        with self._lock:
            tickets = dict(self._tickets)
        try:
            news: Mapping[str, Status | Exception] = self._backend.poll(tickets.keys())
            self._errors = 0
        except Exception as error:  # noqa: BLE001 - every waiting thread gets it and raises it
            self._errors += 1
            if self._errors < _MAX_POLL_ERRORS:
                return
            news = dict.fromkeys(tickets, error)
        with self._lock:  # before they are told: a job that is over may be discarded by whoever hears of it
            for job_id, told in news.items():
                if not isinstance(told, Exception) and told.state.is_over:
                    del self._tickets[job_id]
            if not self._tickets and not self._closed.is_set():
                self._work.clear()
        for job_id, ticket in tickets.items():
            ticket._tell(news[job_id])  # noqa: SLF001 - the two classes are one mechanism


def _ignore(*_: object) -> None:
    pass
