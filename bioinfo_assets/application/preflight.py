"""All that can be checked before anything is written or run, so that a mistake costs seconds and leaves nothing."""

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from bioinfo_assets.application.reference_checks import check_known_sites, check_reference
from bioinfo_assets.application.request import Request
from bioinfo_assets.errors import InputError, ResourceError
from bioinfo_assets.genomics.read_group import check_platform, read_groups_of
from bioinfo_assets.genomics.sample import Sample
from bioinfo_assets.launch.backend_config import batch_scratch, open_backend
from bioinfo_assets.pipeline.code_versions import ToolsByAsset, save_tools, tools_of
from bioinfo_assets.pipeline.graph import ASSETS, GRAPH, PER_SAMPLE, result_key, superseded_by_imports
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.records.samples import KnownLanes, check_reads, load_sample, read_samples_file, sample_names
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.settings import Settings
from bioinfo_assets.storage.atomic import disk_full_error
from bioinfo_assets.storage.store import local_path

MIN_FREE_BYTES: Final = 64 * 1024 * 1024
"""What Dagster's database and a small run need in the project's home; with less, nothing is begun."""

NEEDED_OF_BATCH: Final = ("queue", "share_identifier", "image", "job_definition", "job_role", "execution_role")
"""The options that name what must be there."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A request that was checked.

    Attributes:
        project: Of which project.
        home: Its home.
        new: Samples to keep before the run.
        names: The samples to run.
        assets: The assets to make, in their order.
        superseded: By sample, the assets that an imported result makes unnecessary.
    """

    project: Project
    home: Path
    new: tuple[Sample, ...]
    names: tuple[str, ...]
    assets: tuple[str, ...]
    superseded: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def keys_of(self, asset: str) -> tuple[ResultKey, ...]:
        """The results of one asset."""
        if GRAPH[asset].scope is not None:
            return (result_key(asset, ""),)
        return tuple(ResultKey(asset, name) for name in self.names if asset not in self.superseded.get(name, ()))

    def result_keys(self) -> tuple[ResultKey, ...]:
        """All results, in the order of the graph."""
        return tuple(key for asset in self.assets for key in self.keys_of(asset))


def whole_plan(project: Project, home: Path) -> Plan:
    """All that a project can make of the samples that it has."""
    names = sample_names(project.ledger)
    assets = tuple(asset for asset in ASSETS if asset != "known_sites" or project.settings.known_sites)
    return Plan(project, home, (), names, assets, _superseded(project, (), names))


def plan_of(request: Request, project: Project, home: Path) -> Plan:
    """What a request asks for, checked as far as its own words, the settings and the samples file tell.

    Raises:
        InputError: a file, a name or a setting is wrong.
    """
    check_room(home)
    assets = _with_something_to_make(selected(request.select), project)
    check_platform(project.settings.platform)
    check_steps(project.settings)
    check_means(project.settings, assets)
    check_adapters(project)
    known = KnownLanes(project.ledger)
    new = read_samples_file(project.store, request.samples_file, known) if request.samples_file else ()
    names = _names(request, project, new)
    return Plan(project, home, new, names, assets, _superseded(project, new, names))


def check(plan: Plan) -> None:
    """Checks what jobs of a plan would read, and the tools that they would call.

    Raises:
        InputError: a file or a setting is wrong.
        ResourceError: a tool is missing.
    """
    project, assets = plan.project, plan.assets
    if "merged_reads" in assets:
        if not plan.names:
            raise InputError(f"there are no samples in {project.settings.output_path}: give --samples-file")
        _check_samples(project, plan.new, [key.scope for key in plan.keys_of("merged_reads")])
    contigs = check_reference(project) if {"reference_genome", "known_sites"} & set(assets) else None
    if "known_sites" in assets:
        check_known_sites(project, contigs)
    if project.settings.backend == "batch":
        check_batch_takes_jobs(project.settings, assets)
    save_tools(check_tools(project, assets), plan.home)


def selected(expressions: Sequence[str]) -> tuple[str, ...]:
    """The assets that expressions select, in the order in which they are made.

    Raises:
        InputError: an expression is wrong, or selects nothing.
    """
    if not expressions:
        return ASSETS
    chosen = {name for name in expressions if name in ASSETS}
    others = [expression for expression in expressions if expression not in ASSETS]
    if others:
        from bioinfo_assets.application.selection import resolve_selection  # noqa: PLC0415 - Dagster takes seconds to import

        chosen |= resolve_selection(others)
    return tuple(name for name in ASSETS if name in chosen)


def check_steps(settings: Settings) -> None:
    """Checks that options of jobs are given for assets that there are.

    Raises:
        InputError: one is given for another name.
    """
    for name in settings.steps:
        if name not in ASSETS:
            near = get_close_matches(name, ASSETS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the assets are {', '.join(ASSETS)}"
            raise InputError(f"settings have a table [steps.{name}], and there is no asset {name}: {hint}")


def check_means(settings: Settings, assets: Collection[str]) -> None:
    """Checks that jobs can run where the settings say, as far as that can be told from them alone.

    Raises:
        InputError: a setting is missing, or AWS Batch could not read or write a place.
    """
    if settings.backend != "batch":
        return
    batch_scratch(settings, settings.output_path)
    if not settings.output_path.startswith("s3://"):
        raise InputError(
            f"jobs on AWS Batch read each other's results, which they cannot in {settings.output_path}: set the output "
            "path to s3://BUCKET/FOLDER"
        )
    if any(settings.options_of(asset).queue is None for asset in assets):
        raise InputError("no job queue is set for AWS Batch: give --queue, or set `queue` in [jobs]")
    for uri in (settings.reference, settings.reference_alt, *settings.known_sites):
        if uri is not None:
            check_reach(uri)


def check_reach(uri: str) -> None:
    """Checks that a job on AWS Batch can read a file.

    Raises:
        InputError: it is on this machine.
    """
    if local_path(uri) is not None:
        raise InputError(f"{uri} is on this machine, where AWS Batch cannot read it: copy it to S3 and name it there")


def check_batch_takes_jobs(settings: Settings, assets: Collection[str]) -> None:
    """Checks that AWS Batch has what the jobs of these assets need: queues, machines, images, roles.

    Raises:
        InputError: something is missing, or may not be used.
    """
    from bioinfo_assets.launch.batch.checks import check_batch  # noqa: PLC0415 - boto3 takes a while to import

    asked = {
        options.model_dump_json(include=set(NEEDED_OF_BATCH)): options for options in map(settings.options_of, assets)
    }
    for options in asked.values():
        for check in check_batch(options, settings.batch.log_group, folders=()):
            if not check.ok:
                raise InputError(
                    f"{check.name}: {check.message} (`bioinfo-assets doctor --backend batch` looks at all)"
                )


def check_adapters(project: Project) -> None:
    """Checks the adapters, and that a file of them is a FASTA.

    Raises:
        InputError: an adapter is none, or its file is missing or no FASTA.
    """
    for _, adapter in project.trimming().adapters():
        if not isinstance(adapter, str) and project.store.read_bytes(adapter.uri, 0, 1) != b">":
            raise InputError(f"{adapter.uri} is no FASTA of adapters: give plain text that begins with >")


def check_tools(project: Project, assets: Collection[str]) -> ToolsByAsset:
    """Checks that the tools of these assets' jobs are there; gives their versions.

    Raises:
        ResourceError: one is missing; the sentence names what installs it.
    """
    settings = project.settings
    backend = open_backend(settings, settings.output_path, project.store, "none", "none")
    try:
        return {asset: tools_of(project, backend, asset) for asset in assets}
    except ResourceError as error:
        if settings.backend != "local":
            raise
        raise ResourceError(f"{error} (`bioinfo-assets doctor` lists all tools)") from error
    finally:
        backend.close()


def check_room(home: Path) -> None:
    """Checks that the project's home can hold Dagster's database.

    Raises:
        ResourceError: its disk is full.
    """
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    if shutil.disk_usage(there).free < MIN_FREE_BYTES:
        raise disk_full_error(home)


def _with_something_to_make(assets: tuple[str, ...], project: Project) -> tuple[str, ...]:
    """Leaves known sites out where none are used."""
    if project.settings.known_sites:
        return assets
    if assets == ("known_sites",):
        raise InputError("no known sites are set: give --known-sites, or leave `--select known_sites` out")
    return tuple(asset for asset in assets if asset != "known_sites")


def _names(request: Request, project: Project, new: Sequence[Sample]) -> tuple[str, ...]:
    """The samples to run: those of the samples file, or those of the project, or those of them that are named."""
    kept = sample_names(project.ledger)
    known = tuple(dict.fromkeys([*(sample.name for sample in new), *kept]))
    unknown = [name for name in request.samples if name not in known]
    if unknown:
        has = ", ".join(known[:5]) or "none"
        raise InputError(f"there is no sample {unknown[0]!r} in {request.output_path}: its samples are {has}")
    if request.samples:
        return tuple(dict.fromkeys(request.samples))
    return tuple(sample.name for sample in new) or known


def superseded_assets(project: Project, sample: Sample) -> frozenset[str]:
    """The assets of a sample that an imported result makes unnecessary."""
    if not sample.imported:
        return frozenset()
    return superseded_by_imports({asset: project.ledger.read(ResultKey(asset, sample.name)) for asset in PER_SAMPLE})


def _superseded(project: Project, new: Sequence[Sample], names: Sequence[str]) -> Mapping[str, frozenset[str]]:
    """By sample with an imported result, the assets that it makes unnecessary."""
    fresh = {sample.name for sample in new}
    kept = (project.sample(name) for name in names if name not in fresh)
    found = {sample.name: superseded_assets(project, sample) for sample in kept}
    return {name: assets for name, assets in found.items() if assets}


def _check_samples(project: Project, new: Sequence[Sample], names: Sequence[str]) -> None:
    fresh = {sample.name: sample for sample in new}
    for name in names:
        sample = fresh.get(name) or load_sample(project.ledger, name)
        read_groups_of(sample, project.settings.platform)
        if project.settings.backend == "batch":
            for lane in sample.lanes:
                check_reach(lane.read1)
                check_reach(lane.read2)
        if name not in fresh:
            check_reads(project.store, sample)
