"""A tool is asked for its version once by all processes, and again when its file is another."""

import pytest

from bioinfo_assets.launch import tool_version_cache
from bioinfo_assets.launch.tool_version_cache import cached_tool_versions
from bioinfo_assets_tests.launch.test_tools import program


@pytest.fixture
def next_process(tmp_path, monkeypatch):
    """Forgets what this process knows of tools, as if it were the next one of a user with a home of their own."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    tool_version_cache._told_before.cache_clear()
    yield tool_version_cache._told_before.cache_clear
    tool_version_cache._told_before.cache_clear()


def slow(path, version):
    """A program that writes down that it was started."""
    asked = path.with_name("asked")
    program(path)
    path.write_text(f"#!/bin/sh\necho >>{asked}\necho cutadapt {version}\necho {version}\n")
    return asked


def test_a_program_is_asked_once_by_all_processes(tmp_path, next_process):
    asked = slow(tmp_path / "bin" / "cutadapt", "5.2")
    for _ in range(3):
        assert cached_tool_versions(["cutadapt"], f"{tmp_path}/bin:/usr/bin:/bin") == {"cutadapt": "5.2"}
        next_process()
    assert asked.read_text() == "\n"


def test_a_program_that_was_replaced_is_asked_again(tmp_path, next_process):
    slow(tmp_path / "bin" / "cutadapt", "5.2")
    cached_tool_versions(["cutadapt"], f"{tmp_path}/bin:/usr/bin:/bin")
    next_process()
    slow(tmp_path / "bin" / "cutadapt", "5.3")
    assert cached_tool_versions(["cutadapt"], f"{tmp_path}/bin:/usr/bin:/bin") == {"cutadapt": "5.3"}


@pytest.mark.parametrize("kept", ["", "[]", '{"a": 1}', '{"a": {"asked": "x"}}', "\0"])
def test_a_damaged_list_of_versions_is_made_anew(tmp_path, next_process, kept):
    file = tmp_path / "home" / ".cache" / "bioinfo-assets" / "tool-versions.json"
    file.parent.mkdir(parents=True)
    file.write_text(kept)
    slow(tmp_path / "bin" / "cutadapt", "5.2")
    assert cached_tool_versions(["cutadapt"], f"{tmp_path}/bin:/usr/bin:/bin") == {"cutadapt": "5.2"}
    assert '"5.2"' in file.read_text()
