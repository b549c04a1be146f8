"""What jobs print, followed in CloudWatch while they run.

Batch has one stream for both of a container's; the driver marks the lines of the script's standard output, and its own.
CloudWatch allows 10 to 25 reads a second in an account (Logs quotas, GetLogEvents), so that no job is read more often
than every two seconds, many jobs more seldom, and only the first hundred; the others have their log's address.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.backend import Stream

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import GetLogEventsRequestTypeDef

MAX_FOLLOWED: Final = 100
EVERY_S: Final = 2.0
LAG_S: Final = 5.0
"""How long the last lines of a job that is over are waited for: CloudWatch shows them a little later."""

READS_A_SECOND: Final = 5
"""Each read is two calls: the second tells that there is no more."""

KEPT: Final = 4 * 1024 * 1024
"""Bytes of a stream that are kept after they were read, for who reads them again."""

_STDOUT_MARK: Final = "[stdout] "
_STDOUT_GOES_ON: Final = "[stdout+] "
_DRIVER_MARK: Final = "[driver] "
_LAST_LINE: Final = "ended with exit code"


def is_complete(lines: Iterable[str]) -> bool:
    """Whether the driver's last word is among these lines of a log."""
    return any(line.startswith(_DRIVER_MARK) and _LAST_LINE in line for line in lines)


@dataclass(slots=True)
class _FollowedStream:
    """One log stream that is read on."""

    stream: str = ""
    token: str = ""
    read_at: float = 0.0
    is_complete: bool = False
    text: dict[Stream, bytearray] = field(default_factory=lambda: {stream: bytearray() for stream in Stream})
    dropped: dict[Stream, int] = field(default_factory=lambda: dict.fromkeys(Stream, 0))

    def since(self, stream: Stream, offset: int) -> bytes:
        """What came since `offset`; of a long log, what was read before is not kept."""
        text, dropped = self.text[stream], self.dropped[stream]
        if len(text) > KEPT and offset > dropped:
            del text[: offset - dropped]
            dropped = self.dropped[stream] = offset
        return bytes(text[max(0, offset - dropped) :])


class CloudWatchLogs:
    """The logs of jobs, by the names of their CloudWatch streams; safe for threads.

    Args:
        group: The log group.
        lag_s: How long the last lines of a job that is over are waited for, in seconds.
    """

    def __init__(self, group: str, lag_s: float = LAG_S, every_s: float = EVERY_S) -> None:
        self._group = group
        self._lag_s = lag_s
        self._every_s = every_s
        self._followed: dict[str, _FollowedStream] = {}
        self._lock = Lock()
        self._next_turn = 0.0

    def read(self, job_id: str, log_stream: str, stream: Stream, offset: int, *, is_over: bool) -> bytes:
        """What the job has printed on one of its streams since `offset`, as far as is known by now.

        Args:
            job_id: Whose log.
            log_stream: The CloudWatch stream of its present attempt; empty before there is one.
            stream: Which of its two streams.
            offset: Bytes read before.
            is_over: Whether no more will come, so that all of it is read now.
        """
        with self._lock:
            followed = self._followed.get(job_id)
            if followed is None:
                if len(self._followed) >= MAX_FOLLOWED:
                    return b""
                followed = self._followed[job_id] = _FollowedStream()
        if log_stream and not followed.is_complete:
            self._read_on(followed, log_stream, is_over=is_over)
        return followed.since(stream, offset)

    def forget(self, job_id: str) -> None:
        """Frees what is kept of a job's log."""
        with self._lock:
            self._followed.pop(job_id, None)

    def tail(self, log_stream: str, tell: Callable[[str], None], token: str = "") -> str:
        """Tells the lines of a stream as they stand; gives the token by which to go on.

        Raises:
            InputError: it may not be read, or CloudWatch cannot be reached.
        """
        for lines, following in self._pages(log_stream, token):
            for line in lines:
                tell(line)
            token = following
        return token

    def _read_on(self, followed: _FollowedStream, log_stream: str, *, is_over: bool) -> None:
        now = time.monotonic()
        if not is_over and now - followed.read_at < max(self._every_s, len(self._followed) / READS_A_SECOND):
            return
        followed.read_at = now
        if followed.stream != log_stream:  # the next attempt has a stream of its own
            if followed.stream:
                self._read_page(followed)
                followed.is_complete = False
            followed.stream, followed.token = log_stream, ""
        self._read_page(followed)
        while is_over and not followed.is_complete and time.monotonic() - now < self._lag_s:
            time.sleep(min(1.0, self._lag_s / 5))
            self._read_page(followed)
        followed.is_complete = is_over

    def _read_page(self, followed: _FollowedStream) -> None:
        ended = False

        def tell(line: str) -> None:
            nonlocal ended
            if line.startswith(_DRIVER_MARK):
                ended = ended or is_complete([line])
            elif line.startswith(_STDOUT_GOES_ON):
                followed.text[Stream.STDOUT] += line.removeprefix(_STDOUT_GOES_ON).encode()
            elif line.startswith(_STDOUT_MARK):
                followed.text[Stream.STDOUT] += line.removeprefix(_STDOUT_MARK).encode() + b"\n"
            else:
                followed.text[Stream.STDERR] += line.encode() + b"\n"

        with suppress(InputError):  # a log that cannot be read now must not end a job that runs well
            for lines, token in self._pages(followed.stream, followed.token):
                for line in lines:
                    tell(line)
                followed.token = token  # kept page by page: after one that fails no line is told twice
        followed.is_complete = followed.is_complete or ended

    def _pages(self, log_stream: str, token: str) -> Iterator[tuple[list[str], str]]:
        """The lines from a token on, each page with the token to go on by."""
        while True:
            lines, following = self._page(log_stream, token)
            yield lines, following
            if following == token:  # the end, as CloudWatch tells it: an empty page need not be (GetLogEvents)
                return
            token = following

    def _page(self, log_stream: str, token: str) -> tuple[list[str], str]:
        asked: GetLogEventsRequestTypeDef = {
            "logGroupName": self._group,
            "logStreamName": log_stream,
            "startFromHead": True,
        }
        if token:
            asked["nextToken"] = token
        self._wait_for_turn()
        try:
            page = self._client.get_log_events(**asked)
        except self._client.exceptions.ResourceNotFoundException:
            return [], token  # nothing was printed yet
        except (ClientError, BotoCoreError) as error:
            raise InputError(
                f"the log {log_stream} in {self._group} cannot be read: {error}; check your rights and the network"
            ) from error
        return [event["message"].rstrip("\n") for event in page["events"]], page["nextForwardToken"]

    def _wait_for_turn(self) -> None:
        """Spaces the reads of all jobs and threads."""
        with self._lock:
            turn = max(time.monotonic(), self._next_turn)
            self._next_turn = turn + 1 / (2 * READS_A_SECOND)
        time.sleep(max(0.0, turn - time.monotonic()))

    @cached_property
    def _client(self) -> "CloudWatchLogsClient":
        return boto3.Session().client(
            "logs", config=Config(retries={"mode": "adaptive", "total_max_attempts": 5}, max_pool_connections=20)
        )

    def close(self) -> None:
        """Closes the connections."""
        client = self.__dict__.get("_client")
        if client is not None:
            client.close()
