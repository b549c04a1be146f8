"""Small charts in Dagit's metadata: Markdown with an SVG in it.

Dagit shows Markdown of fewer than 1,000 characters where it stands, and longer texts behind a link "[Show Markdown]"
(dagster-webserver 1.13.27, its `MarkdownMetadataEntry`). So a chart has at most 60 bars and a few words; a picture of
pixels would not fit.
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

MAX_MARKDOWN: Final = 999
"""Characters of Markdown that Dagit shows at once."""

MAX_BARS: Final = 60

_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 420, 8, 118
"""The area of the bars within the picture, in pixels."""


def bar_chart(title: str, bars: Sequence[float], highest: float, top: str, x: tuple[str, str, str]) -> str:
    """Draw bars that touch each other, from 0 up.

    Args:
        title: For readers who do not see the picture.
        bars: Their heights; at most `MAX_BARS`.
        highest: The height at the top of the area.
        top: The label at that height.
        x: The labels of the first bar, of the axis, and of the last bar.
    """
    width = (_RIGHT - _LEFT) // max(len(bars), 1)
    steps = "".join(f"V{_height(bar, highest)}h{width}" for bar in bars)
    right = _LEFT + width * len(bars)
    svg = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{_RIGHT + 20}' height='140' font-size='11' fill='#777'>"
        f"<path fill='#3b6ea5' d='M{_LEFT},{_BOTTOM}{steps}V{_BOTTOM}z'/>"
        f"<text x='2' y='{_TOP + 9}'>{top}</text>"
        f"<text x='{_LEFT}' y='133'>{x[0]}</text><text x='180' y='133'>{x[1]}</text>"
        f"<text x='{right - 20}' y='133'>{x[2]}</text></svg>"
    )
    encoded = quote(svg, safe="/:=,';")
    return f"![{title}](data:image/svg+xml,{encoded})"


def _height(bar: float, highest: float) -> int:
    """The vertical coordinate of a bar's end."""
    return round(_BOTTOM - (_BOTTOM - _TOP) * min(bar / highest, 1)) if highest else _BOTTOM


def histogram(title: str, rows: Sequence[tuple[int, int]], noun: str, axis: str) -> str:
    """Draw how often each value occurs; bars are of several values where there are many.

    Args:
        title: For readers who do not see the picture.
        rows: Values and their numbers, in order of value; at least one.
        noun: What is counted.
        axis: What the values are.
    """
    first, last = rows[0][0], rows[-1][0]
    width = 1 + (last - first) // MAX_BARS
    bars = [0] * (1 + (last - first) // width)
    for value, count in rows:
        bars[(value - first) // width] += count
    every = f" (bars of {width})" if width > 1 else ""
    return bar_chart(title, bars, max(bars), f"{max(bars)} {noun}", (str(first), f"{axis}{every}", str(last)))


def curve(title: str, values: Sequence[float], highest: float, top: str, first: int, axis: str) -> str:
    """Draw a value for each whole number from `first` on; where there are many, some are left out.

    Args:
        title: For readers who do not see the picture.
        values: The values; at least one.
        highest: The value at the top.
        top: Its label.
        first: The number of the first value.
        axis: What the numbers are.
    """
    width = 1 + (len(values) - 1) // MAX_BARS
    return bar_chart(title, values[::width], highest, top, (str(first), axis, str(first + len(values) - 1)))
