"""All that can be checked before anything is written or run, so that a mistake costs seconds and leaves nothing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from bioinfo_assets.assets.project import Project
from bioinfo_assets.cli.fasta import MOST_BYTES, contigs_of_fasta
from bioinfo_assets.cli.pipeline import ALIGNER, ASSETS, TOOLS
from bioinfo_assets.cli.request import Request
from bioinfo_assets.errors import InputError, ResourceError
from bioinfo_assets.genomics.known_sites import check_known_sites
from bioinfo_assets.genomics.read_group import check_platform, read_groups_of
from bioinfo_assets.genomics.reference import Contig, fasta_name, parse_fai
from bioinfo_assets.genomics.sample import Sample
from bioinfo_assets.launch.job import StoredFile
from bioinfo_assets.launch.local import LocalBackend
from bioinfo_assets.launch.store import local_path
from bioinfo_assets.records.samples import check_reads, load_sample, read_samples_file, sample_names
from bioinfo_assets.steps.known_sites import KnownSites, fetch_known_sites


@dataclass(frozen=True, slots=True)
class Plan:
    """A request that was checked.

    Attributes:
        project: Of which project.
        home: Its home.
        new: Samples to keep before the run.
        names: The samples to run.
        assets: The assets to make, in their order.
    """

    project: Project
    home: Path
    new: tuple[Sample, ...]
    names: tuple[str, ...]
    assets: tuple[str, ...]


def check(request: Request, project: Project, home: Path) -> Plan:
    """Checks a request.

    Raises:
        InputError: a file, a name or a setting is wrong.
        ResourceError: a tool is missing.
    """
    assets = selected(request.select)
    if not project.settings.known_sites and not request.select:
        assets = tuple(asset for asset in assets if asset != "known_sites")  # there is nothing to make
    check_platform(project.settings.platform)
    project.trimming()
    new = read_samples_file(project.store, request.samples_file) if request.samples_file else ()
    names = _names(request, project, new)
    if "merged_reads" in assets:
        _check_samples(project, new, names)
    if {"reference_genome", "reference_index"} & set(assets):
        fasta_name(project.settings.reference or "")
        project.store.stat(project.settings.reference or "")
    if "known_sites" in assets:
        _check_known_sites(project)
    check_tools(project, assets)
    return Plan(project, home, new, names, assets)


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
        from bioinfo_assets.cli.selection import resolve  # noqa: PLC0415 - Dagster takes seconds to import

        chosen |= resolve(others)
    return tuple(name for name in ASSETS if name in chosen)


def check_tools(project: Project, assets: Collection[str]) -> None:
    """Checks that the tools of these assets' jobs are there.

    Raises:
        ResourceError: one is missing; the sentence names what installs it.
    """
    folders = tuple(map(Path, project.settings.tool_folders))
    backend = LocalBackend(Path("/nonexistent"), project.store, tool_path=folders)
    wanted = {tool for asset in assets for tool in TOOLS[asset]}
    commands = {str(project.aligner(backend)) if tool == ALIGNER else tool for tool in wanted}
    try:
        backend.tool_versions(commands)
    except ResourceError as error:
        raise ResourceError(f"{error} (`bioinfo-assets doctor` lists all tools)") from error


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


def _check_samples(project: Project, new: Sequence[Sample], names: Sequence[str]) -> None:
    if not names:
        raise InputError(f"there are no samples in {project.settings.output_path}: give --samples-file")
    fresh = {sample.name: sample for sample in new}
    for name in names:
        sample = fresh.get(name) or load_sample(project.ledger, name)
        read_groups_of(sample, project.settings.platform)
        if name not in fresh:
            check_reads(project.store, sample)


def _check_known_sites(project: Project) -> None:
    """Checks that each VCF can be used with the reference, as far as that can be told before it is indexed."""
    found = [_found(project, uri) for uri in project.settings.known_sites]
    if not found:
        return
    fetch_known_sites(found, project.layout)
    contigs = reference_contigs(project)
    from bioinfo_assets.assets.reference import contigs_of  # noqa: PLC0415 - Dagster takes seconds to import

    for sites in found:
        header = contigs_of(project.store, sites)
        if contigs is not None:
            check_known_sites(sites.vcf.uri, header, contigs)


def _found(project: Project, uri: str) -> KnownSites:
    """Known sites as they are before they are observed: there, but their contents not yet read."""
    stat, index = project.store.stat(uri), project.store.find(f"{uri}.tbi")
    tbi = StoredFile(f"{uri}.tbi", index.size, "") if index else None
    return KnownSites(StoredFile(uri, stat.size, ""), tbi)


def reference_contigs(project: Project) -> tuple[Contig, ...] | None:
    """The reference's contigs, where they can be had in seconds; the job of known sites looks at them in any case."""
    uri = project.settings.reference or ""
    path = local_path(uri)
    if path is not None and project.store.stat(uri).size <= MOST_BYTES:
        return contigs_of_fasta(path)
    fai = f"{uri}.fai"
    return parse_fai(project.store.read_bytes(fai).decode()) if project.store.exists(fai) else None
