"""What jobs print, in the logs of their step."""

from pathlib import Path

import pytest

from bioinfo_assets.launch.backend import Stream
from bioinfo_assets.orchestration import compute_logs
from bioinfo_assets.orchestration.compute_logs import StepLogs


def test_a_log_ends_with_a_sentence_at_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute_logs, "MAX_LOG_BYTES", 40)
    with (tmp_path / "log").open("w") as file:
        logs = StepLogs({Stream.STDERR: file})
        for _ in range(5):
            logs.write(Stream.STDERR, b"one line\n", "depth-a")
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[:3] == ["[depth-a] one line"] * 3
    assert len(lines) == 4
    assert lines[3].startswith("This log is full")
