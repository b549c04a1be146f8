"""Where requests to S3 go: the region and the endpoint of the user's settings, and the region of a bucket."""

import os
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    session = boto3.Session()
    region = region or os.environ.get("AWS_REGION") or session.region_name or _DEFAULT_REGION
    config = Config(s3={"us_east_1_regional_endpoint": "regional"})
    endpoint = session.client("s3", region_name=region, config=config).meta.endpoint_url
    return (None if endpoint == f"https://s3.{region}.amazonaws.com" else endpoint), region


def region_of_bucket(bucket: str) -> str | None:
    """Return the region of a bucket; None if S3 does not name it.

    It names it in a refusal too, so that no credentials are needed (Amazon S3 API reference, HeadBucket).
    """
    config = Config(signature_version=UNSIGNED)
    try:
        client = boto3.Session().client("s3", region_name=find_endpoint(None)[1], config=config)
        answer: Mapping[str, Any] = client.head_bucket(Bucket=bucket)["ResponseMetadata"]
    except ClientError as error:
        answer = error.response["ResponseMetadata"]
    except BotoCoreError:
        return None
    region: str | None = answer["HTTPHeaders"].get("x-amz-bucket-region")
    return region
