"""Checks of settings before a run; those of files and options are tested in `cli/test_bad_input.py`."""

from pathlib import Path

import pytest

from bioinfo_assets.application.preflight import check_step_names
from bioinfo_assets.errors import InputError
from bioinfo_assets.settings import Settings


def test_job_options_of_an_unknown_asset(tmp_path: Path) -> None:
    settings = Settings(output_path=str(tmp_path), steps={"aligned_bams": {"vcpus": 4}})
    with pytest.raises(InputError, match=r"table \[steps.aligned_bams\], but .* did you mean aligned_bam\?"):
        check_step_names(settings)


def test_an_engine_of_an_asset_that_has_none(tmp_path: Path) -> None:
    settings = Settings(output_path=str(tmp_path), steps={"depth": {"engine": "native"}})
    with pytest.raises(
        InputError, match=r"engine in \[steps.depth\], but depth has none .* are merged_reads, aligned_bam"
    ):
        check_step_names(settings)
