"""The simulator: Batch and CloudWatch Logs behind one HTTP address, and the faults that tests give it."""

import threading
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
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
)
from bioinfo_assets_tests.simulator.job import Job
from bioinfo_assets_tests.simulator.logs import Logs
from bioinfo_assets_tests.simulator.machines import Queue, World
from bioinfo_assets_tests.simulator.scheduler import Scheduler
from bioinfo_assets_tests.simulator.server import Answer, Server

ACCOUNT: Final = "123456789012"


@dataclass(frozen=True)
class Request:
    """A request that came.

    Attributes:
        action: As the API calls it, such as `SubmitJob`.
        payload: What it said.
        at: When, by `time.monotonic`.
    """

    action: str
    payload: Mapping[str, Any]
    at: float


class BatchSimulator:
    """AWS Batch on this machine; see the package's docstring.

    Args:
        folder: Each attempt works in `folder/JOB_ID/ATTEMPT`; they stay, for tests to look at.
        machine_environment: Variables of every container, as an image and a job role would give them: PATH, AWS_* keys
            and endpoints. Nothing else comes from the host.
        queues: The job queues; a test may change one, and then `look_again`.
        max_running: How many jobs are STARTING or RUNNING at once; the others are RUNNABLE.
        second_s: How long a second of Batch's timeouts and of its 30 seconds' grace takes here.
        delays: How long other things take; `delays` can be set anew at any time.
        images: Images that can be pulled; None: all.
        log_groups: Log groups there are beside `/aws/batch/job`.
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
        log_groups: Collection[str] = (),
    ) -> None:
        self.delays = delays
        self.requests: list[Request] = []
        self._job_faults: list[JobFault] = []
        self._api_faults: list[ApiFault] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._logs = Logs(lambda: self.delays.logged_s, ACCOUNT)
        for group in log_groups:
            self._logs.create_group(group)
        by_arn = {queue.arn: queue for queue in queues}
        self._world = World(folder, machine_environment, by_arn, max_running, second_s, images)
        self._queues = queues

    def __enter__(self) -> Self:
        self._scheduler = Scheduler(self._world, self._logs, lambda: self.delays, self._job_faults)
        self._api = BatchApi(ACCOUNT, self._queues, self._scheduler, lambda: self.delays)
        self._server = Server(self._answer)
        return self

    def __exit__(self, *_: object) -> None:
        """Ends all processes and threads."""
        self._closing.set()
        self._server.close()
        self._scheduler.close()

    @property
    def url(self) -> str:
        """Its address: AWS_ENDPOINT_URL_BATCH and AWS_ENDPOINT_URL_CLOUDWATCH_LOGS."""
        return self._server.url

    def inject(self, *faults: JobFault | ApiFault) -> None:
        """Lets things go wrong from now on."""
        with self._scheduler.lock, self._lock:
            self._job_faults += [fault for fault in faults if isinstance(fault, JobFault)]
            self._api_faults += [fault for fault in faults if isinstance(fault, ApiFault)]

    def withdraw(self, *faults: JobFault | ApiFault) -> None:
        """Lets them go wrong no more; stuck jobs go on."""
        with self._scheduler.lock, self._lock:
            for fault in faults:
                of_kind: list[Any] = self._job_faults if isinstance(fault, JobFault) else self._api_faults
                of_kind.remove(fault)
        self.look_again()

    def look_again(self) -> None:
        """Gives places to waiting jobs, after a test changed a queue."""
        self._scheduler.look_again()

    def reclaim(self, job_id: str) -> None:
        """Takes the machine of a running job away, now."""
        with self._scheduler.lock:
            self._scheduler.reclaim(self._job(job_id), SpotReclaim().ending())

    def forget(self, job_id: str) -> None:
        """Lets Batch forget a job, as it does days after the job's end."""
        with self._scheduler.lock:
            self._job(job_id).is_forgotten = True

    def count(self, action: str) -> int:
        """How many requests of an action came, faulty answers included."""
        return len(self.payloads(action))

    def payloads(self, action: str) -> list[Mapping[str, Any]]:
        """What the requests of an action said, in their order."""
        with self._lock:
            return [request.payload for request in self.requests if request.action == action]

    def job_details(self) -> list[dict[str, Any]]:
        """All jobs and array children as DescribeJobs has them, forgotten ones and those not yet shown too."""
        with self._scheduler.lock:
            return [job.detail() for job in self._api.jobs]

    def printed(self, job_id: str, attempt: int = 1) -> list[str]:
        """The lines of an attempt, whether CloudWatch shows them yet or not."""
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
        """Status and body for a request; None: the connection is closed instead."""
        with self._lock:
            self.requests.append(Request(action, payload, time.monotonic()))
            struck = [fault for fault in self._api_faults if fault.strikes(action)]
        fault = struck[0] if struck else None
        if isinstance(fault, Disconnected):
            return None
        if isinstance(fault, ErrorAnswer):
            return fault.status, {"message": fault.message, "__type": fault.code}
        answer = self._carried_out(action, payload)
        if isinstance(fault, SlowAnswer):
            self._closing.wait(fault.seconds)
        if isinstance(fault, EmptyPage) and answer[0] == 200:
            token = payload.get("nextToken", f"f/{0:056}/s").removesuffix("/s").removesuffix("/e")
            return 200, {"events": [], "nextForwardToken": token + "/e", "nextBackwardToken": token + "/e"}
        return None if isinstance(fault, AnswerLost) else answer

    def _carried_out(self, action: str, payload: Mapping[str, Any]) -> Answer:
        known = {**self._api.actions, **self._logs.actions}
        if action not in known:
            return 404, {"message": f"The simulator has no {action}.", "__type": "UnknownOperationException"}
        try:
            with self._scheduler.lock:
                return 200, known[action](payload)
        except ApiError as error:
            message = error.message
            if error.code == "ClientException":  # as Batch wraps its words: ASFHyP3/hyp3#3041
                message = f"Error executing request, Exception : {message}, RequestId: {uuid.uuid4()}"
            return error.status, {"message": message, "__type": error.code}
