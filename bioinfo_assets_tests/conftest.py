"""Which tests share what is costly to make, so that one worker makes it once."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The steps' tests share one real chain of all steps."""
    for item in items:
        if item.path.is_relative_to(HERE / "steps"):
            item.add_marker(pytest.mark.xdist_group("steps"))
