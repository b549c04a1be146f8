"""Where requests to S3 go: the region and the endpoint of the user's settings, and the region of a bucket."""

import os
import re
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from botocore.config import Config

from bioinfo_assets.storage.aws_session import new_session

if TYPE_CHECKING:
    from email.message import Message

_TIMEOUT_S: Final = 20.0
_REGION: Final = re.compile(r"[a-z]+(-[a-z]+)+-\d+")
_DEFAULT_REGION: Final = "us-east-1"


def find_endpoint(region: str | None) -> tuple[str | None, str]:
    """Return the endpoint of S3, and the region.

    Both are those of the environment and the user's profile, as botocore reads them; `AWS_REGION`, which the other
    SDKs of AWS read, comes first.

    Args:
        region: That of the bucket, if it is known to be another than that of the settings.

    Returns:
        The endpoint is None if it is the usual one of this region.

    Raises:
        BotoCoreError: the settings cannot be read, or the profile does not exist.
    """
    session = new_session()
    region = region or os.environ.get("AWS_REGION") or session.region_name or _DEFAULT_REGION
    config = Config(s3={"us_east_1_regional_endpoint": "regional"})
    endpoint = session.client("s3", region_name=region, config=config).meta.endpoint_url
    return (None if endpoint == f"https://s3.{region}.amazonaws.com" else endpoint), region


def region_of_bucket(bucket: str) -> str | None:
    """Return the region of a bucket; None if S3 does not name it.

    It names it in a refusal too, so that no credentials are needed (Amazon S3 API reference, HeadBucket).
    """
    endpoint, region = find_endpoint(None)
    address = f"{endpoint or f'https://s3.{region}.amazonaws.com'}/{quote(bucket)}"
    headers: Message
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=_TIMEOUT_S) as answer:  # noqa: S310 - of S3
            headers = answer.headers
    except urllib.error.HTTPError as error:
        headers = error.headers
        error.close()
    except OSError:
        return None
    region = headers.get("x-amz-bucket-region", "")
    return region if _REGION.fullmatch(region) else None
