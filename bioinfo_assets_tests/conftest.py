"""What all tests have in common: how they are shared out among workers, and which signals they heed."""

import signal
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_configure() -> None:
    """Heeds what the shell that started the tests may ignore: SIGINT in the background, SIGHUP under nohup.

    The programs that tests start would ignore it as well; and Dagster has SIGTERM do what SIGINT does.
    """
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.SIG_DFL),
        (signal.SIGHUP, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The steps' tests share one real chain of all steps, so that one worker makes it once."""
    for item in items:
        if item.path.is_relative_to(HERE / "steps"):
            item.add_marker(pytest.mark.xdist_group("steps"))
