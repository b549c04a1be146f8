"""One report over all samples, by MultiQC."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.uri import file_name
from bioinfo_assets.launch.job import Input, Job, Output, StoredFile
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.steps import canonical, resources
from bioinfo_assets.steps.fingerprint import MAP_NAME, Comparison, fingerprint_name
from bioinfo_assets.steps.script import render

VERSION: Final = "1"


def multiqc(
    metrics: Mapping[str, Sequence[StoredFile]],
    layout: OutputLayout,
    quality: Mapping[str, Mapping[str, str]] | None = None,
    comparison: Comparison | None = None,
) -> Job:
    """Summarize the samples' logs and metrics files; MultiQC ignores those that it does not support.

    Only the tables have content: the page and `multiqc_data.json` have paths and times in them.

    Args:
        metrics: The files of each sample by its name.
        layout: Where results are published.
        quality: By sample, the outcome of each quality check, for a table of its own.
        comparison: How to compare the samples' fingerprints, which are among their files; None if there are none.

    Raises:
        InputError: There is no sample.
    """
    if not metrics:
        raise InputError("there is no sample to report on: materialize the metrics of at least one")
    files = {_local_name(sample, file_name(file.uri)): file for sample in sorted(metrics) for file in metrics[sample]}
    config = json.dumps({**_CONFIG, **_quality_table(quality or {})}, indent=1)
    job = Job(
        key=ResultKey("multiqc_report", "multiqc"),
        version=VERSION,
        script=render("multiqc", config=config),
        inputs=tuple(Input(name, file) for name, file in files.items()),
        outputs=(
            Output("report", "multiqc_report.html", layout.report("multiqc_report.html"), canonical.DERIVED_FILE),
            Output("data", "multiqc_data.json", layout.report("multiqc_data.json"), canonical.DERIVED_FILE),
            Output("table", "multiqc_general_stats.txt", layout.report("multiqc_general_stats.txt")),
        ),
        tools=("multiqc",),
        parameters={"samples": tuple(sorted(metrics))},
        resources=resources.for_report(sum(file.size for file in files.values()), len(metrics)),
    )
    if comparison is None:
        return job
    return replace(
        job,
        script=render(
            "multiqc",
            "java",
            "sample_identity",
            **comparison.variables(),
            fingerprints=[_local_name(name, fingerprint_name(name)) for name in sorted(comparison.patients)],
            config=config,
        ),
        inputs=(*job.inputs, Input(MAP_NAME, comparison.haplotypes)),
        outputs=(*job.outputs, Output("identity", "sample_identity.tsv", layout.report("sample_identity.tsv"))),
        tools=("multiqc", "picard"),
        parameters={**job.parameters, "people": comparison.people()},
    )


_SEPARATOR: Final = "+"
"""Stands between the name of a sample and that of its file; no name of a sample has it."""

_CONFIG: Final[Mapping[str, object]] = {
    "no_version_check": True,
    "no_ai": True,
    "megaqc_upload": False,
    "plots_force_interactive": True,  # images, the default for many samples, need a browser (kaleido)
    "use_filename_as_sample_name": True,
    "fn_clean_exts": [{"type": "truncate", "pattern": _SEPARATOR}],
    "fn_clean_trim": [],
}
"""MultiQC's settings: no requests to servers, and sample names by file name instead of guesses by suffix."""


def _local_name(sample: str, name: str) -> str:
    return f"{sample}{_SEPARATOR}{name}"


def _quality_table(quality: Mapping[str, Mapping[str, str]]) -> dict[str, object]:
    """A section of the page with a table; MultiQC colours the words `pass`, `warn` and `fail`."""
    if not quality:
        return {}
    names = tuple(next(iter(quality.values())))
    table = {
        "id": "quality_control",
        "section_name": "Quality control",
        "description": "Checks of each sample, with limits from the settings of the project.",
        "plot_type": "table",
        # Above 500 samples MultiQC would draw the outcomes instead, without names.
        "pconfig": {"id": "quality_control_table", "title": "Quality control", "save_file": False, "no_violin": True},
        "headers": {name: {"title": name.replace("_", " ").capitalize()} for name in names},
        "data": {sample: dict(outcomes) for sample, outcomes in quality.items()},
    }
    return {"custom_data": {"quality_control": table}}
