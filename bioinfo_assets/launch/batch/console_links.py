"""Where people look at a job in AWS's console."""

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

DEFAULT_GROUP: Final = "/aws/batch/job"
"""Where jobs write whose definition says nothing else (AWS Batch user guide, using_awslogs)."""

_CONSOLE: Final = "https://{region}.console.aws.amazon.com"


def links_of(detail: "JobDetailTypeDef", region: str, log_group: str) -> dict[str, str]:
    """The pages of a job and of its log, as far as there are any by now."""
    console = _CONSOLE.format(region=region)
    links = {"job": f"{console}/batch/home?region={region}#jobs/detail/{detail['jobId']}"}
    stream = log_stream_of(detail)
    if stream:
        links["log"] = (
            f"{console}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{_twice(log_group)}"
            f"/log-events/{_twice(stream)}"
        )
    return links


def log_stream_of(detail: "JobDetailTypeDef") -> str:
    """The CloudWatch stream of a job's present or last attempt; empty before there is one."""
    stream = detail.get("container", {}).get("logStreamName", "")
    if not stream and detail.get("attempts"):
        stream = detail["attempts"][-1].get("container", {}).get("logStreamName", "")
    return stream


def log_group_of(detail: "JobDetailTypeDef") -> str:
    """The CloudWatch group of a job's log: its definition's, or Batch's own (AWS Batch user guide, awslogs)."""
    options = detail.get("container", {}).get("logConfiguration", {}).get("options", {})
    return options.get("awslogs-group", DEFAULT_GROUP)


def _twice(name: str) -> str:
    """CloudWatch's pages read a name that was percent-encoded twice, with `$` for the second `%`.

    >>> _twice("/aws/batch/job")
    '$252Faws$252Fbatch$252Fjob'
    """
    return quote(quote(name, safe=""), safe="").replace("%", "$")
