"""The container images of jobs, and the tools in them.

Tool versions are part of a result's fingerprint, so that they must be known before a job is submitted. The image lists
them in a file; a small job, the probe, copies that file to scratch once for each image. Images in ECR are resolved to
their digest and run by it, so that moving a tag in the middle of a run has no effect.
"""

import re
import secrets
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bioinfo_assets.errors import InputError, MissingToolError, NotFoundError, ResourceError, UnreachableError
from bioinfo_assets.launch.backend import Outcome
from bioinfo_assets.launch.batch.classify_outcome import classify, termination_reason
from bioinfo_assets.launch.batch.client import ACTIVE, Client
from bioinfo_assets.launch.batch.job_definition import JobDefinitions
from bioinfo_assets.launch.batch.queue_wait import QueueWait
from bioinfo_assets.launch.batch.scratch_paths import ScratchPaths
from bioinfo_assets.launch.batch.single_flight import SingleFlight
from bioinfo_assets.launch.batch.submission_request import NO_QUEUE, SubmissionRequest, job_name, submit_job_arguments
from bioinfo_assets.launch.job import Job, JobOptions, Resources
from bioinfo_assets.launch.tools import IMAGE_LIST
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.aws_session import new_session
from bioinfo_assets.storage.store import Store

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

ECR_IMAGE: Final = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr(-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/"
    r"(?P<repository>[^:@]+)(:(?P<tag>[^@]+))?(@(?P<digest>sha256:[0-9a-f]{64}))?"
)
"""An image in ECR (AWS user guide, private registry)."""

_COPY_LIST: Final = f"""set -euo pipefail
endpoint=${{AWS_ENDPOINT_URL_S3:-${{AWS_ENDPOINT_URL:-}}}}
[[ -z $endpoint ]] || export S3_ENDPOINT_URL=$endpoint
s5cmd --log error cp "${{BIOINFO_ASSETS_TOOLS:-{IMAGE_LIST}}}" "$1"
"""
_PROBE_JOB: Final = Job(ResultKey("tools", "image"), "1", _COPY_LIST, resources=Resources(cpus=1, memory_mib=512))
_PROBE_ATTEMPTS: Final = 3
_PROBE_TIMEOUT_S: Final = 600

_FAILURE_S: Final = 300.0
"""Seconds for which a failed probe is not repeated: each sample of a run would wait for one of its own."""


@dataclass(frozen=True, slots=True)
class ToolProbe:
    """Copies the tool list of an image to scratch, by a small job.

    Attributes:
        client: Client for Batch.
        definitions: Job definitions.
        queue_wait: How long the job may wait for a machine.
        run_id: The run that the job belongs to.
        scratch: The project's scratch prefix.
        poll_interval_s: Seconds between two polls of the job.
        closing: Set when no caller waits any longer.
    """

    client: Client
    definitions: JobDefinitions
    queue_wait: QueueWait
    run_id: str
    scratch: str
    poll_interval_s: float
    closing: Event = field(default_factory=Event)

    def copy_list(self, options: JobOptions, image: str, uri: str) -> None:
        """Run the job and wait for its end.

        Raises:
            ResourceError: the image cannot be pulled or has no list, or there is no machine.
        """
        if options.queue is None:
            raise InputError(NO_QUEUE)
        request = SubmissionRequest(
            name=job_name(options.prefix, "tools", secrets.token_hex(4)),
            command=("bash", "-c", _COPY_LIST, "tools", uri),
            size=1,
            definition=self.definitions.definition_of(options, image),
            resources=_PROBE_JOB.resources,
            timeout_s=_PROBE_TIMEOUT_S,
            attempts=_PROBE_ATTEMPTS,
            options=options.model_copy(update={"gpus": None}),
            tags={"run": self.run_id, "asset": "tools", "scratch": self.scratch},
        )
        batch_id = self.client.submit(submit_job_arguments(request, self.client.region, ""))
        try:
            detail = self._wait_for_end(batch_id)
        except BaseException:
            self.client.terminate(batch_id, termination_reason("cancelled"))
            raise
        if detail["status"] != "SUCCEEDED":
            result = classify(_PROBE_JOB, detail, None, "")
            hint = (
                f": it has no {IMAGE_LIST}, use one built from docker/Dockerfile"
                if result.outcome is Outcome.FAILED
                else ""
            )
            raise ResourceError(f"cannot list the tools of the container image {image}: {result.reason}{hint}")

    def _wait_for_end(self, batch_id: str) -> "JobDetailTypeDef":
        while not self.closing.is_set():
            detail = self.client.describe([batch_id]).get(batch_id)
            if detail is not None:
                if detail["status"] not in ACTIVE:
                    return detail
                why = self.queue_wait.reason_to_give_up(detail)
                if why:
                    raise ResourceError(f"cannot start a job to list an image's tools: {why}")
            self.closing.wait(self.poll_interval_s)
        raise ResourceError("stopped listing an image's tools because the run is ending")


class Images:
    """The images of jobs, by their options; safe for threads.

    Args:
        client: Client for Batch.
        store: Store for S3.
        paths: Where the tool lists are cached.
        probe: Copies a tool list that is not cached yet.
    """

    def __init__(self, client: Client, store: Store, paths: ScratchPaths, probe: ToolProbe) -> None:
        self._client = client
        self._store = store
        self._paths = paths
        self._probe = probe
        self._images: SingleFlight[str] = SingleFlight()
        self._tools: SingleFlight[Mapping[str, str]] = SingleFlight()
        self._failures: dict[tuple[str, str | None], tuple[float, str]] = {}

    def image_of(self, options: JobOptions) -> str:
        """Return the image of jobs with these options, by its digest if that can be resolved.

        Raises:
            InputError: no image is set, or the user's job definition does not exist.
        """
        if options.job_definition:
            return self._images.get(options.job_definition, self._image_of_definition)
        if options.image is None:
            raise InputError(
                "no container image is set for AWS Batch: set `image` in [jobs] of bioinfo-assets.toml, or use --image"
            )
        return self._images.get(options.image, resolve_digest)

    def tool_versions(self, tools: Collection[str], options: JobOptions) -> Mapping[str, str]:
        """Return the versions of tools in the image of jobs with these options; this may start a probe.

        Raises:
            ResourceError: the image cannot be pulled, has no list, or lacks one of the tools.
        """
        if not tools:
            return {}
        image = self.image_of(options)
        return _select(tools, self._tools.get(image, lambda image: self._read_or_probe(options, image)), image)

    def known_tool_versions(self, tools: Collection[str], options: JobOptions) -> Mapping[str, str] | None:
        """Return the versions of tools if the image's list is cached, else None; this never starts a job.

        Raises:
            ResourceError: the image lacks one of the tools.
        """
        if not tools:
            return {}
        image = self.image_of(options)
        versions = self._tools.get_cached(image)
        if versions is None:
            try:
                versions = self._read_list(image)
            except NotFoundError:
                return None
        return _select(tools, versions, image)

    def forget(self, options: JobOptions) -> None:
        """Delete the cached list of an image whose tag was moved."""
        image = self.image_of(options)
        self._images.forget(options.job_definition or options.image or "")
        self._tools.forget(image)
        self._store.delete(self._paths.tool_list(image))

    def _image_of_definition(self, name: str) -> str:
        definition = self._client.definition(name)
        if definition is None:
            raise InputError(f"job definition {name} does not exist or is not active: register it, or check its name")
        return definition.get("containerProperties", {}).get("image", "")

    def _read_or_probe(self, options: JobOptions, image: str) -> Mapping[str, str]:
        try:
            return self._read_list(image)
        except NotFoundError:
            self._list_by_job(options, image)
            return self._read_list(image)

    def _list_by_job(self, options: JobOptions, image: str) -> None:
        """Have a job list an image's tools, unless one has just failed."""
        failed_at, reason = self._failures.get((image, options.queue), (0.0, ""))
        if reason and time.monotonic() - failed_at < _FAILURE_S:
            raise ResourceError(reason)
        try:
            self._probe.copy_list(options, image, self._paths.tool_list(image))
        except UnreachableError:
            raise
        except ResourceError as error:
            self._failures[image, options.queue] = time.monotonic(), str(error)
            raise

    def _read_list(self, image: str) -> Mapping[str, str]:
        lines = self._store.read_bytes(self._paths.tool_list(image)).decode().splitlines()
        return dict(line.split("\t", 1) for line in lines if "\t" in line)


def resolve_digest(image: str) -> str:
    """Return an ECR image by its digest, if that can be looked up; any other image unchanged."""
    match = ECR_IMAGE.fullmatch(image)
    if match is None or match["digest"]:
        return image
    tag = match["tag"] or "latest"
    ecr = new_session().client("ecr", region_name=match["region"], config=Config(retries={"mode": "standard"}))
    try:
        answer = ecr.describe_images(
            registryId=match["account"], repositoryName=match["repository"], imageIds=[{"imageTag": tag}]
        )
    except (ClientError, BotoCoreError):
        return image  # forbidden or missing: the job's own failure shows which
    finally:
        ecr.close()
    return f"{image.removesuffix(f':{tag}')}@{answer['imageDetails'][0]['imageDigest']}"


def _select(tools: Collection[str], versions: Mapping[str, str], image: str) -> Mapping[str, str]:
    for tool in tools:
        if tool not in versions:
            raise MissingToolError(f"the container image {image} has no {tool}: use one that contains it")
    return {tool: versions[tool] for tool in tools}
