"""AWS Batch as this project calls it: many jobs in one call, throttling borne, no job submitted twice.

Limits are those of the AWS Batch API reference and its service quotas.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import boto3
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

from bioinfo_assets.errors import InputError, ResourceError
from bioinfo_assets.launch.batch.single_flight import SingleFlight

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import JobDefinitionTypeDef, JobDetailTypeDef, JobSummaryTypeDef

IDS_A_CALL: Final = 100
"""Most ids that DescribeJobs takes (API reference)."""

ACTIVE: Final = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")
"""States of a job that is not over."""

_REFUSED_FOR_NOW: Final = frozenset(
    {"TooManyRequestsException", "ThrottlingException", "Throttling", "RequestLimitExceeded", "RequestThrottled"}
)
"""Errors by which AWS says that it did nothing and may be asked again (botocore, retries guide)."""

_FORBIDDEN: Final = frozenset(
    {"AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "InvalidSignatureException"}
    | {"ExpiredTokenException", "ExpiredToken", "InvalidClientTokenId"}
)
_PATIENCE_S: Final = 300.0
_CONNECTIONS: Final = 20  # as many as threads that call

Item = TypeVar("Item")


class Client:
    """The calls to AWS Batch. Endpoint, region and credentials are those that boto3 finds.

    Args:
        look_again_s: How long a job whose submission was not answered is looked for before it is submitted again, in
            seconds: what was accepted may take a moment to be listed.
    """

    def __init__(self, look_again_s: float = 10.0) -> None:
        self._look_again_s = look_again_s
        self._clients: SingleFlight[BatchClient] = SingleFlight()

    def describe(self, ids: Collection[str]) -> dict[str, "JobDetailTypeDef"]:
        """Jobs by their ids; those that Batch does not know, or has forgotten, are left out."""
        with _told():
            calls = [self._batch.describe_jobs(jobs=list(part)) for part in _parts(ids, IDS_A_CALL)]
        return {job["jobId"]: job for call in calls for job in call["jobs"]}

    def submit(self, request: Mapping[str, Any]) -> str:
        """Submits a job, or an array of jobs, and gives its id.

        SubmitJob has no client token: where no answer comes, the job is looked for by its name, which only this
        submission has, before it is submitted again.

        Raises:
            InputError: Batch refuses it.
            ResourceError: Batch cannot be reached.
        """
        retrying = Retrying(
            retry=retry_if_exception(_may_be_asked_again),
            wait=wait_random_exponential(multiplier=0.2, max=20),
            stop=stop_after_delay(_PATIENCE_S),
            reraise=True,
        )
        with _told():
            return retrying(self._submit_once, request)

    def find(self, queue: str, name: str) -> str | None:
        """The id of the job of this name in a queue, in whatever state; None where there is none."""
        return next((job["jobId"] for job in self._named(queue, name) if job["jobName"] == name), None)

    def find_surely(self, queue: str, name: str) -> str | None:
        """`find`, which looks again and again for as long as the job may not be listed yet."""
        looking = Retrying(
            retry=retry_if_result(lambda found: found is None),
            wait=wait_fixed(min(1.0, self._look_again_s / 5)),
            stop=stop_after_delay(self._look_again_s),
            retry_error_callback=lambda _: None,
        )
        return looking(self.find, queue, name)

    def active(self, queue: str, prefix: str) -> Iterator["JobSummaryTypeDef"]:
        """The jobs and arrays of a queue that are not over and whose names begin so."""
        yield from (job for job in self._named(queue, f"{prefix}*") if job.get("status") in ACTIVE)

    def terminate(self, batch_id: str, reason: str) -> None:
        """Ends a job in whatever state; nothing happens to one that is over."""
        with _told():
            self._batch.terminate_job(jobId=batch_id, reason=reason)

    def definition(self, name: str) -> "JobDefinitionTypeDef | None":
        """The newest active revision of a definition; or the given one, if `name` is `NAME:REVISION` or an ARN."""
        exact = name.startswith("arn:") or ":" in name
        asked: dict[str, Any] = {"jobDefinitions": [name]} if exact else {"jobDefinitionName": name}
        with _told():
            found = self._batch.describe_job_definitions(status="ACTIVE", **asked)["jobDefinitions"]
        return max(found, key=lambda one: one["revision"], default=None)

    def register(self, definition: Mapping[str, Any]) -> str:
        """Registers a definition; gives `NAME:REVISION`."""
        with _told():
            made = self._batch.register_job_definition(**definition)
        return f"{made['jobDefinitionName']}:{made['revision']}"

    @property
    def region(self) -> str:
        """Where jobs run."""
        with _told():
            return self._batch.meta.region_name

    def close(self) -> None:
        """Closes the connections."""
        for client in self._clients.known():
            client.close()

    def _named(self, queue: str, pattern: str) -> Iterator["JobSummaryTypeDef"]:
        with _told():
            pages = self._batch.get_paginator("list_jobs")
            for page in pages.paginate(jobQueue=queue, filters=[{"name": "JOB_NAME", "values": [pattern]}]):
                yield from page["jobSummaryList"]

    def _submit_once(self, request: Mapping[str, Any]) -> str:
        try:
            return self._once.submit_job(**request)["jobId"]
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, (NoCredentialsError, NoRegionError)) or _is_a_refusal(error):
                raise
            found = self.find_surely(request["jobQueue"], request["jobName"])
            if found is None:
                raise
            return found

    @property
    def _batch(self) -> "BatchClient":
        return self._clients.get(
            "adaptive", lambda _: _made(Config(retries={"mode": "adaptive", "total_max_attempts": 10}))
        )

    @property
    def _once(self) -> "BatchClient":
        """For what must not be sent again blindly."""
        return self._clients.get("once", lambda _: _made(Config(retries={"total_max_attempts": 1})))


def _made(config: Config) -> "BatchClient":
    """A client of a session of its own: boto3's common one is not safe for threads while clients are made."""
    return boto3.Session().client("batch", config=config.merge(Config(max_pool_connections=_CONNECTIONS)))


def _parts(items: Iterable[Item], size: int) -> Iterator[Sequence[Item]]:
    """The items in parts of at most `size`; `itertools.batched` is not in Python 3.11."""
    rest = list(items)
    yield from (rest[start : start + size] for start in range(0, len(rest), size))


def _code(error: Exception) -> str:
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def _is_a_refusal(error: Exception) -> bool:
    """Whether AWS answered, and by that answer surely did nothing (an HTTP status below 500)."""
    return isinstance(error, ClientError) and error.response["ResponseMetadata"]["HTTPStatusCode"] < 500


def _may_be_asked_again(error: BaseException) -> bool:
    if isinstance(error, (NoCredentialsError, NoRegionError)) or not isinstance(error, (ClientError, BotoCoreError)):
        return False
    return not _is_a_refusal(error) or _code(error) in _REFUSED_FOR_NOW


@contextmanager
def _told() -> Iterator[None]:
    """Tells AWS's errors in this project's way."""
    try:
        yield
    except (NoCredentialsError, NoRegionError) as error:
        raise InputError(
            f"AWS Batch: {str(error).rstrip('.').lower()}: set AWS_PROFILE, or AWS_ACCESS_KEY_ID, "
            "AWS_SECRET_ACCESS_KEY and AWS_DEFAULT_REGION"
        ) from error
    except ClientError as error:
        said = error.response.get("Error", {}).get("Message", "") or str(error)
        if _code(error) in _FORBIDDEN:
            raise InputError(
                f"AWS Batch does not allow {error.operation_name}: {said}; check your credentials and their rights"
            ) from error
        if _may_be_asked_again(error):
            raise ResourceError(f"AWS Batch does not answer {error.operation_name}: {said}; try again later") from error
        raise InputError(f"AWS Batch refuses {error.operation_name}: {said}") from error
    except BotoCoreError as error:
        raise ResourceError(f"AWS Batch cannot be reached: {error}; check the network and AWS_ENDPOINT_URL") from error


def parent_of(batch_id: str) -> str:
    """The array of a job in one; empty for a job that goes alone.

    >>> parent_of("0f3c:12"), parent_of("0f3c")
    ('0f3c', '')
    """
    parent, colon, _ = batch_id.partition(":")
    return parent if colon else ""
