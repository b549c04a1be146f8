import os
from pathlib import Path

import pytest

from bioinfo_assets.application.file_difference import first_difference


@pytest.mark.parametrize(
    ("text", "original", "sentence"),
    [
        ("a\t1\nb\t2\n", "a\t1\nb\t3\n", "line 2 (b), field 2, is '2', and '3' by the original"),
        ("a\n", "b\n", "line 1 is 'a', and 'b' by the original"),
        ("a\n", "a\nb\n", "it ends after 1 lines"),
        ("a\nb\n", "a\n", "the original ends after 1 lines"),
        ("a\tb\n", "a\n", "line 1 (a), field 2, is missing in the original"),
        ("# 1\na\n", "# 2\na\n", ""),
    ],
)
def test_the_first_line_and_field_that_differ(tmp_path: Path, text: str, original: str, sentence: str) -> None:
    (tmp_path / "ours").write_text(text)
    (tmp_path / "theirs").write_text(original)
    found = first_difference(tmp_path / "ours", tmp_path / "theirs", "sed '/^# /d'", os.environ["PATH"])
    assert found == sentence


def test_of_a_long_field_the_part_that_differs_is_shown(tmp_path: Path) -> None:
    (tmp_path / "ours").write_text(f"{'A' * 200}C{'A' * 200}\n")
    (tmp_path / "theirs").write_text(f"{'A' * 200}G{'A' * 200}\n")
    found = first_difference(tmp_path / "ours", tmp_path / "theirs", "cat", os.environ["PATH"])
    assert found.startswith(f"line 1 is '...{'A' * 30}C{'A' * 29}...', and '...{'A' * 30}G")
