"""A message to people when a run has failed: a sentence for each sample, posted to a webhook.

The body is `{"text": "…"}`, which incoming webhooks of Slack, Mattermost, Rocket.Chat and Zulip's Slack bridge take.
"""

import http.client
import json
import os
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Final

import dagster as dg
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential

from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.pipeline.project import Project

WEBHOOK_VARIABLE: Final = "FAILURE_WEBHOOK"
"""The variable with the webhook's address. It is a secret, so it is in no settings file."""

TIMEOUT_S: Final = 10.0
INTERVAL_S: Final = 30

RETRY_S: Final = 30.0
"""For so long a message is posted again: Dagster gives the sensor each failed run once, also if the tick fails. A tick
has a minute."""


@dg.run_failure_sensor(
    minimum_interval_seconds=INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING
    if os.environ.get(WEBHOOK_VARIABLE)
    else dg.DefaultSensorStatus.STOPPED,
    description=f"Posts the samples that failed, and why, to the webhook in the variable {WEBHOOK_VARIABLE}.",
)
def post_failures(context: dg.RunFailureSensorContext, project: dg.ResourceParam[Project]) -> dg.SkipReason | None:
    """Post a message for each failed run.

    Raises:
        InputError: the variable has no http address.
        BioinfoAssetsError: the message could not be posted; the tick shows why.
    """
    url = os.environ.get(WEBHOOK_VARIABLE)
    if not url:
        return dg.SkipReason(f"the variable {WEBHOOK_VARIABLE} has no webhook")
    post(url, message_of(context, project.settings.output_path))
    return None


def message_of(context: dg.RunFailureSensorContext, output_path: str) -> str:
    """The message on a failed run: where, which run, and the reasons as the run has them."""
    return "\n".join([f"Run {context.dagster_run.run_id[:8]} of {output_path} has failed:", *_reasons(context)])


def _reasons(context: dg.RunFailureSensorContext) -> list[str]:
    """What the failed steps state; what the run states if none of them failed."""
    reasons = []
    for event in context.get_step_failure_events():
        described = event.step_failure_data.user_failure_data
        reasons.append(described.description if described and described.description else event.message or "")
    return reasons or [context.failure_event.message or "no reason is known"]


def post(url: str, text: str) -> None:
    """Post a message.

    Raises:
        InputError: the address is not one of http.
        BioinfoAssetsError: there was no answer, or it was an error.
    """
    if not url.startswith(("https://", "http://")):
        raise InputError(f"the variable {WEBHOOK_VARIABLE} has no address that begins with https://: correct it")
    body = json.dumps({"text": text}).encode()
    attempts = Retrying(
        retry=retry_if_exception(_may_pass), stop=stop_after_delay(RETRY_S), wait=wait_exponential(max=8), reraise=True
    )
    try:
        attempts(_send, urllib.request.Request(url, body, {"Content-Type": "application/json"}))  # noqa: S310 - checked above
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        # Neither the message nor a traceback has the address, which is a secret; errors of malformed ones repeat it.
        reason = error if isinstance(error, OSError) else type(error).__name__
        raise BioinfoAssetsError(f"the failure could not be posted to the webhook: {reason}") from None


def _send(request: urllib.request.Request) -> None:
    with urllib.request.urlopen(request, timeout=TIMEOUT_S):  # noqa: S310 - the caller has checked the scheme
        pass


def _may_pass(error: BaseException) -> bool:
    """Whether an error may pass by itself: no answer, too many messages, or a server that is not well."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code == HTTPStatus.TOO_MANY_REQUESTS or error.code >= HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(error, OSError)
