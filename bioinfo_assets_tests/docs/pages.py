"""The documents that tests read, as they are on the site."""

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Final

CLONE: Final = Path(__file__).parents[2]


def load_build() -> ModuleType:
    """Load the site's hooks, which are not part of a package."""
    spec = importlib.util.spec_from_file_location("documentation_build", CLONE / "docs" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BUILD: Final = load_build()

SOURCES: Final[Mapping[str, str]] = {
    str(path.relative_to(CLONE)): path.read_text(encoding="utf-8")
    for path in [*(CLONE / name for name in BUILD.OUTSIDE), *sorted((CLONE / "docs").rglob("*.md"))]
}
"""Each document as it is in the clone, by path."""

PAGES: Final[Mapping[str, str]] = {name: BUILD.fill_in(text) for name, text in SOURCES.items()}
"""The same with their generated parts."""

FOR_DEVELOPERS: Final = {"CONTRIBUTING.md", "CHANGELOG.md", "docs/design.md", "docs/benchmarks.md"}

FOR_USERS: Final[Mapping[str, str]] = {name: text for name, text in PAGES.items() if name not in FOR_DEVELOPERS}


def code_blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def command_lines(text: str) -> list[str]:
    """The lines of the bash blocks, continued lines joined."""
    return "".join(code_blocks(text, "bash")).replace("\\\n", " ").splitlines()
