"""The checks before a run: a user's mistake is found within seconds, before anything is written or started."""

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from bioinfo_assets.application.plan import Plan, Request, home_of, select_assets, settings_of, with_defaults_of_run
from bioinfo_assets.errors import InputError, ResourceError, did_you_mean
from bioinfo_assets.genomics import known_sites
from bioinfo_assets.genomics.read_group import check_platform, read_groups_of
from bioinfo_assets.genomics.reference import MAX_FASTA_BYTES, Contig, contigs_of_fasta, fasta_name, parse_fai
from bioinfo_assets.genomics.sample import Sample, check_distinct
from bioinfo_assets.launch.backend_config import batch_scratch, open_backend
from bioinfo_assets.launch.job import StoredFile
from bioinfo_assets.pipeline.code_versions import ToolsByAsset, save_tools, tools_of
from bioinfo_assets.pipeline.graph import ASSETS, GRAPH, enabled_assets
from bioinfo_assets.pipeline.jobs import vcf_contigs
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.pipeline.result_state import superseded_by_sample
from bioinfo_assets.records.lost_lanes import check_nothing_is_lost
from bioinfo_assets.records.observations import are_unchanged, check_are_sources
from bioinfo_assets.records.parallel import map_reads
from bioinfo_assets.records.samples import (
    KnownLanes,
    check_reads,
    check_reads_are_new,
    load_sample,
    read_samples_file,
    sample_names,
)
from bioinfo_assets.result_key import RAW_READS, ResultKey
from bioinfo_assets.settings import Settings
from bioinfo_assets.steps.known_sites import KnownSites, check_sources
from bioinfo_assets.storage.atomic import disk_full_error
from bioinfo_assets.storage.store import local_path

MIN_FREE_BYTES: Final = 64 * 1024 * 1024
"""Free space that Dagster's database and a small run need in the project's home."""

_BATCH_RESOURCES: Final = frozenset(
    {"queue", "share_identifier", "image", "job_definition", "job_role", "execution_role"}
)
"""The job options that name something in AWS."""


def make_plan(request: Request) -> Plan:
    """Plan a request, and check it as far as its options, the settings and the samples file allow.

    Raises:
        InputError: a file, a name or a setting is wrong, or a saved sample would lose something.
        ResourceError: the disk of the project's home is full.
    """
    home = home_of(request.output_path)
    project = Project(with_defaults_of_run(settings_of(request, home)))
    check_free_space(home)
    assets = _drop_disabled(select_assets(request.select), project.settings)
    check_platform(project.settings.platform)
    check_step_names(project.settings)
    check_backend(project.settings, assets)
    check_adapters(project)
    lanes = KnownLanes(project.ledger)
    new = read_samples_file(project.store, request.samples_file, lanes) if request.samples_file else ()
    check_nothing_is_lost(project.ledger, new)
    names = _sample_names(request, project, new)
    return Plan(project, home, new, names, assets, superseded_by_sample(project, names))


def check_inputs(plan: Plan) -> None:
    """Check the files that a plan's jobs would read and the tools that they would call.

    Raises:
        InputError: a file or a setting is wrong.
        ResourceError: a tool is missing.
    """
    project, assets = plan.project, plan.assets
    if "merged_reads" in assets:
        if not plan.names:
            raise InputError(f"there are no samples in {project.settings.output_path}: give --samples-file")
        _check_samples(project, plan.new, [key.scope for key in plan.keys_of("merged_reads")])
    files = (project.settings.reference, project.settings.reference_alt, *project.index_files.values())
    check_are_sources(project.layout, filter(None, (*files, *project.settings.known_sites)))
    contigs = check_reference(project) if {"reference_genome", "known_sites", "contamination"} & set(assets) else None
    if "reference_index" in assets:
        for uri in project.index_files.values():
            project.store.stat(uri)
    if "known_sites" in assets:
        check_known_sites(project, contigs)
    if "contamination" in assets and project.settings.contamination_sites is not None:
        _check_sites(project, project.settings.contamination_sites, contigs)
    if "fingerprint" in assets and project.settings.haplotype_map is not None:
        _check_haplotype_map(project, project.settings.haplotype_map)
    if project.settings.backend == "batch":
        check_batch_resources(project.settings, assets)
    save_tools(check_tools(project, assets), plan.home)


def check_step_names(settings: Settings) -> None:
    """Check that every `[steps.NAME]` table names an asset, and one with an engine if it sets that.

    Raises:
        InputError: one does not.
    """
    with_engine = [name for name, spec in GRAPH.items() if spec.native_tools]
    for name, options in settings.steps.items():
        if name not in ASSETS:
            hint = did_you_mean(name, ASSETS, "assets")
            raise InputError(f"settings have a table [steps.{name}], but there is no asset {name}: {hint}")
        if options.engine and name not in with_engine:
            raise InputError(
                f"settings have an engine in [steps.{name}], but {name} has none to choose: remove it (the assets "
                f"with an engine are {', '.join(with_engine)})"
            )


def check_backend(settings: Settings, assets: Collection[str]) -> None:
    """Check the settings of AWS Batch, if jobs run there.

    Raises:
        InputError: a setting is missing, or AWS Batch could not read or write a path.
    """
    if settings.backend != "batch":
        return
    batch_scratch(settings, settings.output_path)
    if not settings.output_path.startswith("s3://"):
        raise InputError(
            f"jobs on AWS Batch cannot read each other's results in {settings.output_path}: set the output path to "
            "s3://BUCKET/FOLDER"
        )
    if any(settings.options_of(asset).queue is None for asset in assets):
        raise InputError("no job queue is set for AWS Batch: give --queue, or set `queue` in [jobs]")
    files = (settings.reference, settings.reference_alt, settings.reference_index)
    resources = (settings.contamination_sites, settings.haplotype_map)
    for uri in (*files, *resources, *settings.known_sites):
        if uri is not None:
            check_is_remote(uri)


def check_is_remote(uri: str) -> None:
    """Check that a job on AWS Batch can read a file.

    Raises:
        InputError: the file is on this machine.
    """
    if local_path(uri) is not None:
        raise InputError(f"{uri} is on this machine, where AWS Batch cannot read it: copy it to S3 and name it there")


def check_batch_resources(settings: Settings, assets: Collection[str]) -> None:
    """Check that AWS Batch has the queues, machines, images and roles that the jobs of these assets need.

    Raises:
        InputError: one is missing, or may not be used.
    """
    from bioinfo_assets.launch.batch.checks import check_batch  # noqa: PLC0415 - boto3 takes a while to import

    options_of_assets = map(settings.options_of, assets)
    distinct = {options.model_dump_json(include=set(_BATCH_RESOURCES)): options for options in options_of_assets}
    for options in distinct.values():
        for check in check_batch(options, settings.batch.log_group, folders=()):
            if not check.ok:
                raise InputError(f"{check.name}: {check.message} (`bioinfo-assets doctor --backend batch` checks all)")


def check_adapters(project: Project) -> None:
    """Check the adapter sequences, and that adapter files are FASTA.

    Raises:
        InputError: an adapter is malformed, or its file is missing or not FASTA.
    """
    for _, adapter in project.trimming().adapters():
        if not isinstance(adapter, str) and project.store.read_bytes(adapter.uri, 0, 1) != b">":
            raise InputError(f"{adapter.uri} is not a FASTA of adapters: give plain text that begins with >")


def check_tools(project: Project, assets: Collection[str]) -> ToolsByAsset:
    """Return the versions of the tools that these assets' jobs call.

    Raises:
        ResourceError: a tool is missing; the message explains how to install it.
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


def check_free_space(home: Path) -> None:
    """Check that the project's home has room for Dagster's database.

    Raises:
        ResourceError: its disk is full.
    """
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    if shutil.disk_usage(existing).free < MIN_FREE_BYTES:
        raise disk_full_error(home)


def check_reference(project: Project) -> tuple[Contig, ...] | None:
    """Check that the reference exists, and return its contigs if they can be read within seconds.

    The contigs of a remote or very large FASTA are unknown until it is indexed, unless its `.fai` is next to it; the
    job of known sites compares them in any case.

    Raises:
        InputError: the reference is missing, or is not a FASTA.
    """
    uri = project.settings.reference or ""
    fasta_name(uri)
    size, path, fai = project.store.stat(uri).size, local_path(uri), f"{uri}.fai"
    if path is not None and size <= MAX_FASTA_BYTES:
        return contigs_of_fasta(path)
    return parse_fai(project.store.read_small(fai).decode(errors="replace")) if project.store.exists(fai) else None


def check_known_sites(project: Project, contigs: Sequence[Contig] | None) -> None:
    """Check that each VCF of known sites fits a reference with these contigs.

    Raises:
        InputError: one is missing, is not bgzipped, or belongs to another assembly.
    """
    uris = project.settings.known_sites
    check_sources([KnownSites(StoredFile(uri, project.store.stat(uri).size, None), None) for uri in uris])
    for uri in uris:
        _check_sites(project, uri, contigs)


def _check_sites(project: Project, uri: str, contigs: Sequence[Contig] | None) -> None:
    header = vcf_contigs(project.store, uri)
    if contigs is not None and header:
        known_sites.check_known_sites(uri, header, contigs)


def _check_haplotype_map(project: Project, uri: str) -> None:
    if project.store.read_bytes(uri, 0, 3) not in {b"@HD", b"@SQ"}:
        raise InputError(f"{uri} is not a haplotype map: give a text that begins with the reference's contigs (@SQ)")


def _drop_disabled(assets: tuple[str, ...], settings: Settings) -> tuple[str, ...]:
    """The assets that the settings ask for.

    Raises:
        InputError: they ask for none of these.
    """
    enabled = enabled_assets(settings)
    chosen = tuple(asset for asset in assets if asset in enabled)
    if not chosen:
        raise InputError(f"{GRAPH[assets[0]].how_to_enable}, or leave out `--select {assets[0]}`")
    return chosen


def _sample_names(request: Request, project: Project, new: Sequence[Sample]) -> tuple[str, ...]:
    """The samples to run: those that the request names, or those of its samples file, or all of the project."""
    all_names = tuple(dict.fromkeys([*(sample.name for sample in new), *sample_names(project.ledger)]))
    unknown = [name for name in request.samples if name not in all_names]
    if unknown:
        some = ", ".join(all_names[:5]) or "none"
        raise InputError(f"there is no sample {unknown[0]!r} in {request.output_path}: its samples are {some}")
    if request.samples:
        return tuple(dict.fromkeys(request.samples))
    return tuple(sample.name for sample in new) or all_names


def _check_samples(project: Project, new: Sequence[Sample], names: Sequence[str]) -> None:
    new_samples = {sample.name: sample for sample in new}

    def load(name: str) -> Sample:
        if name in new_samples:  # whose reads were checked with the samples file
            return new_samples[name]
        sample = load_sample(project.ledger, name)
        # What was observed and not rewritten was checked before, and may be in an archive by now.
        if not sample.lanes or not are_unchanged(project.ledger, ResultKey(RAW_READS, name), sample.fastqs):
            check_reads(project.store, sample)
        return sample

    samples = list(map_reads(project.ledger, load, names))
    check_distinct(samples)
    if new:
        check_reads_are_new(project.ledger, new)
    check_are_sources(project.layout, (uri for sample in samples for uri in sample.fastqs))
    for sample in samples:
        read_groups_of(sample, project.settings.platform)
        if project.settings.backend == "batch":
            for uri in sample.fastqs:
                check_is_remote(uri)
