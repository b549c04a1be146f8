"""`qc` of a project without samples; what it shows of samples is tested in `pipeline/test_quality.py`."""

from pathlib import Path

import pytest

from bioinfo_assets_tests.cli.commands import call


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_no_samples_are_bad_input_so_that_a_mistyped_path_does_not_pass(tmp_path: Path, options: list[str]) -> None:
    result = call("qc", "--output-path", tmp_path / "mistyped", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"there are no samples in {tmp_path / 'mistyped'}: check --output-path" in result.stderr
