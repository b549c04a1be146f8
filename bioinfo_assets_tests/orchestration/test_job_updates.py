"""Updates of jobs, and listeners that fail."""

import logging

import pytest

from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate, listen, notify
from bioinfo_assets.result_key import ResultKey

UPDATE = JobUpdate(ResultKey("depth", "expt"), JobState.RUNNING)


def test_a_listener_that_fails_is_logged_and_the_others_are_called(caplog: pytest.LogCaptureFixture) -> None:
    """What it raised would end the step that notified it, and with it all jobs."""

    def fail(_: JobUpdate) -> None:
        raise UnicodeEncodeError("latin-1", "ł", 0, 1, "ordinal not in range")

    heard: list[JobUpdate] = []
    with caplog.at_level(logging.ERROR), listen(fail), listen(heard.append):
        notify(UPDATE)
    assert heard == [UPDATE]
    assert "RUNNING of depth of expt could not be shown" in caplog.text
    assert "UnicodeEncodeError" in caplog.text


def test_an_interrupt_passes() -> None:
    def interrupt(_: JobUpdate) -> None:
        raise KeyboardInterrupt

    with listen(interrupt), pytest.raises(KeyboardInterrupt):
        notify(UPDATE)
