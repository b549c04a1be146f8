"""The simulator: Batch and CloudWatch Logs behind one HTTP address, and the faults that tests inject."""

import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from bioinfo_assets_tests.simulator.api import BatchApi
from bioinfo_assets_tests.simulator.errors import ApiError
from bioinfo_assets_tests.simulator.faults import (
    AnswerLost,
    ApiFault,
    Delays,
    Disconnected,
    EmptyPage,
    ErrorAnswer,
    JobFault,
    SlowAnswer,
    SpotReclaim,
    Throttled,
)
from bioinfo_assets_tests.simulator.job import Job
from bioinfo_assets_tests.simulator.logs import Logs
from bioinfo_assets_tests.simulator.played import Play
from bioinfo_assets_tests.simulator.queues import Queue, SimulatorConfig
from bioinfo_assets_tests.simulator.scheduler import Scheduler
from bioinfo_assets_tests.simulator.server import Answer, Server

ACCOUNT: Final = "123456789012"


class TokenBucket:
    """How AWS throttles: a request takes a token, and so many come back in a second."""

    def __init__(self, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = self._tokens = per_s
        self._clock = clock
        self._at = clock()

    def take(self) -> bool:
        """Take a token, if there is one."""
        now = self._clock()
        self._tokens = min(self._per_s, self._tokens + (now - self._at) * self._per_s)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


@dataclass(frozen=True)
class Request:
    """A request.

    Attributes:
        action: The action, such as `SubmitJob`.
        payload: The payload.
        at: Its time by `time.monotonic`.
    """

    action: str
    payload: Mapping[str, Any]
    at: float


class BatchSimulator:
    """AWS Batch on this host; see the docstring of the package.

    Args:
        folder: Each attempt works in `folder/JOB_ID/ATTEMPT`, which is kept for tests.
        machine_environment: Variables of every container, as an image and a job role would set them: PATH, AWS_* keys
            and endpoints. No variable of the host is passed on.
        queues: The job queues; after changing one, call `start_waiting_jobs`.
        max_running: Maximum number of jobs that are STARTING or RUNNING; the others are RUNNABLE.
        second_s: How long a second of Batch's timeouts and of its grace period of 30 seconds takes.
        delays: Other delays; `delays` can be replaced at any time.
        images: Images that can be pulled; None: all.
        requests_per_s: Requests of Batch that the account may make in a second, all actions together, with as many at
            once; others are throttled. None: any number.
        clock: Seconds, by which that rate is measured.
        log_groups: Log groups in addition to `/aws/batch/job`.
        play: Plays jobs without a process, for runs of many thousand; None: their commands are run.
    """

    def __init__(
        self,
        folder: Path,
        *,
        machine_environment: Mapping[str, str],
        queues: Sequence[Queue] = (Queue("default"),),
        max_running: int = 4,
        second_s: float = 1.0,
        delays: Delays = Delays(),  # noqa: B008 (frozen)
        images: Collection[str] | None = None,
        requests_per_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        log_groups: Collection[str] = (),
        play: Play | None = None,
    ) -> None:
        self.delays = delays
        self.requests: list[Request] = []
        self._bucket = None if requests_per_s is None else TokenBucket(requests_per_s, clock)
        self._job_faults: list[JobFault] = []
        self._api_faults: list[ApiFault] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._logs = Logs(lambda: self.delays.logged_s, ACCOUNT)
        for group in log_groups:
            self._logs.create_group(group)
        by_arn = {queue.arn: queue for queue in queues}
        self._config = SimulatorConfig(folder, machine_environment, by_arn, max_running, second_s, images, play)
        self._queues = queues

    def __enter__(self) -> Self:
        self._scheduler = Scheduler(self._config, self._logs, lambda: self.delays, self._job_faults)
        self._api = BatchApi(ACCOUNT, self._queues, self._scheduler, lambda: self.delays)
        self._server = Server(self._answer)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop all processes and threads."""
        self._closing.set()
        self._server.close()
        self._scheduler.close()

    @property
    def url(self) -> str:
        """Its address: AWS_ENDPOINT_URL_BATCH and AWS_ENDPOINT_URL_CLOUDWATCH_LOGS."""
        return self._server.url

    def inject(self, *faults: JobFault | ApiFault) -> None:
        """Activate faults."""
        with self._scheduler.lock, self._lock:
            self._job_faults += [fault for fault in faults if isinstance(fault, JobFault)]
            self._api_faults += [fault for fault in faults if isinstance(fault, ApiFault)]

    def withdraw(self, *faults: JobFault | ApiFault) -> None:
        """Deactivate faults; stuck jobs continue."""
        with self._scheduler.lock, self._lock:
            for fault in faults:
                of_kind: list[Any] = self._job_faults if isinstance(fault, JobFault) else self._api_faults
                of_kind.remove(fault)
        self.start_waiting_jobs()

    def start_waiting_jobs(self) -> None:
        """Start the waiting jobs that can run after a queue was changed."""
        self._scheduler.start_waiting_jobs()

    def reclaim(self, job_id: str) -> None:
        """Interrupt a running job now."""
        with self._scheduler.lock:
            self._scheduler.reclaim(self._job(job_id), SpotReclaim().result())

    def forget(self, job_id: str) -> None:
        """Make Batch forget a job, as it does some days after the end of the job."""
        with self._scheduler.lock:
            self._job(job_id).is_forgotten = True

    def count(self, action: str) -> int:
        """The number of requests of an action, including failed ones."""
        return len(self.payloads(action))

    def payloads(self, action: str) -> list[Mapping[str, Any]]:
        """The payloads of the requests of an action, in their order."""
        with self._lock:
            return [request.payload for request in self.requests if request.action == action]

    def job_details(self) -> list[dict[str, Any]]:
        """The descriptions of all jobs and array children, including those that DescribeJobs does not return."""
        with self._scheduler.lock:
            return [job.detail() for job in self._api.jobs]

    def printed(self, job_id: str, attempt: int = 1) -> list[str]:
        """The lines of an attempt, whether CloudWatch returns them yet or not."""
        with self._scheduler.lock:
            job = self._job(job_id)
            stream = job.attempts[attempt - 1].log_stream
        return [] if stream is None else self._logs.lines(job.settings.log_group, stream)

    def _job(self, job_id: str) -> Job:
        job = self._api.find(job_id)
        if job is None:
            raise KeyError(job_id)
        return job

    def _answer(self, action: str, payload: Mapping[str, Any]) -> Answer | None:
        """Return status and body for a request; None: the connection is closed without an answer."""
        with self._lock:
            self.requests.append(Request(action, payload, time.monotonic()))
            faults = [fault for fault in self._api_faults if fault.take(action)]
            if not faults and self._bucket is not None and action in self._api.actions and not self._bucket.take():
                faults = [Throttled()]
        fault = faults[0] if faults else None
        if isinstance(fault, Disconnected):
            return None
        if isinstance(fault, ErrorAnswer):
            return fault.status, {"message": fault.message, "__type": fault.code}
        answer = self._execute(action, payload)
        if isinstance(fault, SlowAnswer):
            self._closing.wait(fault.seconds)
        if isinstance(fault, EmptyPage) and answer[0] == 200:
            position, _, empty_pages = payload.get("nextToken", f"f/{0:056}/e0").rpartition("/")
            # A new token each time: the same token again would mean the end of the stream.
            token = f"{position}/e{int(empty_pages[1:] or 0) + 1}"
            return 200, {"events": [], "nextForwardToken": token, "nextBackwardToken": token}
        return None if isinstance(fault, AnswerLost) else answer

    def _execute(self, action: str, payload: Mapping[str, Any]) -> Answer:
        actions = {**self._api.actions, **self._logs.actions}
        if action not in actions:
            return 404, {"message": f"The simulator does not support {action}.", "__type": "UnknownOperationException"}
        try:
            with self._scheduler.lock:
                return 200, actions[action](payload)
        except ApiError as error:
            message = error.message
            if error.code == "ClientException":  # as Batch wraps its messages: ASFHyP3/hyp3#3041
                message = f"Error executing request, Exception : {message}, RequestId: {uuid.uuid4()}"
            return error.status, {"message": message, "__type": error.code}
