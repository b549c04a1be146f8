"""The actions of Batch: checks, effects and answers of each (API reference, version 2016-08-10)."""

import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from bioinfo_assets_tests.simulator.definitions import NAME, Definitions, check_common, settings
from bioinfo_assets_tests.simulator.errors import ApiError
from bioinfo_assets_tests.simulator.faults import Delays
from bioinfo_assets_tests.simulator.job import Job, Shape, Status
from bioinfo_assets_tests.simulator.logs import now_ms
from bioinfo_assets_tests.simulator.queues import Queue
from bioinfo_assets_tests.simulator.scheduler import Scheduler

MAX_DESCRIBED: Final = 100
MAX_LISTED: Final = 1000
MAX_LISTED_BY_FILTER: Final = 100
MAX_BULK: Final = 50
MAX_PAYLOAD_BYTES: Final = 30 * 1024
ARRAY_SIZES: Final = range(2, 10_001)
UNSUPPORTED: Final = ("dependsOn", "nodeOverrides", "eksPropertiesOverride", "ecsPropertiesOverride")

Request = Mapping[str, Any]


class BatchApi:
    """Batch in one account and region."""

    def __init__(
        self, account: str, queues: Sequence[Queue], scheduler: Scheduler, delays: Callable[[], Delays]
    ) -> None:
        self._account, self._queues, self._scheduler, self._delays = account, queues, scheduler, delays
        self._definitions = Definitions(account)
        self._jobs: dict[str, Job] = {}
        self.actions: Mapping[str, Callable[[Request], Shape]] = {
            "SubmitJob": self._submit_job,
            "DescribeJobs": self._describe_jobs,
            "ListJobs": self._list_jobs,
            "CancelJob": lambda request: self._end(self._scheduler.cancel, request),
            "TerminateJob": lambda request: self._end(self._scheduler.terminate, request),
            "CancelJobs": lambda request: self._end_all(self._scheduler.cancel, request),
            "TerminateJobs": lambda request: self._end_all(self._scheduler.terminate, request),
            "RegisterJobDefinition": self._definitions.register,
            "DescribeJobDefinitions": self._describe_job_definitions,
            "DeregisterJobDefinition": self._deregister_job_definition,
            "DescribeJobQueues": self._describe_job_queues,
            "DescribeComputeEnvironments": self._describe_compute_environments,
            "TagResource": self._tag_resource,
            "UntagResource": self._untag_resource,
            "ListTagsForResource": lambda request: {"tags": self._tags(request["resourceArn"])},
        }

    @property
    def jobs(self) -> Iterator[Job]:
        """All jobs and children, including forgotten ones."""
        for job in self._jobs.values():
            yield job
            yield from job.children

    def find(self, job_id: str) -> Job | None:
        parent, _, index = job_id.partition(":")
        job = self._jobs.get(parent)
        if job is None or not index:
            return job
        return job.children[int(index)] if index.isdigit() and int(index) < len(job.children) else None

    def _submit_job(self, request: Request) -> Shape:
        size = len(json.dumps(request).encode())
        if size > MAX_PAYLOAD_BYTES:  # message as in ASFHyP3/hyp3#3041
            raise ApiError(f"Job size must be less than 30 KiB, got {size // 1024} KiB")
        job_id = str(uuid.uuid4())
        job = Job(
            job_id,
            _job_name(request),
            self._account,
            self._queue_for(request).arn,
            (definition := self._definitions.active(request["jobDefinition"]))["jobDefinitionArn"],
            settings(definition, request),
            _array_size(request),
        )
        check_common(request)
        self._jobs[job_id] = job
        self._scheduler.submit(job)
        return {"jobArn": job.arn, "jobName": job.name, "jobId": job_id}

    def _queue_for(self, request: Request) -> Queue:
        unknown = [name for name in UNSUPPORTED if request.get(name)]
        if unknown:
            raise ApiError(f"The simulator does not support {', '.join(unknown)}.")
        queue = self._queue(request["jobQueue"])
        if not (queue.enabled and queue.valid):
            raise ApiError(f"Job Queue {queue.arn} is not in a state to take jobs.")
        share = request.get("shareIdentifier")
        if queue.fair_share != (share is not None):
            raise ApiError("shareIdentifier must be specified for fair-share job queues, and for those only.")
        if share is not None and not re.fullmatch(r"[A-Za-z0-9]{1,255}\*?", share):
            raise ApiError(f"shareIdentifier {share} is not valid.")
        if share is None and "schedulingPriorityOverride" in request:
            raise ApiError("schedulingPriorityOverride must be specified for fair-share job queues only.")
        if not 0 <= request.get("schedulingPriorityOverride", 0) <= 9999:
            raise ApiError("schedulingPriorityOverride must be between 0 and 9999.")
        return queue

    def _queue(self, name: str) -> Queue:
        for queue in self._queues:
            if name in {queue.name, queue.arn}:
                return queue
        raise ApiError(f"Job queue {name} does not exist.")

    def _is_visible(self, job: Job | None, delay_s: float) -> bool:
        if job is None or job.is_forgotten or (job.parent is not None and job.parent.is_forgotten):
            return False
        return now_ms() - (job.parent or job).created >= 1000 * delay_s

    def _describe_jobs(self, request: Request) -> Shape:
        if len(request["jobs"]) > MAX_DESCRIBED:
            raise ApiError("Maximum number of jobs supported is  100 .")  # pegasus-isi/pegasus#2086
        found = {job_id: self.find(job_id) for job_id in request["jobs"]}
        delay_s = self._delays().described_s
        return {"jobs": [job.detail() for job in found.values() if job is not None and self._is_visible(job, delay_s)]}

    def _list_jobs(self, request: Request) -> Shape:
        filters = request.get("filters", [])
        if len({"jobQueue", "arrayJobId", "multiNodeJobId"} & request.keys()) != 1:
            raise ApiError("Exactly one of jobQueue, arrayJobId and multiNodeJobId must be given.")
        if len(filters) > 1:
            raise ApiError("Only one filter can be used at a time.")
        if "arrayJobId" in request:
            parent = self.find(request["arrayJobId"])
            candidates, filters = (parent.children if parent is not None else []), []
        else:
            queue = self._queue(request["jobQueue"])
            candidates = [job for job in self._jobs.values() if job.queue_arn == queue.arn][::-1]
        status = Status(request.get("jobStatus", "RUNNING"))
        passes = _filter(filters[0]) if filters else lambda job: job.status is status
        if filters and filters[0]["name"] == "SHARE_IDENTIFIER" and "jobStatus" in request:
            has_share, passes = passes, lambda job: has_share(job) and job.status is status
        found = [job for job in candidates if passes(job) and self._is_visible(job, self._delays().listed_s)]
        max_size = MAX_LISTED_BY_FILTER if filters else MAX_LISTED
        return _page("jobSummaryList", [job.summary() for job in found], request, max_size)

    def _end(self, end: Callable[[Job, str], None], request: Request) -> Shape:
        job = self.find(request["jobId"])
        if job is not None:
            end(job, request["reason"])
        return {}

    def _end_all(self, end: Callable[[Job, str], None], request: Request) -> Shape:
        if len(request["jobs"]) > MAX_BULK:
            raise ApiError("jobs must have at most 50 items.")
        for job_id in request["jobs"]:
            self._end(end, {"jobId": job_id, "reason": request["reason"]})
        return {"successful": list(request["jobs"]), "errors": []}

    def _describe_job_definitions(self, request: Request) -> Shape:
        return _page("jobDefinitions", self._definitions.describe(request), request, MAX_DESCRIBED)

    def _deregister_job_definition(self, request: Request) -> Shape:
        self._definitions.deregister(request["jobDefinition"])
        return {}

    def _describe_job_queues(self, request: Request) -> Shape:
        names = request.get("jobQueues")
        found = [queue for queue in self._queues if names is None or {queue.name, queue.arn} & set(names)]
        return _page("jobQueues", [queue.detail() for queue in found], request, MAX_DESCRIBED)

    def _describe_compute_environments(self, request: Request) -> Shape:
        names = request.get("computeEnvironments")
        found = [
            queue
            for queue in self._queues
            if names is None or {queue.environment_name, queue.environment_arn} & set(names)
        ]
        shapes = [queue.environment_detail() for queue in found]
        return _page("computeEnvironments", shapes, request, MAX_DESCRIBED)

    def _tags(self, arn: str) -> dict[str, str]:
        job = self.find(arn.rpartition(":job/")[2])
        if job is not None and job.parent is None:
            return job.settings.tags
        found = self._definitions.describe({"jobDefinitions": [arn]})
        if not found:
            raise ApiError(f"Resource {arn} does not exist.")
        tags: dict[str, str] = found[0]["tags"]
        return tags

    def _tag_resource(self, request: Request) -> Shape:
        tags = self._tags(request["resourceArn"])
        check_common({"tags": {**tags, **request["tags"]}})
        tags.update(request["tags"])
        return {}

    def _untag_resource(self, request: Request) -> Shape:
        for name in request["tagKeys"]:
            self._tags(request["resourceArn"]).pop(name, None)
        return {}


def _job_name(request: Request) -> str:
    name: str = request["jobName"]
    if not NAME.fullmatch(name):
        raise ApiError(
            f"Job name should match valid pattern: {name} is not up to 128 letters, digits, '-' and '_', the first a"
            " letter or digit."
        )
    return name


def _array_size(request: Request) -> int | None:
    size: int | None = request.get("arrayProperties", {}).get("size")
    if size is not None and size not in ARRAY_SIZES:
        raise ApiError("Array size must be between 2 and 10000.")
    return size


def _filter(request: Request) -> Callable[[Job], bool]:
    """A filter of ListJobs: by name case-insensitive, by definition case-sensitive."""
    name, value = request["name"], request["values"][0]
    if name == "JOB_NAME":
        return lambda job: _matches(value.lower(), job.name.lower())
    if name == "JOB_DEFINITION" and value.startswith("arn:"):
        return lambda job: job.definition_arn == value
    if name == "JOB_DEFINITION":
        return lambda job: _matches(value, job.settings.definition)
    if name == "BEFORE_CREATED_AT":
        return lambda job: job.created < int(value)
    if name == "AFTER_CREATED_AT":
        return lambda job: job.created > int(value)
    if name == "SHARE_IDENTIFIER":
        return lambda job: job.settings.share["shareIdentifier"] == value
    raise ApiError(f"Filter {name} is not supported.")


def _matches(pattern: str, text: str) -> bool:
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern


def _page(key: str, found: list[Shape], request: Request, max_size: int) -> Shape:
    """One page; the token is the offset of the next."""
    size = request.get("maxResults", max_size)
    if size < 1:
        raise ApiError("maxResults must be at least 1.")
    token = request.get("nextToken", "0")
    if not token.isdigit():
        raise ApiError("nextToken is not valid.")
    end = int(token) + min(size, max_size)
    return {key: found[int(token) : end]} | ({"nextToken": str(end)} if end < len(found) else {})
