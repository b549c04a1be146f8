"""The drawing in the README is Dagit's graph: the same assets in the same groups, with the same edges."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import dagster as dg
import pytest

from bioinfo_assets.definitions import build_definitions
from bioinfo_assets.settings import load
from bioinfo_assets_tests.docs.pages import SOURCES, code_blocks


@dataclass
class Drawing:
    """A flowchart in the part of Mermaid's language that the README uses: groups, nodes, and chains of edges."""

    groups: dict[str, str] = field(default_factory=dict)
    observed: set[str] = field(default_factory=set)
    edges: set[tuple[str, str]] = field(default_factory=set)

    @classmethod
    def read(cls, text: str) -> "Drawing":
        drawing, group = cls(), ""
        for line in map(str.strip, re.split(r"[;\n]", text.partition("\n")[2].strip())):
            if line.startswith("subgraph "):
                group = line.removeprefix("subgraph ")
            elif line == "end":
                group = ""
            else:
                chain = [list(drawing.read_nodes(part, group)) for part in line.split("-->")]
                for upstream, downstream in itertools.pairwise(chain):
                    drawing.edges |= set(itertools.product(upstream, downstream))
        return drawing

    def read_nodes(self, text: str, group: str) -> Iterator[str]:
        for node in text.split("&"):
            match = re.fullmatch(r"(\w+)(\(\[\1\]\))?", node.strip())
            assert match, f"not in the part of the language that is read: {node}"
            if group:
                self.groups[match[1]] = group
            if match[2]:
                self.observed.add(match[1])
            yield match[1]


@pytest.fixture(scope="module")
def drawing() -> Drawing:
    (text,) = code_blocks(SOURCES["README.md"], "mermaid")
    return Drawing.read(text)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> list[dg.AssetSpec]:
    definitions = build_definitions(load(None, output_path=str(tmp_path_factory.mktemp("project"))))
    return list(definitions.resolve_all_asset_specs())


def test_it_has_all_assets_in_their_groups(drawing: Drawing, nodes: list[dg.AssetSpec]) -> None:
    assert drawing.groups == {node.key.to_user_string(): node.group_name for node in nodes}


def test_it_has_all_edges_and_no_others(drawing: Drawing, nodes: list[dg.AssetSpec]) -> None:
    assert drawing.edges == {
        (dep.asset_key.to_user_string(), node.key.to_user_string()) for node in nodes for dep in node.deps
    }


def test_what_is_observed_is_rounded(drawing: Drawing, nodes: list[dg.AssetSpec]) -> None:
    """Nothing that is computed is without anything upstream, and nothing that is observed has something upstream."""
    assert drawing.observed == {node.key.to_user_string() for node in nodes if not list(node.deps)}
