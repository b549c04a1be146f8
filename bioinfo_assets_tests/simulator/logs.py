"""CloudWatch Logs, as far as it is read: one stream for each attempt, with its lines as they are printed."""

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bioinfo_assets_tests.simulator.errors import ApiError

GROUP: Final = "/aws/batch/job"
MAX_EVENTS: Final = 10_000  # GetLogEvents, limit
MAX_ANSWER_BYTES: Final = 1024 * 1024
EVENT_OVERHEAD_BYTES: Final = 26  # PutLogEvents: size of an event in addition to its text
MAX_EVENT_BYTES: Final = 262_144 - EVENT_OVERHEAD_BYTES  # Docker's awslogs driver, maximumBytesPerEvent

Answer = dict[str, Any]


@dataclass
class Stream:
    """The log stream of one attempt."""

    name: str
    created: int
    events: list[tuple[int, str]] = field(default_factory=list)


class Logs:
    """All log groups."""

    def __init__(self, delay_s: Callable[[], float], account: str) -> None:
        self._delay_s = delay_s
        self._account = account
        self._lock = threading.Lock()
        self._groups: dict[str, dict[str, Stream]] = {}
        self.create_group(GROUP)
        self.actions: Mapping[str, Callable[[Mapping[str, Any]], Answer]] = {
            "GetLogEvents": self._get_log_events,
            "FilterLogEvents": self._filter_log_events,
            "DescribeLogGroups": self._describe_log_groups,
            "DescribeLogStreams": self._describe_log_streams,
        }

    def create_group(self, name: str) -> None:
        with self._lock:
            self._groups.setdefault(name, {})

    def create(self, group: str, stream: str) -> None:
        """Create a stream.

        Raises:
            ApiError: the group does not exist.
        """
        with self._lock:
            self._group(group)[stream] = Stream(stream, now_ms())

    def write(self, group: str, stream: str, line: bytes) -> None:
        """Add a line, as Docker's awslogs driver does: empty lines are dropped, long ones are cut."""
        with self._lock:
            events = self._groups[group][stream].events
            for begin in range(0, len(line), MAX_EVENT_BYTES):
                text = line[begin : begin + MAX_EVENT_BYTES].decode("utf-8", "replace")
                events.append((now_ms(), text))

    def lines(self, group: str, stream: str) -> list[str]:
        """All lines, whether CloudWatch returns them yet or not."""
        with self._lock:
            return [text for _, text in self._stream(group, stream).events]

    def _group(self, name: str) -> dict[str, Stream]:
        if name not in self._groups:
            raise ApiError("The specified log group does not exist.", "ResourceNotFoundException")
        return self._groups[name]

    def _stream(self, group: str, stream: str) -> Stream:
        streams = self._group(group)
        if stream not in streams:
            raise ApiError("The specified log stream does not exist.", "ResourceNotFoundException")
        return streams[stream]

    def _visible(self, stream: Stream, request: Mapping[str, Any]) -> list[tuple[int, str]]:
        latest = now_ms() - int(1000 * self._delay_s())
        since, until = request.get("startTime", 0), request.get("endTime", latest + 1)
        return [event for event in stream.events if event[0] <= latest and since <= event[0] < until]

    def _get_log_events(self, request: Mapping[str, Any]) -> Answer:
        """Page forward by `f/N/…` and backward by `b/N/…`; at the end, the token of the request is returned again."""
        with self._lock:
            events = self._visible(self._stream(_group_name(request), request["logStreamName"]), request)
        limit = _limit(request)
        first, last = 0, len(events)
        token = request.get("nextToken")
        if token is not None:
            matched = re.fullmatch(r"([fb])/(\d{56})/(s|e\d+)", token)
            if matched is None:
                raise ApiError("The specified nextToken is invalid.", "InvalidParameterException")
            forward, position = matched[1] == "f", min(int(matched[2]), len(events))
            first, last = (position, last) if forward else (0, position)
        else:
            forward = request.get("startFromHead", False)
        if forward:
            last = first + _count_fitting(events[first:last], limit)
        else:
            first = last - _count_fitting(events[first:last][::-1], limit)
        return {
            "events": [
                {"timestamp": timestamp, "message": text, "ingestionTime": timestamp}
                for timestamp, text in events[first:last]
            ],
            "nextForwardToken": f"f/{last:056}/s",
            "nextBackwardToken": f"b/{first:056}/s",
        }

    def _filter_log_events(self, request: Mapping[str, Any]) -> Answer:
        """All events of the streams by time, without patterns."""
        if "filterPattern" in request:
            raise ApiError("The simulator does not support filter patterns.", "InvalidParameterException")
        prefix, names = request.get("logStreamNamePrefix", ""), request.get("logStreamNames")
        with self._lock:
            streams = sorted(self._group(_group_name(request)).items())
            found: list[Answer] = [
                {"logStreamName": name, "timestamp": at, "message": text, "ingestionTime": at, "eventId": f"{name}/{n}"}
                for name, stream in streams
                if name.startswith(prefix) and (names is None or name in names)
                for n, (at, text) in enumerate(self._visible(stream, request))
            ]
        found.sort(key=lambda event: event["timestamp"])
        return _page("events", found, request, _limit(request))

    def _describe_log_groups(self, request: Mapping[str, Any]) -> Answer:
        with self._lock:
            names = [name for name in sorted(self._groups) if name.startswith(request.get("logGroupNamePrefix", ""))]
        arn = f"arn:aws:logs:us-east-1:{self._account}:log-group:"
        found = [{"logGroupName": name, "arn": f"{arn}{name}:*", "logGroupArn": f"{arn}{name}"} for name in names]
        return _page("logGroups", found, request, request.get("limit", 50))

    def _describe_log_streams(self, request: Mapping[str, Any]) -> Answer:
        with self._lock:
            streams = sorted(self._group(_group_name(request)).items())
            found = [
                {"logStreamName": name, "creationTime": stream.created, "storedBytes": 0}
                | ({"lastEventTimestamp": stream.events[-1][0]} if stream.events else {})
                for name, stream in streams
                if name.startswith(request.get("logStreamNamePrefix", ""))
            ]
        return _page("logStreams", found, request, request.get("limit", 50))


def now_ms() -> int:
    """The time in AWS's units."""
    return int(1000 * time.time())


def _group_name(request: Mapping[str, Any]) -> str:
    name: str = request.get("logGroupName") or request["logGroupIdentifier"]
    return name.partition(":log-group:")[2] or name


def _limit(request: Mapping[str, Any]) -> int:
    limit: int = request.get("limit", MAX_EVENTS)
    if not 1 <= limit <= MAX_EVENTS:
        raise ApiError("limit must be between 1 and 10000", "InvalidParameterException")
    return limit


def _count_fitting(events: list[tuple[int, str]], limit: int) -> int:
    """The number of these events that fit into an answer."""
    size = 0
    for n, (_, text) in enumerate(events[:limit]):
        size += len(text.encode()) + EVENT_OVERHEAD_BYTES
        if size > MAX_ANSWER_BYTES:
            return n
    return min(len(events), limit)


def _page(key: str, found: list[Answer], request: Mapping[str, Any], limit: int) -> Answer:
    begin = int(request.get("nextToken", 0))
    answer: Answer = {key: found[begin : begin + limit]}
    return answer | ({"nextToken": str(begin + limit)} if begin + limit < len(found) else {})
