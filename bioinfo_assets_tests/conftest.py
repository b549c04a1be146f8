"""Settings of all tests: signal handlers, and which tests share a worker."""

import functools
import gc
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from botocore.loaders import JSONFileLoader

from bioinfo_assets.launch.machine_share import FOLDER_VARIABLE

HERE = Path(__file__).parent

# The helpers of tests assert too: without this, one that fails does not show what was compared.
pytest.register_assert_rewrite(*(f"{HERE.name}.{path.stem}" for path in HERE.iterdir() if path.stem != "conftest"))

ENGINE_GROUPS = {
    **dict.fromkeys(("test_table", "test_apply", "test_metrics"), "recalibration"),
    **dict.fromkeys(("test_mark", "test_aligned"), "marking"),
    **dict.fromkeys(("test_merge", "test_hostile_input", "test_fuzz"), "input"),
}
"""By module, the tests that share a worker, and in it GATK's results or those of Picard."""

_MACHINE = tempfile.TemporaryDirectory(prefix="machine-")
"""In which the jobs of this worker share the machine: workers of pytest-xdist do not wait for each other's."""


def pytest_configure() -> None:
    """Restore signals that the shell may have set to be ignored: SIGINT in the background, SIGHUP under nohup.

    Programs that tests start would ignore them as well; Dagster handles SIGTERM like SIGINT.
    """
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.SIG_DFL),
        (signal.SIGHUP, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    os.environ[FOLDER_VARIABLE] = _MACHINE.name
    # Hundreds of processes import the same packages, and all workers the same tests: each is compiled once.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # The time of an example depends on the load of the machine.
    hypothesis.settings.register_profile("without deadlines", deadline=None)
    hypothesis.settings.load_profile("without deadlines")
    # Each session of botocore parses its descriptions of AWS's services again, some of megabytes.
    load = functools.cache(JSONFileLoader().load_file)
    JSONFileLoader.load_file = lambda _, path: load(path)  # type: ignore[assignment, method-assign]
    # Java's second compiler and its collector of many threads make long runs fast. In short ones, as in tests, the
    # first takes a third of all CPU time, the second a tenth.
    os.environ["JDK_JAVA_OPTIONS"] = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of the steps in one worker, which share costly runs of the tools; so do groups of the engine's."""
    for item in items:
        if item.path.is_relative_to(HERE / "steps"):
            item.add_marker(pytest.mark.xdist_group("steps"))
        if item.path.is_relative_to(HERE / "engine"):
            item.add_marker(pytest.mark.xdist_group(f"engine: {ENGINE_GROUPS.get(item.path.stem, item.path.stem)}"))


def pytest_collection_finish() -> None:
    """Spend no time on what stays until the end: some six thousand tests, and the packages that they import."""
    gc.collect()
    gc.freeze()
    if "dagster" in sys.modules:
        # A test of the engine does without Dagster.
        from bioinfo_assets_tests.dagster_databases import copy_empty_databases  # noqa: PLC0415

        copy_empty_databases()


@pytest.fixture(autouse=True)
def home_is_restored() -> Iterator[None]:
    """Fail the test that leaves another Dagster home behind, not those that come after it in its worker."""
    before = os.environ.get("DAGSTER_HOME")
    yield
    after = os.environ.pop("DAGSTER_HOME", None)
    if before is not None:
        os.environ["DAGSTER_HOME"] = before
    assert after == before, f"The test left DAGSTER_HOME as {after}; before it was {before}."
