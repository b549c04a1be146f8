"""New samples come by themselves: Dagit reads a samples file every few minutes, adds what is new, and may start it."""

import time
from collections.abc import Collection, Mapping, Sequence
from functools import cache, partial
from hashlib import sha256
from itertools import groupby
from operator import attrgetter
from typing import Final

import dagster as dg
from pydantic import TypeAdapter, ValidationError

from bioinfo_assets.assets.check_events import current_project
from bioinfo_assets.assets.observe_sources import budget_of_tick
from bioinfo_assets.assets.up_to_date import states_by_asset
from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.genomics.sample import Sample, check_distinct
from bioinfo_assets.genomics.samplesheet import SheetRow
from bioinfo_assets.genomics.uri import folder_of
from bioinfo_assets.orchestration.backfills import not_pending, request_backfill
from bioinfo_assets.orchestration.partitions import samples
from bioinfo_assets.pipeline.graph import OVER_SAMPLES, enabled_assets
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.pipeline.result_state import State
from bioinfo_assets.records.observations import check_are_sources
from bioinfo_assets.records.parallel import map_reads
from bioinfo_assets.records.samples import (
    load_sample,
    past_samples,
    read_rows,
    sample_names,
    samples_of,
    save_samples,
)
from bioinfo_assets.storage.store import Store, local_path

INTERVAL_S: Final = 300
"""Seconds between two readings of the samples file."""

MIN_AGE_S: Final = 600
"""Seconds for which the FASTQs of a sample have to be the same: until then somebody may be copying its lanes."""

MAX_SAMPLES_IN_TICK: Final = 200
"""New samples that one tick looks at, since it has to end within a minute; the next tick has the next ones."""

UP_TO_DATE: Final = frozenset({State.CURRENT, State.RELEASED})

FirstSeen = tuple[str, float]
"""A digest of a sample's FASTQs by address, size and stamp, and when they were first seen like that."""

_CURSOR: Final = TypeAdapter(dict[str, FirstSeen])


@dg.sensor(
    minimum_interval_seconds=INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Adds new samples of the samples file in the setting `watch`; with `launch_new_samples` starts them.",
)
def add_new_samples(
    context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
) -> dg.SensorResult | dg.SkipReason:
    """Add the samples that the project has not yet; those that it has are left alone, also if their rows differ.

    A sample is in the cursor from when it was first seen until it was added, and started if the settings ask for it. So
    a tick that fails in between, or whose process is killed, leaves it to the next one.
    """
    project = current_project(project)
    if project.settings.watch is None:
        return dg.SkipReason("the setting `watch` names no samples file")
    before = _read_cursor(context.cursor)
    try:
        found, problems = new_samples(project, project.settings.watch, before)
        observed = map_reads(project.ledger, partial(_observe, project.store), found.values())
        seen = {name: _first_seen(digest, before.get(name)) for name, digest in zip(found, observed, strict=True)}
        saved = {name: before[name] for name in before.keys() & set(sample_names(project.ledger))}
        incomplete = {name: own for name, own in seen.items() if not _is_complete(found[name], own)}
    except BioinfoAssetsError as error:
        return dg.SkipReason(f"no sample was added: {error}")
    names = [*sorted(saved), *(name for name in found if name not in incomplete)]
    try:
        save_samples(project.ledger, [found[name] for name in names if name in found])
        outcome = _start(context.instance, project, names) if names else "there is no new sample"
    except BioinfoAssetsError as error:
        outcome = f"not added yet: {', '.join(names)}, because {error}"
        return dg.SensorResult(skip_reason=outcome, cursor=_CURSOR.dump_json({**seen, **saved}).decode())
    if incomplete:
        outcome += f"; may still be copied: {', '.join(incomplete)}"
    for name, problem in problems.items():
        outcome += f"; {name} waits: {problem}"
    return dg.SensorResult(skip_reason=outcome, cursor=_CURSOR.dump_json(incomplete).decode())


def _start(instance: dg.DagsterInstance, project: Project, names: Sequence[str]) -> str:
    """Add the partitions of saved samples, and request their results if the settings ask for it; return it in words."""
    instance.add_dynamic_partitions(str(samples.name), names)
    outcome = f"added: {', '.join(names)}"
    if project.settings.launch_new_samples:
        backfill_id = launch(instance, project, names)
        outcome += f"; backfill {backfill_id} is requested" if backfill_id else "; they are in a backfill already"
    return outcome


def _read_cursor(text: str | None) -> dict[str, FirstSeen]:
    try:
        return _CURSOR.validate_json(text or "{}")
    except ValidationError:  # of an older version
        return {}


def _observe(store: Store, sample: Sample) -> str:
    """A digest of the FASTQs of a sample as they are now."""
    stats = [(uri, store.stat(uri)) for uri in sample.fastqs]
    lines = [f"{uri} {stat.size} {stat.stamp}" for uri, stat in stats]
    return sha256("\n".join(lines).encode()).hexdigest()[:16]


def _first_seen(digest: str, before: FirstSeen | None) -> FirstSeen:
    """The FASTQs of a sample, and since when they are these."""
    return before if before is not None and before[0] == digest else (digest, time.time())


def _is_complete(sample: Sample, seen: FirstSeen) -> bool:
    """Whether nobody seems to be copying FASTQs of a sample; rsync gives a file its name when all of it is there."""
    folders = {path.parent for uri in sample.fastqs if (path := local_path(uri)) is not None}
    last_change = time.time() - MIN_AGE_S
    try:
        hidden = [path.stat().st_mtime for folder in folders for path in folder.glob(".*") if path.is_file()]
    except FileNotFoundError:
        return False  # it has got its name just now
    return all(changed <= last_change for changed in (seen[1], *hidden))


def new_samples(
    project: Project, samples_file: str, before: Collection[str] = ()
) -> tuple[dict[str, Sample], dict[str, BioinfoAssetsError]]:
    """Samples of a file that the project never had, and why others cannot be added yet, by name.

    One that was removed or renamed would otherwise come back, as long as the file has it. FASTQs of those that the
    project has or had are not read: they may be in an archive by now.

    Raises:
        InputError: The file is wrong, or a FASTQ belongs to two new samples.
    """
    saved, past = sample_names(project.ledger), [item.sample for item in past_samples(project.ledger)]
    known = {*saved, *(sample.name for sample in past)}

    @cache
    def known_folders() -> frozenset[str]:
        loaded = map_reads(project.ledger, partial(load_sample, project.ledger), saved)
        return frozenset(folder_of(uri) for sample in (*loaded, *past) for uri in sample.fastqs)

    by_sample = attrgetter("sample")
    found_rows = read_rows(project.store, samples_file, lambda folder: folder.rstrip("/") in known_folders())
    rows = [row for row in found_rows if row.sample not in known]
    rows_of = {name: tuple(own) for name, own in groupby(sorted(rows, key=by_sample), by_sample)}
    names = _names_of_tick(rows_of, before)
    read = map_reads(project.ledger, lambda name: _read_sample(project, rows_of[name]), names)
    found: dict[str, Sample] = {}
    problems: dict[str, BioinfoAssetsError] = {}
    for name, sample in zip(names, read, strict=True):
        if isinstance(sample, Sample):
            found[name] = sample
        else:
            problems[name] = sample
    check_distinct(found.values())
    if found:
        problems |= _known_reads(project, found)
    return {name: sample for name, sample in found.items() if name not in problems}, problems


def _names_of_tick(names: Collection[str], before: Collection[str]) -> Sequence[str]:
    """The samples that a tick looks at: those seen before, and in each tick others of the rest, which may wait long."""
    waiting = sorted(set(names).intersection(before))
    others = sorted(set(names).difference(before))
    room = max(MAX_SAMPLES_IN_TICK // 4, MAX_SAMPLES_IN_TICK - len(waiting))
    start = int(time.time() / INTERVAL_S) * room % len(others) if others else 0
    return sorted([*waiting, *[*others[start:], *others[:start]][:room]])


def _read_sample(project: Project, rows: Sequence[SheetRow]) -> Sample | BioinfoAssetsError:
    """A sample with its lanes, or why it cannot be added yet."""
    try:
        (sample,) = samples_of(project.store, rows)
        check_are_sources(project.layout, sample.fastqs)
    except BioinfoAssetsError as problem:
        return problem
    return sample


def _known_reads(project: Project, new: Mapping[str, Sample]) -> dict[str, BioinfoAssetsError]:
    """New samples with a FASTQ of one that the project has, as after a name in the file was corrected."""
    saved = map_reads(project.ledger, partial(load_sample, project.ledger), sample_names(project.ledger))
    owners = {uri: sample for sample in saved for uri in sample.fastqs}
    problems: dict[str, BioinfoAssetsError] = {}
    for name, sample in new.items():
        try:
            check_distinct([sample, *(owners[uri] for uri in sample.fastqs if uri in owners)])
        except BioinfoAssetsError as problem:
            problems[name] = problem
    return problems


def launch(instance: dg.DagsterInstance, project: Project, names: Collection[str]) -> str | None:
    """Request a backfill of all results of samples, of what they need and is not up to date, and by default the report.

    Returns:
        The id of the backfill; None if others have all these partitions, as after a tick that was stopped after it.
    """
    assets = [asset for asset in enabled_assets(project.settings) if asset not in OVER_SAMPLES]
    states = states_by_asset(project, budget_of_tick(), assets, sorted(names))
    needed = {
        asset: [state.key.partition_key for state in own if state.state not in UP_TO_DATE]
        for asset, own in states.items()
    }
    partitions = not_pending(instance, needed)
    if not partitions:
        return None
    if project.settings.report_new_samples:  # it is up to date until the samples have results
        partitions |= {asset: [None] for asset in OVER_SAMPLES}
    return request_backfill(instance, partitions, title=f"new samples: {', '.join(sorted(names))}")
