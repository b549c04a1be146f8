"""Each parser of outside text on inputs near valid ones; `make fuzz` gives each a hundred thousand."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioinfo_assets_tests.fuzzing.guard import ForbiddenError, parsing
from bioinfo_assets_tests.fuzzing.parsers import AWKWARD, FOLDER, PARSERS, Parser


@st.composite
def inputs(draw: st.DrawFn, parser: Parser) -> bytes:
    """A valid input in which pieces are replaced."""
    data = bytearray(draw(st.sampled_from(parser.seeds)))
    pieces = st.one_of(st.sampled_from((*parser.words, *AWKWARD)), st.binary(max_size=4))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        data[start : start + draw(st.integers(0, 8))] = draw(pieces)
    return bytes(data)


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_an_input_is_parsed_or_refused_in_a_sentence(name: str, data: st.DataObject) -> None:
    parser = PARSERS[name]
    text = data.draw(inputs(parser))
    with parsing():
        parser(text)


@pytest.mark.parametrize("name", PARSERS)
def test_thousands_of_digits_or_brackets_are_parsed_or_refused(name: str) -> None:
    """In each place in which a valid input has a number."""
    for text in PARSERS[name].beyond_limits:
        with parsing():
            PARSERS[name](text)


@pytest.mark.parametrize("name", PARSERS)
def test_each_seed_is_valid(name: str) -> None:
    """Otherwise the inputs made of it would only try how the parser refuses."""
    for seed in PARSERS[name].seeds:
        PARSERS[name].parse(seed)


@pytest.mark.parametrize(
    "forbidden",
    [
        lambda: os.system("true"),  # noqa: S605 - what is forbidden
        lambda: subprocess.run(["true"], check=True),
        lambda: Path("/tmp/outside-of-the-folder").write_text("x", encoding="ascii"),  # noqa: S108 - as above
        lambda: (FOLDER / ".." / "outside").write_text("x", encoding="ascii"),
        lambda: (FOLDER / "project").rename("elsewhere"),
    ],
)
def test_the_guard_refuses_what_no_parser_may_do(forbidden: Callable[[], object]) -> None:
    with pytest.raises(ForbiddenError), parsing():
        forbidden()
