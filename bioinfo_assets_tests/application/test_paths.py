"""Paths typed by a user, and the command that starts this program."""

import os
import re
import sys
from pathlib import Path

import pytest

from bioinfo_assets.application.paths import absolute_adapter, absolute_path, own_command
from bioinfo_assets.errors import InputError

BIN = Path(sys.executable).parent


def test_a_path_is_relative_to_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute_path("reads/../out") == f"{tmp_path}/out"
    monkeypatch.setenv("HOME", "/home/someone")
    assert absolute_path("~/out") == "/home/someone/out"


@pytest.mark.parametrize("uri", ["s3://bucket/run7", "gs://bucket/a.vcf.gz", "https://example.org/chr22.fa.gz"])
def test_an_address_is_unchanged(uri: str) -> None:
    assert absolute_path(uri) == uri


def test_an_address_has_no_slash_at_the_end() -> None:
    """The project in `s3://bucket/run7/` would be another one, with the same files."""
    assert absolute_path("s3://bucket/run7/") == "s3://bucket/run7"


@pytest.mark.parametrize("path", ["", " ", "file://"])
def test_an_empty_path_is_refused(path: str) -> None:
    """It would be the current folder, as after `--output-path "$OUT"` without OUT."""
    with pytest.raises(InputError, match="a path is empty"):
        absolute_path(path)


@pytest.mark.parametrize("path", [b"/data/caf\xe9/x.fa", b"s3://bucket/caf\xe9"])
def test_a_path_that_is_not_utf_8_is_refused(path: bytes) -> None:
    """Records and settings could not be written."""
    with pytest.raises(InputError, match=r"caf\\udce9.* is not UTF-8"):
        absolute_path(os.fsdecode(path))


def test_a_path_below_a_folder_that_is_not_utf_8_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(InputError, match="is not UTF-8"):
        absolute_path("x.fa")


@pytest.mark.parametrize("path", ["S3://bucket/run7", "s3:/bucket/run7", "ftp://host/run7", "~nobody-of-this-name/out"])
def test_what_is_neither_path_nor_address_is_refused(path: str) -> None:
    """It would become a folder of that name."""
    with pytest.raises(InputError, match=re.escape(path)):
        absolute_path(path)


def test_an_adapter_is_a_file_if_it_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute_adapter("ACGT") == "ACGT"
    assert absolute_adapter("ACGT" * 100) == "ACGT" * 100
    (tmp_path / "adapters.fa").write_text(">a\nACGT\n")
    assert absolute_adapter("adapters.fa") == f"{tmp_path}/adapters.fa"
    assert absolute_adapter("file:other.fa") == f"{tmp_path}/other.fa"


def test_the_program_is_called_by_name_if_it_is_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setenv("PATH", str(BIN))
    assert own_command() == "bioinfo-assets"
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(BIN.parent)
    assert own_command() == f"{BIN.name}/bioinfo-assets"
    monkeypatch.chdir(tmp_path)
    assert own_command() == str(BIN / "bioinfo-assets")
