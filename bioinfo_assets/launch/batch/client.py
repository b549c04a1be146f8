"""The calls to AWS Batch: many jobs in one call, retries when throttled, and no job submitted twice.

Limits are those of the AWS Batch API reference and its service quotas.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError
from tenacity import (
    Retrying,
    retry_if_exception,
    retry_if_result,
    stop_after_delay,
    wait_fixed,
    wait_random_exponential,
)

from bioinfo_assets.errors import InputError, UnreachableError
from bioinfo_assets.launch.batch.single_flight import SingleFlight
from bioinfo_assets.storage.aws_session import new_session

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import JobDefinitionTypeDef, JobDetailTypeDef, JobSummaryTypeDef

MAX_DESCRIBED_JOBS: Final = 100
"""Maximum number of ids in a DescribeJobs request (API reference)."""

ACTIVE: Final = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")
"""Statuses of a job that has not ended."""

_THROTTLED: Final = frozenset(
    {"TooManyRequestsException", "ThrottlingException", "Throttling", "RequestLimitExceeded", "RequestThrottled"}
)
"""Error codes of requests that had no effect and may be repeated (botocore, retries guide)."""

_FORBIDDEN: Final = frozenset(
    {"AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "InvalidSignatureException"}
    | {"InvalidClientTokenId"}
)
_EXPIRED: Final = frozenset({"ExpiredTokenException", "ExpiredToken"})
_SUBMIT_TIMEOUT_S: Final = 300.0
_MAX_CONNECTIONS: Final = 20  # about as many as calling threads


class Client:
    """The calls to AWS Batch; endpoint, region and credentials are those that boto3 finds.

    Args:
        listing_delay_s: Seconds for which ListJobs may not yet list a job that was accepted. For so long a job whose
            submission was not answered is looked up by its name before it is submitted again.
    """

    def __init__(self, listing_delay_s: float = 60.0) -> None:
        self._listing_delay_s = listing_delay_s
        self._clients: SingleFlight[BatchClient] = SingleFlight()

    def describe(self, ids: Collection[str]) -> dict[str, "JobDetailTypeDef"]:
        """Return the descriptions of jobs by id; without jobs that Batch does not know or has forgotten."""
        with self._call():
            answers = [self._batch.describe_jobs(jobs=part) for part in _chunks(ids, MAX_DESCRIBED_JOBS)]
        return {job["jobId"]: job for answer in answers for job in answer["jobs"]}

    def submit(self, request: Mapping[str, Any]) -> str:
        """Submit a job or an array of jobs and return its id.

        SubmitJob has no client token: without an answer, the job is looked up by its name, which is unique to the
        submission, before it is submitted again.

        Raises:
            InputError: Batch rejects it.
            UnreachableError: Batch cannot be reached.
        """
        retrying = Retrying(
            retry=retry_if_exception(_is_retryable),
            wait=wait_random_exponential(multiplier=0.2, max=20),
            stop=stop_after_delay(_SUBMIT_TIMEOUT_S),
            reraise=True,
        )
        with self._call():
            return retrying(self._submit_once, request)

    def find(self, queue: str, name: str) -> str | None:
        """Return the id of the job of this name in a queue, in any state; None if there is none."""
        return next((job["jobId"] for job in self._list(queue, name) if job["jobName"] == name), None)

    def find_until_listed(self, queue: str, name: str) -> str | None:
        """`find`, repeated for as long as the job may not be listed yet."""
        retrying = Retrying(
            retry=retry_if_result(lambda batch_id: batch_id is None),
            wait=wait_fixed(min(1.0, self._listing_delay_s / 5)),
            stop=stop_after_delay(self._listing_delay_s),
            retry_error_callback=lambda _: None,
        )
        return retrying(self.find, queue, name)

    def active(self, queue: str, prefix: str) -> list["JobSummaryTypeDef"]:
        """The jobs and arrays of a queue that have not ended and whose names begin with a prefix, newest first.

        They are listed by status: a thousand in a call, and none that has ended. By name it would be a hundred of all
        that Batch remembers. The order of the statuses is that of a job's life, so that none is missed which starts
        meanwhile.
        """
        found: dict[str, JobSummaryTypeDef] = {}
        with self._call():
            for status in ACTIVE:
                for page in self._batch.get_paginator("list_jobs").paginate(jobQueue=queue, jobStatus=status):
                    found |= {job["jobId"]: job for job in page["jobSummaryList"] if job["jobName"].startswith(prefix)}
        return sorted(found.values(), key=lambda job: job["createdAt"], reverse=True)

    def is_running_jobs(self, queue: str) -> bool:
        """Whether any job of a queue, whoever submitted it, is starting or running.

        An array is PENDING while its jobs run, which are not listed (AWS Batch user guide, job states).
        """
        with self._call():
            for status in ("RUNNING", "STARTING"):
                if self._batch.list_jobs(jobQueue=queue, jobStatus=status, maxResults=1)["jobSummaryList"]:
                    return True
            pages = self._batch.get_paginator("list_jobs").paginate(jobQueue=queue, jobStatus="PENDING")
            arrays = [job["jobId"] for page in pages for job in page["jobSummaryList"]]
        summaries = (job.get("arrayProperties", {}).get("statusSummary", {}) for job in self.describe(arrays).values())
        return any(summary.get(status, 0) for summary in summaries for status in ("RUNNING", "STARTING"))

    def terminate(self, batch_id: str, reason: str) -> None:
        """Terminate a job in any state; this has no effect on one that has ended."""
        with self._call():
            self._batch.terminate_job(jobId=batch_id, reason=reason)

    def definition(self, name: str) -> "JobDefinitionTypeDef | None":
        """The newest active revision of a definition, or the revision that `NAME:REVISION` or an ARN names."""
        query: dict[str, Any] = {"jobDefinitions": [name]} if ":" in name else {"jobDefinitionName": name}
        with self._call():
            pages = self._batch.get_paginator("describe_job_definitions").paginate(status="ACTIVE", **query)
            revisions = [definition for page in pages for definition in page["jobDefinitions"]]
        return max(revisions, key=lambda definition: definition["revision"], default=None)

    def register(self, definition: Mapping[str, Any]) -> str:
        """Register a definition and return `NAME:REVISION`."""
        with self._call():
            registered = self._batch.register_job_definition(**definition)
        return f"{registered['jobDefinitionName']}:{registered['revision']}"

    @property
    def region(self) -> str:
        """The region in which jobs run."""
        with self._call():
            return self._batch.meta.region_name

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    def _list(self, queue: str, pattern: str) -> Iterator["JobSummaryTypeDef"]:
        with self._call():
            pages = self._batch.get_paginator("list_jobs")
            for page in pages.paginate(jobQueue=queue, filters=[{"name": "JOB_NAME", "values": [pattern]}]):
                yield from page["jobSummaryList"]

    def _submit_once(self, request: Mapping[str, Any]) -> str:
        try:
            return self._batch_without_retries.submit_job(**request)["jobId"]
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, (NoCredentialsError, NoRegionError)) or _is_rejection(error):
                raise
            found = self.find_until_listed(request["jobQueue"], request["jobName"])
            if found is None:
                raise
            return found

    @contextmanager
    def _call(self) -> Iterator[None]:
        """Translate errors. After expired credentials the next call looks for others: somebody may renew their file."""
        with _translate_errors():
            try:
                yield
            except ClientError as error:
                if _code(error) in _EXPIRED:
                    self._clients.clear()
                raise

    @property
    def _batch(self) -> "BatchClient":
        return self._clients.get(
            "adaptive", lambda _: _new_client(Config(retries={"mode": "adaptive", "total_max_attempts": 10}))
        )

    @property
    def _batch_without_retries(self) -> "BatchClient":
        """For requests that must not be repeated blindly."""
        return self._clients.get("once", lambda _: _new_client(Config(retries={"total_max_attempts": 1})))


def _new_client(config: Config) -> "BatchClient":
    """A client in a session of its own: creating clients in boto3's default session is not safe for threads."""
    return new_session().client("batch", config=config.merge(Config(max_pool_connections=_MAX_CONNECTIONS)))


def _chunks(ids: Collection[str], size: int) -> Iterator[list[str]]:
    """The ids in lists of at most `size`; `itertools.batched` is not in Python 3.11."""
    remaining = iter(ids)
    return iter(lambda: list(islice(remaining, size)), [])


def _code(error: Exception) -> str:
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def _is_rejection(error: Exception) -> bool:
    """Whether AWS answered that it did nothing (an HTTP status below 500)."""
    return isinstance(error, ClientError) and error.response["ResponseMetadata"]["HTTPStatusCode"] < 500


def _is_retryable(error: BaseException) -> bool:
    if isinstance(error, (NoCredentialsError, NoRegionError)) or not isinstance(error, (ClientError, BotoCoreError)):
        return False
    return not _is_rejection(error) or _code(error) in _THROTTLED


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Raise AWS's errors as this project's own."""
    try:
        yield
    except (NoCredentialsError, NoRegionError) as error:
        raise InputError(
            f"AWS Batch: {str(error).rstrip('.').lower()}: set AWS_PROFILE, or AWS_ACCESS_KEY_ID, "
            "AWS_SECRET_ACCESS_KEY and AWS_DEFAULT_REGION"
        ) from error
    except ClientError as error:
        message = error.response.get("Error", {}).get("Message", "") or str(error)
        if _code(error) in _EXPIRED:
            raise UnreachableError(
                f"AWS Batch denies {error.operation_name}: {message}; renew your credentials"
            ) from error
        if _code(error) in _FORBIDDEN:
            raise InputError(
                f"AWS Batch denies {error.operation_name}: {message}; check your credentials and their permissions"
            ) from error
        if _is_retryable(error):
            raise UnreachableError(
                f"AWS Batch does not answer {error.operation_name}: {message}; try again later"
            ) from error
        raise InputError(f"AWS Batch rejects {error.operation_name}: {message}") from error
    except BotoCoreError as error:
        raise UnreachableError(
            f"AWS Batch cannot be reached: {error}; check the network and AWS_ENDPOINT_URL"
        ) from error
    except RuntimeError as error:  # botocore's, if credentials that it renews have expired for good
        raise UnreachableError(f"AWS Batch cannot be called: {error}; check your credentials") from error


def parent_of(batch_id: str) -> str:
    """The id of the array that a job belongs to; empty for a single job.

    >>> parent_of("0f3c:12"), parent_of("0f3c")
    ('0f3c', '')
    """
    parent, colon, _ = batch_id.partition(":")
    return parent if colon else ""
