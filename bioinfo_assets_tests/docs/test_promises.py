"""Each promise names tests that exist."""

import re

import pytest

from bioinfo_assets_tests.docs.pages import CLONE, PAGES

NAMED = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGES["docs/explanation/promises.md"])


def test_each_row_of_a_promise_names_a_test() -> None:
    tables = re.findall(r"^\| promise \|.*\n\|-.*\n((?:\|.*\n)+)", PAGES["docs/explanation/promises.md"], re.MULTILINE)
    rows = [row for table in tables for row in table.splitlines()]
    assert len(tables) == 3
    assert [row for row in rows if "::test_" not in row] == []


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[name for _, name in NAMED])
def test_a_named_test_exists(file: str, name: str) -> None:
    source = (CLONE / "bioinfo_assets_tests" / file).read_text(encoding="utf-8")
    assert re.search(rf"^ *def {name}\(", source, re.MULTILINE)
