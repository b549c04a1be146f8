"""Polling of all of a process's jobs together by one thread, and a handle for each thread that waits for a job."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from bioinfo_assets.launch.backend import Backend, State, Status, Stream, Submission
from bioinfo_assets.launch.job import Job

OnChange = Callable[[Status], None]
OnOutput = Callable[[Stream, bytes], None]

_MAX_WAIT_S: Final = 0.2
"""A thread that waits longer than this in one call would notice an interrupt too late."""

_MAX_POLL_ERRORS: Final = 5
"""Consecutive errors of a backend's `poll` after which waiting threads raise the last one."""


class JobHandle:
    """A submitted job, for the one thread that waits for it.

    Changes and output are delivered in the thread that calls `wait`, so that what a caller does with them (Dagster's
    events belong to the step's own thread) needs no locks, delays no other job, and raises where it can be caught.

    Attributes:
        submission: The backend's submission.
    """

    def __init__(self, backend: Backend, submission: Submission, on_change: OnChange, on_output: OnOutput) -> None:
        self.submission = submission
        self._backend = backend
        self._on_change = on_change
        self._on_output = on_output
        self._offsets = dict.fromkeys(Stream, 0)
        self._changed = threading.Condition()
        self._updates: deque[Status | Exception] = deque()
        self._status = Status(State.QUEUED)

    def wait(self, timeout: float | None = None) -> Status:
        """Wait for the job's end; deliver all changes and output before returning.

        Args:
            timeout: Seconds to wait at most; None waits to the end.

        Returns:
            The final status, or the present one at the timeout.

        Raises:
            Exception: what the backend's `poll` raised repeatedly, or what `read_log` or a callback raised. The job may
                still run then; it can be cancelled, and waited for again.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            self._deliver()
            remaining_s = _MAX_WAIT_S if deadline is None else deadline - time.monotonic()
            if self._status.state.is_over or remaining_s <= 0:
                return self._status
            with self._changed:
                self._changed.wait_for(lambda: self._updates, min(_MAX_WAIT_S, remaining_s))

    @property
    def is_over(self) -> bool:
        """Whether the job is over, although `wait` may still have output to deliver.

        It delivers nothing itself, and any thread may read it.
        """
        with self._changed:
            newest = self._updates[-1] if self._updates else self._status
        return isinstance(newest, Status) and newest.state.is_over

    def cancel(self) -> None:
        """Cancel the job; `wait` then returns the status of its end."""
        self._backend.cancel(self.submission.job_id)

    def _push(self, update: Status | Exception) -> None:
        with self._changed:
            if self._updates and isinstance(self._updates[-1], Exception):
                self._updates.pop()  # it was not delivered yet, and this is newer
            if not self._updates or self._updates[-1] != update:
                self._updates.append(update)
                self._changed.notify()

    def _next_update(self) -> Status | Exception | None:
        with self._changed:
            return self._updates.popleft() if self._updates else None

    def _deliver(self) -> None:
        """Deliver all updates; output before the change that ends the job."""
        while (update := self._next_update()) is not None:
            if isinstance(update, Exception):
                raise update
            if update == self._status:
                continue
            if update.state is not State.QUEUED:
                self._deliver_output()
            self._status = update
            self._on_change(update)
        if self._status.state is State.RUNNING:
            self._deliver_output()

    def _deliver_output(self) -> None:
        for stream, offset in self._offsets.items():
            data = self._backend.read_log(self.submission.job_id, stream, offset)
            if data:
                self._offsets[stream] = offset + len(data)
                self._on_output(stream, data)


class Watcher:
    """Polls a backend for all its jobs, in one call and one thread, and passes the statuses to their handles.

    A poll that fails is repeated after exponentially longer waits; waiting threads get the error after five consecutive
    failures. Every job is polled until it is over, so that the end of a cancelled job is delivered too.

    Args:
        backend: Whose jobs.
        interval_s: Seconds between two polls; the backend's own interval if None.
        sleep: Waits that long; tests replace it to control the time.
    """

    def __init__(
        self, backend: Backend, interval_s: float | None = None, sleep: Callable[[float], object] | None = None
    ) -> None:
        self._backend = backend
        self._interval_s = backend.interval_s if interval_s is None else interval_s
        self._closed = threading.Event()
        self._sleep = sleep or self._closed.wait
        self._lock = threading.Lock()
        self._handles: dict[str, JobHandle] = {}
        self._errors = 0
        self._work = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"{backend.name} jobs", daemon=True)
        self._thread.start()

    def submit(
        self, job: Job, fingerprint: str = "", on_change: OnChange | None = None, on_output: OnOutput | None = None
    ) -> JobHandle:
        """Submit a job to the backend.

        Args:
            job: The job.
            fingerprint: Identifies its result (see `Backend.submit`).
            on_change: Called with each new status, in the thread that waits for the handle.
            on_output: Called with what the job printed, in the same thread.

        Raises:
            ResourceError: the job needs more resources than the backend can ever provide.
        """
        handle = JobHandle(
            self._backend, self._backend.submit(job, fingerprint), on_change or _ignore, on_output or _ignore
        )
        with self._lock:
            self._handles[handle.submission.job_id] = handle
            self._work.set()
        return handle

    def close(self) -> None:
        """Stop polling; unfinished jobs are left to the backend, and threads that wait for one get an error."""
        self._closed.set()
        self._work.set()
        self._thread.join()
        for handle in self._handles.values():
            handle._push(RuntimeError("the watcher was closed before the job was over"))  # noqa: SLF001 - as above

    def _watch(self) -> None:
        while self._work.wait() and not self._closed.is_set():
            self._poll()
            self._sleep(self._interval_s * 2 ** min(self._errors, _MAX_POLL_ERRORS))

    def _poll(self) -> None:
        with self._lock:
            handles = dict(self._handles)
        try:
            updates: Mapping[str, Status | Exception] = self._backend.poll(handles.keys())
            self._errors = 0
        except Exception as error:  # noqa: BLE001 - every waiting thread raises it
            self._errors += 1
            if self._errors < _MAX_POLL_ERRORS:
                return
            updates = dict.fromkeys(handles, error)
        with self._lock:  # before the delivery: whoever receives the end of a job may discard it
            for job_id, update in updates.items():
                if not isinstance(update, Exception) and update.state.is_over:
                    del self._handles[job_id]
            if not self._handles and not self._closed.is_set():
                self._work.clear()
        for job_id, handle in handles.items():
            handle._push(updates[job_id])  # noqa: SLF001 - the two classes are one mechanism


def _ignore(*_: object) -> None:
    pass
