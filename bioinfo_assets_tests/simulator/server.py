"""The simulator: Batch and CloudWatch Logs behind one HTTP address."""

import json
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self

from bioinfo_assets_tests.simulator.api import BatchApi
from bioinfo_assets_tests.simulator.errors import ApiError
from bioinfo_assets_tests.simulator.faults import (
    AnswerLost,
    ApiFault,
    Delays,
    Disconnected,
    ErrorAnswer,
    JobFault,
    SlowAnswer,
    SpotReclaim,
)
from bioinfo_assets_tests.simulator.job import Job
from bioinfo_assets_tests.simulator.logs import Logs
from bioinfo_assets_tests.simulator.machines import Queue
from bioinfo_assets_tests.simulator.scheduler import Scheduler, World

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"
_TAGS: Final = {"GET": "ListTagsForResource", "POST": "TagResource", "DELETE": "UntagResource"}


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
        queues: The job queues; a test may change one at any time.
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
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="Batch simulator")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends all processes and threads."""
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._scheduler.close()

    @property
    def url(self) -> str:
        """Its address: AWS_ENDPOINT_URL_BATCH and AWS_ENDPOINT_URL_LOGS."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def inject(self, *faults: JobFault | ApiFault) -> None:
        """Lets things go wrong from now on."""
        with self._lock:
            self._job_faults += [fault for fault in faults if isinstance(fault, JobFault)]
            self._api_faults += [fault for fault in faults if isinstance(fault, ApiFault)]

    def withdraw(self, *faults: JobFault | ApiFault) -> None:
        """Lets them go wrong no more; stuck jobs go on."""
        with self._lock:
            for fault in faults:
                of_kind: list[Any] = self._job_faults if isinstance(fault, JobFault) else self._api_faults
                of_kind.remove(fault)
        self._scheduler.wake()

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

    def answer(self, action: str, payload: Mapping[str, Any]) -> tuple[int, dict[str, Any]] | None:
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
        return None if isinstance(fault, AnswerLost) else answer

    def _carried_out(self, action: str, payload: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        actions: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            **self._api.actions,
            **self._logs.actions,
        }
        if action not in actions:
            return 404, {"message": f"The simulator has no {action}.", "__type": "UnknownOperationException"}
        try:
            with self._scheduler.lock:
                return 200, actions[action](payload)
        except ApiError as error:
            return error.status, {"message": error.message, "__type": error.code}


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # joined when it closes
    request_queue_size = 128

    def __init__(self, simulator: BatchSimulator) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.simulator = simulator

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that went away are no error of the server's; others are told as the base does."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.0, one request a connection: nothing is left open when the simulator ends."""

    server: _Server
    timeout = 10

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Says nothing."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answered = self.server.simulator.answer(*self._request(body))
        if answered is None:
            return
        status, answer = answered
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if status != 200:
            self.send_header("x-amzn-ErrorType", answer["__type"])
        self.end_headers()
        self.wfile.write(content)

    def _request(self, body: bytes) -> tuple[str, dict[str, Any]]:
        """The action and its payload; Logs names it in a header, Batch in the path."""
        payload: dict[str, Any] = json.loads(body or b"{}")
        target = self.headers.get("X-Amz-Target")
        if target is not None:
            return target.rpartition(".")[2], payload
        url = urllib.parse.urlsplit(self.path)
        if url.path.startswith("/v1/tags/"):
            arn = urllib.parse.unquote(url.path.removeprefix("/v1/tags/"))
            keys = urllib.parse.parse_qs(url.query).get("tagKeys", [])
            return _TAGS[self.command], payload | {"resourceArn": arn} | ({"tagKeys": keys} if keys else {})
        return _action(url.path.removeprefix("/v1/")), payload


def _action(name: str) -> str:
    """`submitjob` as the API writes it."""
    return {known.lower(): known for known in _BATCH_ACTIONS}.get(name, name)


_BATCH_ACTIONS: Final = (
    "SubmitJob",
    "DescribeJobs",
    "ListJobs",
    "CancelJob",
    "TerminateJob",
    "CancelJobs",
    "TerminateJobs",
    "RegisterJobDefinition",
    "DescribeJobDefinitions",
    "DeregisterJobDefinition",
    "DescribeJobQueues",
    "DescribeComputeEnvironments",
)
