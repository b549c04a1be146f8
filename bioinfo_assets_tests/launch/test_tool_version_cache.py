"""All processes run a tool once for its version, and again when its file has changed."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bioinfo_assets.launch import tool_version_cache
from bioinfo_assets.launch.tool_version_cache import cached_tool_versions
from bioinfo_assets_tests.launch.test_tools import program


@pytest.fixture
def next_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Drop the cache of this process, as if it were the next one of the same user, who has a home of their own.

    The programs in `bin` are those of this Python's environment.
    """
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    tool_version_cache._load.cache_clear()
    yield tool_version_cache._load.cache_clear
    tool_version_cache._load.cache_clear()


def logging_program(path: Path, version: str) -> Path:
    """Write a program that logs its starts; return the log."""
    starts = path.with_name("starts")
    program(path)
    path.write_text(f"#!/bin/sh\necho >>{starts}\necho cutadapt {version}\necho {version}\n")
    return starts


def test_all_processes_run_a_program_once(tmp_path: Path, next_process: Callable[[], None]) -> None:
    starts = logging_program(tmp_path / "bin" / "cutadapt", "5.2")
    for _ in range(3):
        assert cached_tool_versions(["cutadapt"], f"{tmp_path}/bin:/usr/bin:/bin") == {"cutadapt": "5.2"}
        next_process()
    assert starts.read_text() == "\n"


def test_a_replaced_program_is_run_again(tmp_path: Path, next_process: Callable[[], None]) -> None:
    logging_program(tmp_path / "bin" / "cutadapt", "5.2")
    cached_tool_versions(["cutadapt"], f"{tmp_path}/bin:/usr/bin:/bin")
    next_process()
    logging_program(tmp_path / "bin" / "cutadapt", "5.3")
    assert cached_tool_versions(["cutadapt"], f"{tmp_path}/bin:/usr/bin:/bin") == {"cutadapt": "5.3"}


@pytest.mark.parametrize("damaged", ["", "[]", '{"a": 1}', '{"a": {"key": "x"}}', "\0"])
def test_a_damaged_cache_is_replaced(tmp_path: Path, next_process: Callable[[], None], damaged: str) -> None:
    file = tmp_path / "home" / ".cache" / "bioinfo-assets" / "tool-versions.json"
    file.parent.mkdir(parents=True)
    file.write_text(damaged)
    logging_program(tmp_path / "bin" / "cutadapt", "5.2")
    assert cached_tool_versions(["cutadapt"], f"{tmp_path}/bin:/usr/bin:/bin") == {"cutadapt": "5.2"}
    assert '"5.2"' in file.read_text()


def test_a_script_is_asked_by_each_process(tmp_path: Path, next_process: Callable[[], None]) -> None:
    """It may start an image of containers that was replaced, which its own file does not show."""
    version = tmp_path / "version"
    script = program(tmp_path / "elsewhere" / "samtools")
    script.write_text(f"#!/bin/sh\necho samtools $(cat {version})\n")
    for number in ("1.16.1", "1.22"):
        version.write_text(number)
        assert cached_tool_versions(["samtools"], f"{tmp_path}/elsewhere:/usr/bin:/bin") == {"samtools": number}
        next_process()


@pytest.mark.usefixtures("next_process")
def test_a_script_is_asked_once_in_a_process(tmp_path: Path) -> None:
    starts = logging_program(tmp_path / "elsewhere" / "cutadapt", "5.2")
    for _ in range(3):
        assert cached_tool_versions(["cutadapt"], f"{tmp_path}/elsewhere:/usr/bin:/bin") == {"cutadapt": "5.2"}
    assert starts.read_text() == "\n"
