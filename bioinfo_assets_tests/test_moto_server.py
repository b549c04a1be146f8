"""The tests' S3 keeps S3's promise on which claims and locks rest: of many conditional writes at once, one succeeds."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.s3.models import FakeKey, S3Backend

from bioinfo_assets_tests.servers import s3, s3_server

__all__ = ["s3", "s3_server"]

WRITERS = 8
ROUNDS = 5


@pytest.mark.parametrize("condition", ["IfNoneMatch", "IfMatch"])
def test_one_of_many_conditional_writes_succeeds(s3: str, condition: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put_object = S3Backend.put_object

    def put_object_slowly(*args: Any, **options: Any) -> FakeKey:
        time.sleep(0.01)  # after moto has compared
        return put_object(*args, **options)

    monkeypatch.setattr(S3Backend, "put_object", put_object_slowly)
    client = boto3.client("s3", region_name="us-east-1", config=Config(max_pool_connections=WRITERS))
    barrier = Barrier(WRITERS)

    def write(key: str, value: str, writer: int) -> bool:
        barrier.wait()
        try:
            client.put_object(Bucket="genomes", Key=key, Body=str(writer).encode(), **{condition: value})  # type: ignore[arg-type]
        except ClientError as error:
            assert error.response["Error"]["Code"] == "PreconditionFailed"  # noqa: PT017 - the others
            return False
        return True

    with ThreadPoolExecutor(WRITERS) as pool:
        for number in range(ROUNDS):
            key, value = f"claim{number}", "*"
            if condition == "IfMatch":
                value = client.put_object(Bucket="genomes", Key=key, Body=b"first")["ETag"]
            written = [pool.submit(write, key, value, writer) for writer in range(WRITERS)]
            assert sum(future.result() for future in written) == 1
    client.close()
