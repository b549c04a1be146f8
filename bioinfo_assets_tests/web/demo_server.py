"""The demo in a browser, and pictures of its pages for the documentation."""

import os
from pathlib import Path
from typing import Final

from playwright.sync_api import Page

SAMPLE, OTHER = "sparrow", "tumbler"
"""The samples of the demo."""

SCREENSHOTS_VARIABLE: Final = "SCREENSHOTS"
"""The environment variable with the folder that pictures are written to, by `make screenshots`; none without it."""


def take_screenshot(page: Page, name: str) -> None:
    """Write a picture of what is shown now, if pictures are asked for."""
    folder = os.environ.get(SCREENSHOTS_VARIABLE)
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")
