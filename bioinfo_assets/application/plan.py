"""A plan: what a user requests of a project, as assets to compute for samples, and its dry run."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bioinfo_assets import settings as settings_module
from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.sample import Sample
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.pipeline.dry_run import DryRun, PlannedResult
from bioinfo_assets.pipeline.graph import ASSETS, GRAPH, enabled_assets, result_key
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.pipeline.result_state import open_dry_run, superseded_by_sample
from bioinfo_assets.records.record import FileRecord
from bioinfo_assets.records.samples import sample_names
from bioinfo_assets.records.scope_lists import have_records
from bioinfo_assets.result_key import KNOWN_SITES_SOURCE, REFERENCE_SOURCE, REFERENCES, ResultKey
from bioinfo_assets.settings import HOME_VARIABLE, Settings

DEFAULT_REFERENCE: Final = "https://hgdownload.soe.ucsc.edu/goldenPath/hg38/chromosomes/chr22.fa.gz"
"""UCSC's chromosome 22 of GRCh38, used by `run` unless a reference is set."""

_BROAD: Final = "gs://genomics-public-data/resources/broad/hg38/v0"
DEFAULT_KNOWN_SITES: Final = (
    f"{_BROAD}/1000G_phase1.snps.high_confidence.hg38.vcf.gz",
    f"{_BROAD}/Mills_and_1000G_gold_standard.indels.hg38.vcf.gz",
)
"""Known sites for GRCh38 from the Broad's public bucket, used by `run` unless others, or none, are set."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to compute, for which samples.

    Attributes:
        output_path: Where results are published: an absolute folder or an address.
        samples_file: Samples to add first; None to use those of the project.
        overrides: Settings given as options; None where an option was left out.
        select: Assets, in Dagster's selection syntax; all if empty.
        samples: Names of samples; all if empty.
    """

    output_path: str
    samples_file: str | None = None
    overrides: Mapping[str, object] = field(default_factory=dict)
    select: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()


def home_of(output_path: str) -> Path:
    """Return the absolute path of a project's home.

    Raises:
        InputError: the home belongs to another output path, or the output path is remote and no home is set.
    """
    home = Path(absolute_path(str(settings_module.home_of(output_path))))
    if str(home) != OutputLayout(output_path).home:
        other = settings_module.output_path_of(home)
        if other not in {None, output_path}:
            raise InputError(
                f"{HOME_VARIABLE} is {home}, the home of the project in {other}: set it to another folder for "
                f"{output_path}, or unset it"
            )
    return home


def settings_of(request: Request, home: Path) -> Settings:
    """Return the settings for a request: its overrides, then the project's settings.

    A reference and known sites that are not set are those that the project has last observed: they may have come from a
    variable of another shell.

    Raises:
        InputError: a setting is wrong.
    """
    settings = settings_module.load(home, output_path=request.output_path, **request.overrides)
    observed: dict[str, object] = {}
    if settings.reference is None:
        fasta = (file.uri for file in _observed(settings, REFERENCE_SOURCE) if file.key == "fasta")
        observed["reference"] = next(fasta, None)
    if "known_sites" not in settings.model_fields_set:
        observed["known_sites"] = tuple(file.uri for file in _observed(settings, KNOWN_SITES_SOURCE))
    return settings.model_copy(update={name: value for name, value in observed.items() if value})


def with_defaults_of_run(settings: Settings) -> Settings:
    """Return settings with a reference and known sites where neither the project nor its records have any.

    They are those of `run` alone: other commands, and Dagit, do not choose a genome.
    """
    defaults: dict[str, object] = {}
    if settings.reference is None:
        defaults["reference"] = DEFAULT_REFERENCE
    if "known_sites" not in settings.model_fields_set:
        defaults["known_sites"] = DEFAULT_KNOWN_SITES
    return settings.model_copy(update=defaults)


def _observed(settings: Settings, source: str) -> Sequence[FileRecord]:
    observation = Project(settings).ledger.read_observation(ResultKey(source, REFERENCES))
    return observation.files if observation is not None else ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Which assets to compute for which samples.

    Attributes:
        project: The project.
        home: The project's home.
        new: Samples to add to the project before the run.
        names: The names of all samples of the plan.
        assets: The assets to compute, in the order of the graph.
        superseded: By sample, the assets that an imported result makes unnecessary.
    """

    project: Project
    home: Path
    new: tuple[Sample, ...]
    names: tuple[str, ...]
    assets: tuple[str, ...]
    superseded: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def keys_of(self, asset: str) -> tuple[ResultKey, ...]:
        """Return the planned results of one asset."""
        if GRAPH[asset].scope is not None:
            return (result_key(asset, ""),)
        return tuple(ResultKey(asset, name) for name in self.names if asset not in self.superseded.get(name, ()))

    def result_keys(self) -> tuple[ResultKey, ...]:
        """Return all planned results, in the order of the graph."""
        return tuple(key for asset in self.assets for key in self.keys_of(asset))


def open_project(output_path: str) -> tuple[Project, Path]:
    """Return the project with this output path, and its home.

    Raises:
        InputError: a setting is wrong.
    """
    home = home_of(output_path)
    return Project(settings_of(Request(output_path), home)), home


def plan_everything(output_path: str) -> Plan:
    """Plan all assets for all samples of a project.

    Raises:
        InputError: a setting is wrong.
    """
    project, home = open_project(output_path)
    names = sample_names(project.ledger)
    assets = enabled_assets(project.settings)
    return Plan(project, home, (), names, assets, superseded_by_sample(project, names))


def select_assets(expressions: Sequence[str]) -> tuple[str, ...]:
    """Return the assets that any of the expressions selects, in the order of the graph; all if there are none.

    Args:
        expressions: Names of assets, or expressions in Dagster's selection syntax.

    Raises:
        InputError: an expression is malformed, or selects nothing.
    """
    if not expressions:
        return ASSETS
    selected = {name for name in expressions if name in ASSETS}
    for expression in set(expressions) - selected:
        selected |= _select_with_dagster(expression)
    return tuple(name for name in ASSETS if name in selected)


def _select_with_dagster(expression: str) -> set[str]:
    import dagster as dg  # noqa: PLC0415 - it takes seconds to import, and names of assets do not need it

    from bioinfo_assets.assets.pipeline_assets import PIPELINE  # noqa: PLC0415 - as above

    message = (
        f"--select {expression!r} selects no asset: give one of {', '.join(ASSETS)}, or Dagster's selection syntax, "
        "such as '+key:depth' for depth and everything upstream of it"
    )
    try:
        keys = dg.AssetSelection.from_string(expression).resolve([PIPELINE])
    except dg.DagsterError as error:
        raise InputError(message) from error
    if not keys:
        raise InputError(message)
    return {key.path[-1] for key in keys}


@contextmanager
def dry_run(plan: Plan, *, states_only: bool = False) -> Iterator[DryRun]:
    """Open a dry run of a plan, which may be of interest for the states of results only (see `DryRun`)."""
    project, choice = plan.project, (plan.assets, plan.names, plan.new, plan.superseded)
    with open_dry_run(project, *choice, states_only=states_only) as trial:
        yield trial


def all_reusable(plan: Plan) -> list[PlannedResult] | None:
    """Return all results of a plan if every one exists, is intact and up to date; otherwise None.

    Their records have no scripts and inputs (see `DryRun`). The existence of all records is checked first, which is
    cheap.
    """
    if not have_records(plan.project.ledger, plan.result_keys()):
        return None
    with dry_run(plan, states_only=True) as trial:
        results = trial.reusable_results()
        return None if trial.unknown_tools else results
