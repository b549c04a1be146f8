"""The output of jobs, read from CloudWatch while they run.

Batch has one log stream for both streams of a container; the driver marks the lines of the script's standard output,
and its own. CloudWatch allows 10 to 25 reads a second in an account (Logs quotas, GetLogEvents). Therefore no job is
read more often than every two seconds, many jobs less often, and only the first hundred at all, and no job that ends
among so many others that it would wait for its turn; the others have the address of their log.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from tenacity import Retrying, retry_if_result, stop_after_attempt, stop_after_delay, wait_fixed

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.backend import Stream
from bioinfo_assets.storage.aws_session import new_session

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import GetLogEventsRequestTypeDef

MAX_FOLLOWED_JOBS: Final = 100
MIN_READ_INTERVAL_S: Final = 2.0
MAX_LATENESS_S: Final = 5.0
"""How long the last lines of a job that is over are waited for: CloudWatch shows them with a delay."""

MAX_READS_PER_SECOND: Final = 5
"""Each read is two calls: the second finds that there is no more, unless the first had the last line."""

MAX_WAIT_FOR_TURN_S: Final = 1.0
"""Of a job that is over and whose log was not read before: a result is not published before its log was read."""

MAX_BUFFERED_BYTES: Final = 4 * 1024 * 1024
"""Bytes of a stream that are kept after they were read, in case they are read again."""

_LATE_READS: Final = 6
_STDOUT_MARK: Final = "[stdout] "
_STDOUT_CONTINUED_MARK: Final = "[stdout+] "
_DRIVER_MARKS: Final = ("[driver] ", "[driver:end] ")
_PART_MARK: Final = "[driver:part] "
"""Marks the beginning of a part of a job that has several."""
_END_MARK: Final = "[driver:end] "
"""Marks the last line of an attempt, written by driver.sh."""


def is_complete(lines: Iterable[str]) -> bool:
    """Whether the last line of an attempt is among these lines of its log."""
    return any(line.startswith(_END_MARK) for line in lines)


@dataclass(slots=True)
class _FollowedStream:
    """The log of a job or a part, as far as it was read: the stream of its present attempt, and the text of all."""

    part: int
    printing: int = 0  # the part that printed the next line
    stream: str = ""
    token: str = ""
    read_at: float = 0.0
    has_ended: bool = False  # the last line of the present attempt was read
    is_complete: bool = False
    text: dict[Stream, bytearray] = field(default_factory=lambda: {stream: bytearray() for stream in Stream})
    dropped: dict[Stream, int] = field(default_factory=lambda: dict.fromkeys(Stream, 0))

    def add(self, line: str) -> None:
        """Add a line to the stream that its mark names; the driver's own and those of other parts are left out."""
        if line.startswith(_PART_MARK):
            self.printing = int(line.removeprefix(_PART_MARK))
            self.has_ended |= self.printing > self.part
        elif line.startswith(_END_MARK):
            self.has_ended = True
        elif self.printing != self.part:
            return
        elif line.startswith(_STDOUT_CONTINUED_MARK):
            self.text[Stream.STDOUT] += line.removeprefix(_STDOUT_CONTINUED_MARK).encode()
        elif line.startswith(_STDOUT_MARK):
            self.text[Stream.STDOUT] += line.removeprefix(_STDOUT_MARK).encode() + b"\n"
        elif not line.startswith(_DRIVER_MARKS):
            self.text[Stream.STDERR] += line.encode() + b"\n"

    def since(self, stream: Stream, offset: int) -> bytes:
        """Return what follows `offset`; of a long log, the part before it is dropped."""
        text, dropped = self.text[stream], self.dropped[stream]
        if len(text) > MAX_BUFFERED_BYTES and offset > dropped:
            del text[: offset - dropped]
            dropped = self.dropped[stream] = offset
        return bytes(text[max(0, offset - dropped) :])


class CloudWatchLogs:
    """The logs of jobs, by the names of their CloudWatch streams; safe for threads.

    Args:
        group: The log group.
        max_lateness_s: How long the last lines of a job that is over are waited for, in seconds.
        min_interval_s: Seconds between two reads of a job's log.
    """

    def __init__(
        self, group: str, max_lateness_s: float = MAX_LATENESS_S, min_interval_s: float = MIN_READ_INTERVAL_S
    ) -> None:
        self._group = group
        self._max_lateness_s = max_lateness_s
        self._min_interval_s = min_interval_s
        self._followed: dict[str, _FollowedStream] = {}
        self._left_out: set[str] = set()
        self._lock = Lock()
        self._next_turn = 0.0

    def read(self, job_id: str, log_stream: str, stream: Stream, offset: int, *, is_over: bool, part: int = 0) -> bytes:
        """Return what the job has printed on one of its streams since `offset`, as far as CloudWatch shows it.

        Args:
            job_id: The job.
            log_stream: The CloudWatch stream of its present attempt; empty before there is one.
            stream: Which of its two streams.
            offset: Bytes that were read before.
            is_over: Whether the job has ended, so that all of its log is to be read now.
            part: The number of the part that the job is of one with several.
        """
        with self._lock:
            followed = self._followed.get(job_id)
            if followed is None:
                is_late = is_over and self._next_turn - time.monotonic() > MAX_WAIT_FOR_TURN_S
                if is_late or job_id in self._left_out or len(self._followed) >= MAX_FOLLOWED_JOBS:
                    if is_over:
                        self._left_out.add(job_id)  # not one of its two streams without the other
                    return b""
                followed = self._followed[job_id] = _FollowedStream(part)
        if log_stream and not followed.is_complete:
            self._continue(followed, log_stream, is_over=is_over)
        return followed.since(stream, offset)

    def forget(self, job_id: str) -> None:
        """Free what is kept of a job's log."""
        with self._lock:
            self._followed.pop(job_id, None)
            self._left_out.discard(job_id)

    def tail(self, log_stream: str, on_line: Callable[[str], None], token: str = "") -> str:
        """Pass the lines of a stream to `on_line`, marks included; return the token with which to continue.

        Raises:
            InputError: the log cannot be read, or CloudWatch cannot be reached.
        """
        for lines, next_token in self._pages(log_stream, token):
            for line in lines:
                on_line(line)
            token = next_token
        return token

    def _continue(self, followed: _FollowedStream, log_stream: str, *, is_over: bool) -> None:
        now = time.monotonic()
        interval_s = max(self._min_interval_s, len(self._followed) / MAX_READS_PER_SECOND)
        if not is_over and now - followed.read_at < interval_s:
            return
        followed.read_at = now
        if followed.stream != log_stream:  # the next attempt has a stream of its own
            if followed.stream:
                self._read_pages(followed)
            followed.stream, followed.token, followed.has_ended, followed.printing = log_stream, "", False, 0
        if not is_over:
            self._read_pages(followed)
            return
        # Both limits must be reached: a slow answer must not use up the time in which the last lines may appear.
        retrying = Retrying(
            retry=retry_if_result(lambda has_ended: not has_ended),
            wait=wait_fixed(min(1.0, self._max_lateness_s / (_LATE_READS - 1))),
            stop=stop_after_delay(self._max_lateness_s) & stop_after_attempt(_LATE_READS),
            retry_error_callback=lambda _: None,
        )
        retrying(self._read_pages, followed)
        followed.is_complete = True

    def _read_pages(self, followed: _FollowedStream) -> bool:
        """Read the pages that are new; return whether the last line of the attempt was read, now or before."""
        if followed.has_ended:
            return True
        with suppress(InputError):  # a log that cannot be read now must not end a job that runs well
            for lines, token in self._pages(followed.stream, followed.token):
                for line in lines:
                    followed.add(line)
                followed.token = token  # saved page by page: a page that fails repeats no line of those before it
                if followed.has_ended:  # a further page would be empty: each is a call, of which CloudWatch allows few
                    break
        return followed.has_ended

    def _pages(self, log_stream: str, token: str) -> Iterator[tuple[list[str], str]]:
        """The lines after a token, each page with the token of the next."""
        while True:
            lines, next_token = self._page(log_stream, token)
            yield lines, next_token
            if next_token == token:  # the end; an empty page need not be (API reference, GetLogEvents)
                return
            token = next_token

    def _page(self, log_stream: str, token: str) -> tuple[list[str], str]:
        request: GetLogEventsRequestTypeDef = {
            "logGroupName": self._group,
            "logStreamName": log_stream,
            "startFromHead": True,
        }
        if token:
            request["nextToken"] = token
        self._wait_for_turn()
        try:
            page = self._client.get_log_events(**request)
        except self._client.exceptions.ResourceNotFoundException:
            return [], token  # nothing was printed yet
        except (ClientError, BotoCoreError) as error:
            raise InputError(
                f"the log {log_stream} in {self._group} cannot be read: {error}; check your permissions and the network"
            ) from error
        return [event["message"].rstrip("\n") for event in page["events"]], page["nextForwardToken"]

    def _wait_for_turn(self) -> None:
        """Spread the reads of all jobs and threads over time."""
        with self._lock:
            turn = max(time.monotonic(), self._next_turn)
            self._next_turn = turn + 1 / (2 * MAX_READS_PER_SECOND)
        time.sleep(max(0.0, turn - time.monotonic()))

    @cached_property
    def _client(self) -> "CloudWatchLogsClient":
        return new_session().client(
            "logs", config=Config(retries={"mode": "adaptive", "total_max_attempts": 5}, max_pool_connections=20)
        )

    def close(self) -> None:
        """Close the connections."""
        client = self.__dict__.get("_client")
        if client is not None:
            client.close()
