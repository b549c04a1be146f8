"""The pages of a job in the AWS console."""

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

DEFAULT_GROUP: Final = "/aws/batch/job"
"""Log group of jobs whose definition sets none (AWS Batch user guide, using_awslogs)."""

_CONSOLE: Final = "https://{region}.console.aws.amazon.com"


def links_of(detail: "JobDetailTypeDef", region: str, log_group: str) -> dict[str, str]:
    """The pages of a job and, once it has one, of its log."""
    console = _CONSOLE.format(region=region)
    links = {"job": f"{console}/batch/home?region={region}#jobs/detail/{detail['jobId']}"}
    stream = log_stream_of(detail)
    if stream:
        links["log"] = (
            f"{console}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{_quote_twice(log_group)}"
            f"/log-events/{_quote_twice(stream)}"
        )
    return links


def log_stream_of(detail: "JobDetailTypeDef") -> str:
    """The CloudWatch stream of a job's present or last attempt; empty before the first."""
    stream = detail.get("container", {}).get("logStreamName", "")
    if not stream and detail.get("attempts"):
        stream = detail["attempts"][-1].get("container", {}).get("logStreamName", "")
    return stream


def log_group_of(detail: "JobDetailTypeDef") -> str:
    """The CloudWatch log group of a job: its definition's, or Batch's default (AWS Batch user guide, awslogs)."""
    options = detail.get("container", {}).get("logConfiguration", {}).get("options", {})
    return options.get("awslogs-group", DEFAULT_GROUP)


def _quote_twice(name: str) -> str:
    """Percent-encode a name twice, with `$` instead of `%`, as the pages of CloudWatch expect it.

    >>> _quote_twice("/aws/batch/job")
    '$252Faws$252Fbatch$252Fjob'
    """
    return quote(quote(name, safe=""), safe="").replace("%", "$")
