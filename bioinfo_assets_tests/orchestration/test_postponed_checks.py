"""A result that cannot be checked or published for the moment is checked again, and given up after a while."""

from pathlib import Path

import pytest

from bioinfo_assets.launch.fake_backend import Behaviour, FakeBackend
from bioinfo_assets.orchestration import postponed_checks
from bioinfo_assets.orchestration.postponed_checks import NEW_FAILURE_S, PostponedChecks
from bioinfo_assets.result_key import ResultKey

KEY = ResultKey("depth", "a")


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(postponed_checks, "time", clock)
    return clock


@pytest.fixture
def postponed(tmp_path: Path) -> PostponedChecks:
    backend = FakeBackend(tmp_path, lambda _: Behaviour())
    backend.interval_s, backend.poll_error_timeout_s = 1.0, 100.0  # type: ignore[misc]
    return PostponedChecks(backend)


def pauses(postponed: PostponedChecks, clock: Clock) -> list[float]:
    """The pauses between checks that all fail, until the result is given up."""
    found = []
    while postponed.add(KEY):
        began = clock.now
        while not postponed.pop_due():
            clock.now += 1.0
        found.append(clock.now - began)
    return found


def test_pauses_grow_and_end(postponed: PostponedChecks, clock: Clock) -> None:
    assert pauses(postponed, clock) == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 32.0, 32.0]
    assert len(postponed) == 0


def test_the_time_of_a_later_outage_is_its_own(postponed: PostponedChecks, clock: Clock) -> None:
    assert postponed.add(KEY)
    clock.now += NEW_FAILURE_S + 60
    assert postponed.pop_due() == [KEY]
    assert sum(pauses(postponed, clock)) > 100
