"""Checks of settings before a run; those of files and options are tested in `cli/test_bad_input.py`."""

from pathlib import Path

import pytest

from bioinfo_assets.application.plan import DEFAULT_REFERENCE, Request
from bioinfo_assets.application.preflight import check_step_names, make_plan
from bioinfo_assets.errors import InputError
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.observations import observe
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.settings import Settings
from bioinfo_assets.storage.store import Store


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


def test_the_default_reference_does_not_replace_one_of_the_environment(tmp_path: Path) -> None:
    """Variables are not saved: the next shell may not have them, and would align to chromosome 22."""
    genome = tmp_path / "genome.fa"
    genome.write_text(">chr1\nACGT\n")
    output = tmp_path / "out"
    observe(Ledger(Store(), str(output)), ResultKey("reference_source", "references"), {"fasta": str(genome)})
    with pytest.raises(InputError, match=rf"are of the reference {genome}, which is no longer set: give it with --ref"):
        make_plan(Request(str(output)))
    for reference in (str(genome), DEFAULT_REFERENCE):
        make_plan(Request(str(output), overrides={"reference": reference}))
