"""New samples come by themselves: Dagit reads a samples file every few minutes, adds what is new, and may start it."""

import json
import time
from collections.abc import Collection, Sequence
from typing import Final

import dagster as dg

from bioinfo_assets.assets.check_events import current_project
from bioinfo_assets.assets.up_to_date import states_by_asset
from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.genomics.sample import Sample
from bioinfo_assets.orchestration.backfills import request_backfill
from bioinfo_assets.orchestration.partitions import samples
from bioinfo_assets.pipeline.graph import OVER_SAMPLES
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.pipeline.result_state import State
from bioinfo_assets.records.samples import (
    check_are_sources,
    past_samples,
    read_samples_file,
    sample_names,
    save_sample,
)
from bioinfo_assets.storage.store import local_path

INTERVAL_S: Final = 300
"""Seconds between two readings of the samples file."""

MIN_AGE_S: Final = 600
"""Seconds since the last write to a sample's FASTQs on a disk: until then somebody may be copying them."""

UP_TO_DATE: Final = frozenset({State.CURRENT, State.RELEASED})


@dg.sensor(
    minimum_interval_seconds=INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Adds new samples of the samples file in the setting `watch`; with `launch_new_samples` starts them.",
)
def add_new_samples(
    context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
) -> dg.SensorResult | dg.SkipReason:
    """Add the samples that the project has not yet; those that it has are left alone, also if their rows differ."""
    project = current_project(project)
    if project.settings.watch is None:
        return dg.SkipReason("the setting `watch` names no samples file")
    try:
        new = new_samples(project, project.settings.watch)
    except BioinfoAssetsError as error:
        return dg.SkipReason(f"no sample was added: {error}")
    names = _saved_by_a_failed_tick(context, project)
    try:
        for sample in new:
            save_sample(project.ledger, sample)
            names.append(sample.name)
        if not names:
            return dg.SkipReason("there is no new sample")
        context.instance.add_dynamic_partitions(str(samples.name), names)
        outcome = f"added: {', '.join(names)}"
        if project.settings.launch_new_samples:
            outcome += f"; backfill {launch(context.instance, project, names)} is requested"
    except BioinfoAssetsError as error:
        outcome = f"added: {', '.join(names) or 'none'}; the next time goes on, because {error}"
        return dg.SensorResult(skip_reason=outcome, cursor=json.dumps(names))
    return dg.SensorResult(skip_reason=outcome, cursor=json.dumps([]))


def _saved_by_a_failed_tick(context: dg.SensorEvaluationContext, project: Project) -> list[str]:
    """The samples of this sensor that are still to be started: saved as they are, they count as known."""
    names = json.loads(context.cursor) if context.cursor else []
    return sorted({*names}.intersection(sample_names(project.ledger)) if names else [])


def new_samples(project: Project, samples_file: str) -> list[Sample]:
    """The samples of a file that the project never had, and whose FASTQs nobody is writing.

    One that was removed or renamed would otherwise come back, as long as the file has it.

    Raises:
        InputError: The file or one of its FASTQs is wrong.
    """
    known = {*sample_names(project.ledger), *(past.sample.name for past in past_samples(project.ledger))}
    found = read_samples_file(project.store, samples_file, without=known)
    check_are_sources(project.layout, found)
    return [sample for sample in found if _is_at_rest(sample)]


def launch(instance: dg.DagsterInstance, project: Project, names: Collection[str]) -> str:
    """Request a backfill of all results of samples, of what they need and is not up to date, and of the report.

    Returns:
        The id of the backfill.
    """
    partitions: dict[str, Sequence[str | None]] = {}
    for asset, states in states_by_asset(project).items():
        keys = [state.key.partition_key for state in states if state.state not in UP_TO_DATE]
        chosen = [key for key in keys if key is None or key in names]
        if chosen:
            partitions[asset] = chosen
    partitions |= {asset: [None] for asset in OVER_SAMPLES}  # up to date until the samples have results
    return request_backfill(instance, partitions, title=f"new samples: {', '.join(sorted(names))}")


def _is_at_rest(sample: Sample) -> bool:
    """Whether no FASTQ of a sample was written to lately; uploads to S3 appear when they are complete."""
    paths = [path for lane in sample.lanes for uri in (lane.read1, lane.read2) if (path := local_path(uri))]
    return all(path.stat().st_mtime < time.time() - MIN_AGE_S for path in paths)
