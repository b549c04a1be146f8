"""Has a small job tell which tools an image has."""

import secrets
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Final

from bioinfo_assets.errors import InputError, ResourceError
from bioinfo_assets.launch.batch.classify_outcome import classify, termination_reason, unschedulable
from bioinfo_assets.launch.batch.client import ACTIVE, Client
from bioinfo_assets.launch.batch.job_definition import JobDefinitions
from bioinfo_assets.launch.batch.submission_request import NO_QUEUE, SubmissionRequest, job_name, submit_job_arguments
from bioinfo_assets.launch.job import Job, Resources
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.launch.outcome import Outcome
from bioinfo_assets.launch.tools import IMAGE_LIST
from bioinfo_assets.result_key import ResultKey

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

_COPY: Final = f"""set -euo pipefail
endpoint=${{AWS_ENDPOINT_URL_S3:-${{AWS_ENDPOINT_URL:-}}}}
[[ -z $endpoint ]] || export S3_ENDPOINT_URL=$endpoint
s5cmd --log error cp "${{BIOINFO_ASSETS_TOOLS:-{IMAGE_LIST}}}" "$1"
"""
_PROBE: Final = Job(ResultKey("tools", "image"), "1", _COPY, resources=Resources(cpus=1, memory_mib=512))
_TRIES: Final = 3
_TIME_S: Final = 600


@dataclass(frozen=True, slots=True)
class ToolsProbe:
    """Copies the list of an image's tools to where the host can read it.

    Attributes:
        client: To Batch.
        definitions: Of jobs.
        run_id: The run that wants to know.
        scratch: Its project's.
        poll_s: Seconds from one look at the job to the next.
        closing: Set when nobody waits any more.
    """

    client: Client
    definitions: JobDefinitions
    run_id: str
    scratch: str
    poll_s: float
    closing: Event = field(default_factory=Event)

    def copy_list(self, options: JobOptions, image: str, uri: str) -> None:
        """Runs the job and waits for its end.

        Raises:
            ResourceError: the image cannot be had or has no list, or there is no machine.
        """
        if options.queue is None:
            raise InputError(NO_QUEUE)
        name = job_name(options.prefix, "tools", secrets.token_hex(4))
        order = SubmissionRequest(
            name=name,
            command=("bash", "-c", _COPY, "tools", uri),
            size=1,
            definition=self.definitions.of(options, image),
            resources=_PROBE.resources,
            timeout_s=_TIME_S,
            tries=_TRIES,
            options=options.model_copy(update={"gpus": None}),
            tags={"run": self.run_id, "step": "tools", "scratch": self.scratch},
        )
        batch_id = self.client.submit(submit_job_arguments(order, self.client.region, ""))
        try:
            detail = self._end_of(batch_id)
        except BaseException:
            self.client.terminate(batch_id, termination_reason("cancelled"))
            raise
        if detail["status"] != "SUCCEEDED":
            judged = classify(_PROBE, detail, None, "")
            is_without_list = judged.outcome is Outcome.FAILED
            hint = f": it has no {IMAGE_LIST}, use one that docker/Dockerfile made" if is_without_list else ""
            raise ResourceError(
                f"the tools of the container image {image} could not be looked up: {judged.reason}{hint}"
            )

    def _end_of(self, batch_id: str) -> "JobDetailTypeDef":
        while not self.closing.is_set():
            detail = self.client.describe([batch_id]).get(batch_id)
            if detail is not None:
                if detail["status"] not in ACTIVE:
                    return detail
                why = unschedulable(detail)
                if why:
                    raise ResourceError(f"no machine can be had to look up an image's tools: {why}")
            self.closing.wait(self.poll_s)
        raise ResourceError("the tools of an image are not looked up, as the run ends")
