"""Charts in Dagit's metadata: read back from their Markdown, as a browser does."""

import re
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest

from bioinfo_assets.assets.charts import MAX_BARS, MAX_MARKDOWN, curve, histogram
from bioinfo_assets.assets.metrics_metadata import coverage_chart

SVG = "{http://www.w3.org/2000/svg}"


class Drawing:
    """A chart: the heights of its bars as fractions of the area, and its labels."""

    def __init__(self, markdown: str) -> None:
        match = re.fullmatch(r"!\[([^]]+)\]\(data:image/svg\+xml,([^ ()<>\"]+)\)", markdown)
        assert match, "not an image in Markdown"
        root = ET.fromstring(unquote(match[2]))  # noqa: S314 - of our own making
        path = root.find(f"{SVG}path")
        assert path is not None
        start, *ends = re.findall(r"[M,V](\d+)(?=[hVz])", path.attrib["d"])
        self.title, self.size = match[1], len(markdown)
        self.labels = [text.text for text in root.iter(f"{SVG}text")]
        bottom = int(start if not ends else ends[-1])
        tops = [int(top) for top in re.findall(r"V(\d+)h", path.attrib["d"])]
        self.bars = [(bottom - top) / 110 for top in tops]


def test_a_histogram_has_a_bar_for_each_value() -> None:
    drawing = Drawing(histogram("Insert sizes of a", [(200, 5), (201, 10), (203, 20)], "pairs", "bases"))
    assert drawing.bars == pytest.approx([0.25, 0.5, 0, 1], abs=0.01)
    assert drawing.labels == ["20 pairs", "200", "bases", "203"]


def test_bars_are_of_several_values_where_there_are_many() -> None:
    drawing = Drawing(histogram("x", [(value, 1) for value in range(1, 601)], "pairs", "bases"))
    width = 600 // len(drawing.bars)
    assert len(drawing.bars) <= MAX_BARS
    assert drawing.labels == [f"{width} pairs", "1", f"bases (bars of {width})", "600"]
    assert drawing.bars[:-1] == pytest.approx([1] * (len(drawing.bars) - 1))


def test_a_coverage_curve_falls_to_where_a_thousandth_is_covered() -> None:
    """mosdepth leaves out a depth whose fraction is that of the next."""
    drawing = Drawing(coverage_chart("a", [(0, 1.0), (1, 0.9), (3, 0.5), (4, 0.001), (9, 0.0001)]))
    assert drawing.bars == pytest.approx([1, 0.9, 0.5, 0.5, 0], abs=0.01)
    assert drawing.labels[0] == "100 %"
    assert drawing.labels[1::2] == ["0", "4"]


def test_a_genome_without_reads_has_a_curve() -> None:
    assert Drawing(coverage_chart("a", [(0, 1.0)])).bars == pytest.approx([1])


def test_a_curve_names_its_first_and_last_value() -> None:
    drawing = Drawing(curve("x", [40.0] * 151, 40, "Q40", 1, "cycle"))
    assert drawing.labels == ["Q40", "1", "cycle", "151"]
    assert set(drawing.bars) == {1}


@pytest.mark.parametrize("count", [1, 59, 60, 61, 119, 120, 121, 1000, 100_000])
def test_dagit_shows_a_chart_at_once(count: int) -> None:
    """Whatever its data, and the name of the sample (64 characters at most)."""
    rows = [(1_000_000 + value, 10**9 + value % 7) for value in range(count)]
    name = "n" * 64
    for markdown in (
        histogram(f"Insert sizes of {name}", rows, "pairs", "insert size, bases"),
        coverage_chart(name, [(value, 1 / (1 + value / 100)) for value in range(count)]),
        curve(f"Base qualities of {name}", [30 + value % 9 for value in range(count)], 42, "Q42", 1, "of this cycle"),
    ):
        assert Drawing(markdown).size <= MAX_MARKDOWN
        assert len(Drawing(markdown).bars) <= MAX_BARS
