"""CONTRIBUTING's table of rooms is the rule that the architecture test enforces."""

import re

from bioinfo_assets_tests.docs.pages import CLONE, PAGES, SOURCES
from bioinfo_assets_tests.test_architecture import MAY_IMPORT


def test_the_table_of_rooms_is_the_rule() -> None:
    section = PAGES["CONTRIBUTING.md"].partition("\n## The rooms\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| .* \| ([^|]*) \|$", section, re.MULTILINE)
    table = {room: set(re.findall(r"`([\w.]+)`", imports)) for room, imports in rows}
    assert len(rows) == len(table)
    assert table == MAY_IMPORT


def test_every_file_that_the_guide_to_new_steps_names_exists() -> None:
    page = SOURCES["docs/guides/new-step.md"]
    files = set(re.findall(r"`((?:bioinfo_assets|bioinfo_assets_tests|docker|docs)/[\w./-]+)`", page))
    assert len(files) > 10
    assert [file for file in sorted(files) if not (CLONE / file).exists()] == []
