"""Jobs on an axis of time, a row for each sample: the geometry of a picture in SVG."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from bioinfo_assets.provenance.usage.report import duration
from bioinfo_assets.provenance.usage.totals import Span

WIDTH: Final = 1180
ROW_HEIGHT: Final = 16
_LABELS: Final = 170  # the width of samples' names
_TOP: Final = 24  # the height of the axis
_MARGIN: Final = 2  # above and below the bars of a row
_BAR_HEIGHT: Final = ROW_HEIGHT - 2 * _MARGIN
_MIN_WAITING: Final = 0.5  # shorter bars of waiting are not drawn
_BREAK: Final = 26  # the width of a gap that is left out, unless there are many
_MAX_BREAKS_SHARE: Final = 0.3  # of the axis, the share that all of them have together
_MAX_GAP: Final = 0.05
"""A time in which no job ran is left out if it is longer than this share of the time in which some did."""

_MAX_TICKS: Final = 9
_TICKS_S: Final = (1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 604800, 2592000)

COLORS: Final = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6bb1", "#6b8e23", "#a0522d")
"""Colours that most people can distinguish, whatever their sight (Okabe and Ito, 2008), and three more."""

WAITING: Final = "#d9d9d9"


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: its place, colour, and the text that is shown for it."""

    x: float
    y: float
    width: float
    height: float
    color: str
    title: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A text at a place: the name of a row, or a tick of the axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The picture.

    Attributes:
        height: Its height; the width is `WIDTH`.
        rows: The names of the rows, at their places from above.
        bars: The bars.
        ticks: The ticks of the axis.
        breaks: Where a time was left out in which no job ran.
        legend: The colour of each step.
    """

    height: int
    rows: tuple[Mark, ...]
    bars: tuple[Bar, ...]
    ticks: tuple[Mark, ...]
    breaks: tuple[Mark, ...]
    legend: Mapping[str, str]


def draw_timeline(spans: Sequence[Span]) -> Timeline | None:
    """Place jobs on an axis of time, each sample's in a row, in the order of their first jobs; None without jobs."""
    if not spans:
        return None
    names = list(dict.fromkeys(span.scope for span in spans))
    places = {name: _TOP + ROW_HEIGHT * number for number, name in enumerate(names)}
    legend = {asset: COLORS[n % len(COLORS)] for n, asset in enumerate(dict.fromkeys(span.asset for span in spans))}
    pieces = _pieces(spans)
    position = _positions(pieces)
    return Timeline(
        height=_TOP + ROW_HEIGHT * len(names) + 6,
        rows=tuple(Mark(place, name) for name, place in places.items()),
        bars=(
            *(bar for span in spans for bar in _waiting(span, places[span.scope], position)),
            *(
                _running(span, lane, legend[span.asset], position)
                for name in names
                for span, lane in _lanes([span for span in spans if span.scope == name], places[name])
            ),
        ),
        ticks=tuple(_ticks(pieces, position)),
        breaks=tuple(
            Mark((position(end) + position(start)) / 2, duration(start - end))
            for (_, end), (start, _) in pairwise(pieces)
        ),
        legend=legend,
    )


def _waiting(span: Span, y: float, position: Callable[[float], float]) -> Iterator[Bar]:
    """The bar of a job that waited, behind all others, since another of the sample may have run at that time."""
    start, waited = position(span.started), position(_queued_since(span))
    if start - waited >= _MIN_WAITING:
        yield Bar(waited, y + _MARGIN, start - waited, _BAR_HEIGHT, WAITING, _title(span))


def _running(span: Span, lane: "_Lane", color: str, position: Callable[[float], float]) -> Bar:
    start, end = position(span.started), position(span.finished)
    return Bar(start, lane.y, max(end - start, 1.0), lane.height, color, _title(span))


@dataclass(frozen=True, slots=True)
class _Lane:
    """The place of a bar in a row: the whole height, or a part of it where jobs of a sample ran at the same time."""

    y: float
    height: float


def _lanes(spans: Sequence[Span], y: float) -> Iterator[tuple[Span, _Lane]]:
    """Share a row among the jobs of a sample; they are in the order of their starts."""
    group: list[Span] = []
    for span in spans:
        if group and span.started >= max(other.finished for other in group):
            yield from _share(group, y)
            group = []
        group.append(span)
    yield from _share(group, y)


def _share(group: Sequence[Span], y: float) -> Iterator[tuple[Span, _Lane]]:
    """Put jobs that ran at the same time one above the other, in as few lanes as hold them."""
    ends: list[float] = []
    numbers = []
    for span in group:
        number = next((number for number, end in enumerate(ends) if end <= span.started), len(ends))
        ends[number:] = [span.finished, *ends[number + 1 :]]
        numbers.append(number)
    height = _BAR_HEIGHT / max(1, len(ends))
    for span, number in zip(group, numbers, strict=True):
        yield span, _Lane(y + _MARGIN + number * height, height)


def _title(span: Span) -> str:
    tries = f", attempt {span.attempts}" if span.attempts > 1 else ""
    waits = f"waited {duration(span.queued_s)}, staged {duration(span.staging_s)}"
    ran = duration(span.finished - span.started)
    return f"{span.scope}: {span.asset}, {ran}{tries}; {waits}; from {_time(span.started)}"


def _queued_since(span: Span) -> float:
    return span.started - span.staging_s - span.queued_s


def _pieces(spans: Iterable[Span]) -> list[tuple[float, float]]:
    """The times that are drawn, each from and to: without long gaps in which no job ran or waited."""
    busy: list[tuple[float, float]] = []
    for start, end in sorted((_queued_since(span), span.finished) for span in spans):
        if busy and start <= busy[-1][1]:
            busy[-1] = (busy[-1][0], max(busy[-1][1], end))
        else:
            busy.append((start, end))
    max_gap = _MAX_GAP * sum(end - start for start, end in busy)
    pieces = busy[:1]
    for start, end in busy[1:]:
        if start - pieces[-1][1] <= max_gap:
            pieces[-1] = (pieces[-1][0], end)
        else:
            pieces.append((start, end))
    return pieces


def _positions(pieces: Sequence[tuple[float, float]]) -> Callable[[float], float]:
    """The place of a time on the axis."""
    total = sum(end - start for start, end in pieces) or 1.0
    axis, breaks = WIDTH - _LABELS - 10, max(1, len(pieces) - 1)
    pause = min(_BREAK, _MAX_BREAKS_SHARE * axis / breaks)
    scale = (axis - pause * (len(pieces) - 1)) / total

    def position(time: float) -> float:
        x = float(_LABELS)
        for start, end in pieces:
            if time <= end:
                return x + scale * max(0.0, time - start)
            x += scale * (end - start) + pause
        return x - pause

    return position


def _ticks(pieces: Sequence[tuple[float, float]], position: Callable[[float], float]) -> Iterator[Mark]:
    total = sum(end - start for start, end in pieces)
    step = next((step for step in _TICKS_S if total / step <= _MAX_TICKS), _TICKS_S[-1])
    last = float("-inf")
    for start, end in pieces:
        time = -(-start // step) * step
        while time <= end:
            x = position(time)
            if x - last >= 115 and x < WIDTH - 100:
                yield Mark(x, _time(time) if step >= 60 else _time(time, "%Y-%m-%d %H:%M:%S"))
                last = x
            time += step


def _time(seconds: float, form: str = "%Y-%m-%d %H:%M") -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(form)
