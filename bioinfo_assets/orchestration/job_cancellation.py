"""How a step ends jobs before their time: they are cancelled, and their scratch is freed once they are over."""

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Final

from bioinfo_assets.launch.backend import Submission
from bioinfo_assets.launch.watcher import JobHandle
from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate, notify
from bioinfo_assets.orchestration.session import Session
from bioinfo_assets.records.commit import SubmittedJob
from bioinfo_assets.result_key import ResultKey

CANCEL_TIMEOUT_S: Final = 30.0
"""How long a step that is being cancelled waits for its jobs to end; the backend is closed after it anyway."""

MAX_CONCURRENT_CANCELS: Final = 16


def cancel_ahead(session: Session, submissions: Iterable[Submission], pool: Executor) -> None:
    """Cancel jobs that were submitted ahead of their turn; threads of the pool wait for their end."""
    for submission in submissions:
        session.backend.cancel(submission.job_id)
        handle = session.watcher.follow(submission)
        pool.submit(_discard_when_over, session, handle, time.monotonic() + CANCEL_TIMEOUT_S, keep_log=False)


def cancel_all(session: Session, running: Mapping[ResultKey, SubmittedJob], ahead: Sequence[Submission]) -> None:
    """Cancel jobs and wait for their end, in parallel: whoever presses Ctrl-C waits for it.

    Args:
        session: The run's resources.
        running: Jobs of results that are computed; their logs are kept, and they are shown as cancelled.
        ahead: Jobs that were submitted ahead of their turn.
    """
    for submission in (*(submitted.submission for submitted in running.values()), *ahead):
        session.backend.cancel(submission.job_id)
    deadline = time.monotonic() + CANCEL_TIMEOUT_S
    with ThreadPoolExecutor(MAX_CONCURRENT_CANCELS, thread_name_prefix="cancels") as pool:
        ended = [
            *(
                pool.submit(_discard_when_over, session, submitted.handle, deadline, keep_log=True)
                for submitted in running.values()
            ),
            *(
                pool.submit(_discard_when_over, session, session.watcher.follow(submission), deadline, keep_log=False)
                for submission in ahead
            ),
        ]
    for future in ended:
        future.result()
    for key in running:
        notify(JobUpdate(key, JobState.FAILED, "cancelled"))


def _discard_when_over(session: Session, handle: JobHandle, deadline: float, *, keep_log: bool) -> None:
    if handle.wait(max(0.0, deadline - time.monotonic())).state.is_over:
        session.backend.discard(handle.submission.job_id, keep_log=keep_log)
