"""A project of the whole graph whose jobs take no time.

Jobs, fingerprints, records and files are the real ones; only the tools are not called. The text of each output is
derived from the script, parameters and inputs of its job, but not from the tools: another version writes the same text.
"""

import gzip
import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bioinfo_assets.errors import BioinfoAssetsError, MissingToolError
from bioinfo_assets.launch.backend import NO_OPTIONS
from bioinfo_assets.launch.fake_backend import Behaviour, FakeBackend
from bioinfo_assets.launch.job import Job, JobOptions
from bioinfo_assets.launch.watcher import Watcher
from bioinfo_assets.pipeline.blocking import build_job
from bioinfo_assets.pipeline.dry_run import DryRun, PlannedAction, PlannedResult
from bioinfo_assets.pipeline.graph import (
    ASSETS,
    GRAPH,
    OVER_SAMPLES,
    PER_SAMPLE,
    SHARED_SCOPES_BY_ASSET,
    enabled_assets,
    parents_of,
    result_key,
    superseded_by_imports,
)
from bioinfo_assets.pipeline.jobs import Upstream
from bioinfo_assets.pipeline.project import Project, Sources
from bioinfo_assets.records.commit import commit, submit
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.record_set import RecordSet
from bioinfo_assets.records.released import released_inputs
from bioinfo_assets.records.reuse import ReuseAction, decide_reuse
from bioinfo_assets.records.samples import read_samples_file, sample_names, save_sample
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.settings import Settings
from bioinfo_assets_tests.cli.commands import write_vcf

CONTIG, LENGTH = "chrM", 16
Place = tuple[str, str]
"""An asset and its scope."""


class FakeTools(FakeBackend):
    """A backend with chosen tool versions; a tool whose version is None is not installed."""

    interval_s = 0.001  # type: ignore[misc]

    def __init__(self, scratch: Path, versions: Mapping[str, str | None]) -> None:
        super().__init__(scratch, _behave)
        self._versions = versions

    def tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str]:
        versions = {tool: self._versions.get(tool, "1") for tool in tools}
        for tool, version in versions.items():
            if version is None:
                raise MissingToolError(f"the tool {tool} is not installed")
        return {tool: version for tool, version in versions.items() if version is not None}


@dataclass
class FakeProject:
    """A project in a folder.

    Attributes:
        folder: Holds its inputs, and its results in `out`.
        settings: Its settings.
        versions: Of tools; a tool that is not named has version 1.
    """

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str | None] = field(default_factory=dict)
    _parsed: tuple[str, Settings] | None = field(default=None, init=False)

    @property
    def project(self) -> Project:
        """A new one, with the settings as they are now; these are parsed when they change, which takes a job's time."""
        text = repr(self.settings)
        if self._parsed is None or self._parsed[0] != text:
            settings = {"output_path": str(self.folder / "out"), "aligner": "bwa", **self.settings}
            self._parsed = text, Settings(**settings)
        return Project(self._parsed[1])

    @contextmanager
    def restored(self, backup: Path) -> Iterator[None]:
        """Afterwards the project is as it was before, so that the next test need not compute it again.

        Args:
            backup: A new folder.
        """
        shutil.copytree(self.folder, backup)
        settings, versions = dict(self.settings), dict(self.versions)
        try:
            yield
        finally:
            shutil.rmtree(self.folder)
            shutil.copytree(backup, self.folder)
            self.settings, self.versions = settings, versions

    @property
    def samples(self) -> tuple[str, ...]:
        return sample_names(self.project.ledger)

    @property
    def assets(self) -> tuple[str, ...]:
        return enabled_assets(self.project.settings)

    def add(self, *names: str) -> None:
        """Add samples of one lane each."""
        for name in names:
            self.write_reads(name)
        (self.folder / "samples.txt").write_text("".join(f"{self.folder / name}\n" for name in names))
        project = self.project
        for sample in read_samples_file(project.store, str(self.folder / "samples.txt")):
            save_sample(project.ledger, sample)

    def fastq(self, name: str, read: int = 1) -> Path:
        return self.folder / name / f"{name}_FC1_L1_{read}.fastq.gz"

    def write_reads(self, name: str, pairs: int = 1) -> None:
        (self.folder / name).mkdir(exist_ok=True)
        for read in (1, 2):
            rows = (f"@M:1:FC1:1:1:{row}:1 {read}:N:0:{name}\nACGT\n+\nFFFF\n" for row in range(pairs))
            self.fastq(name, read).write_bytes(gzip.compress("".join(rows).encode(), mtime=0))

    def file(self, asset: str, scope: str, key: str) -> Path:
        return Path(self.record(asset, scope).file(key).uri)

    def record(self, asset: str, scope: str) -> Record:
        record = self.project.ledger.read(ResultKey(asset, scope))
        assert record is not None, f"{asset} of {scope} does not exist"
        return record

    def places(self, assets: Collection[str], samples: Collection[str] | None = None) -> set[Place]:
        """All results of these assets."""
        names = self.samples if samples is None else samples
        return {
            (asset, scope)
            for asset in assets
            for scope in ([SHARED_SCOPES_BY_ASSET[asset]] if asset in SHARED_SCOPES_BY_ASSET else names)
        }

    def plan(
        self, assets: Collection[str] | None = None, samples: Collection[str] | None = None
    ) -> dict[Place, PlannedResult]:
        """What a dry run predicts of each result."""
        with self.dry_run(assets, samples) as trial:
            return by_place(trial)

    @contextmanager
    def dry_run(
        self, assets: Collection[str] | None = None, samples: Collection[str] | None = None
    ) -> Iterator[DryRun]:
        project, names = self.project, self.samples
        chosen = tuple(names if samples is None else samples)
        selection = [asset for asset in ASSETS if asset in (self.assets if assets is None else assets)]
        backend = FakeTools(self.folder / "scratch", self.versions)
        superseded = {name: _superseded(project, name) for name in chosen}
        yield DryRun(project, backend, selection, chosen, names, Sources(project), superseded)

    def run(self, assets: Collection[str] | None = None, samples: Collection[str] | None = None) -> set[Place]:
        """Compute what is missing or stale, asset by asset, as a run does; return the results that jobs ran for."""
        project, backend = self.project, FakeTools(self.folder / "scratch", self.versions)
        chosen = self.samples if samples is None else samples
        superseded = {name: _superseded(project, name) for name in chosen}
        failed: set[ResultKey] = set()
        watcher = Watcher(backend)
        try:
            for asset in (asset for asset in ASSETS if asset in (self.assets if assets is None else assets)):
                for _, scope in sorted(self.places([asset], chosen)):
                    if asset in superseded.get(scope, ()):
                        continue
                    key = ResultKey(asset, scope)
                    parents = {result_key(parent, scope) for parent in GRAPH[asset].upstream}
                    if parents & failed and asset not in OVER_SAMPLES:
                        failed.add(key)
                        continue
                    try:
                        _compute(project, backend, watcher, key)
                    except BioinfoAssetsError:
                        failed.add(key)
        finally:
            watcher.close()
            backend.close()
        return {(job.key.asset, job.key.scope) for job in backend.submitted}


def open_fake_project(folder: Path, *samples: str) -> FakeProject:
    """A project with reference and known sites, and without results."""
    fasta = folder / "genome.fa"
    fasta.write_text(f">{CONTIG}\n{'ACGT' * (LENGTH // 4)}\n")
    sites = write_vcf(folder / "sites.vcf.gz", f"##contig=<ID={CONTIG},length={LENGTH}>")
    project = FakeProject(folder, {"reference": str(fasta), "known_sites": (str(sites),)})
    if samples:
        project.add(*samples)
    return project


def by_place(trial: DryRun) -> dict[Place, PlannedResult]:
    """The results of a dry run by asset and scope."""
    return {(result.key.asset, result.key.scope): result for result in trial.planned_results()}


def not_reused(plan: Mapping[Place, PlannedResult]) -> set[Place]:
    return {place for place, result in plan.items() if result.action is not PlannedAction.REUSE}


def stale(plan: Mapping[Place, PlannedResult]) -> set[Place]:
    return {place for place, result in plan.items() if result.is_stale}


def with_action(plan: Mapping[Place, PlannedResult], action: PlannedAction) -> set[Place]:
    return {place for place, result in plan.items() if result.action is action}


def _superseded(project: Project, sample: str) -> frozenset[str]:
    return superseded_by_imports({asset: project.ledger.read(ResultKey(asset, sample)) for asset in PER_SAMPLE})


def _compute(
    project: Project, backend: FakeTools, watcher: Watcher, key: ResultKey, needed_by: ResultKey | None = None
) -> None:
    """Reuse a result or run its job, after the jobs of released results that it reads."""
    scopes = sample_names(project.ledger) if key.asset in OVER_SAMPLES else (key.scope,)
    records = {
        parent: RecordSet.read(
            project.ledger, parent, dict.fromkeys(result_key(parent, scope).scope for scope in scopes)
        )
        for parent in parents_of(key.asset)
    }
    options = project.settings.options_of(key.asset)
    upstream = Upstream(project, Sources(project), records, lambda: project.aligner(backend, options))
    decision = decide_reuse(
        project.ledger,
        None,
        project.ledger.read(key),
        lambda: build_job(GRAPH[key.asset], upstream, key.scope).with_options(options),
        lambda job: backend.tool_versions(job.tools, job.options),
        needed_by=needed_by,
    )
    if decision.action is ReuseAction.RUN:
        found = [record for record_set in records.values() for record in record_set.records.values()]
        released = released_inputs(decision.required_job, found)
        for record in released:
            _compute(project, backend, watcher, record.key, needed_by=key)
        if released:
            _compute(project, backend, watcher, key, needed_by)  # its inputs have other stamps now
            return
        commit(project.ledger, backend, submit(project.ledger, watcher, decision))


def _behave(job: Job) -> Behaviour:
    inputs = sorted((item.local, item.file.content) for item in job.inputs)
    text = json.dumps([job.key.asset, job.script, dict(job.parameters), inputs])
    files = {output.key: f"{output.key} of {text}\n".encode() for output in job.outputs}
    if "fai" in files:
        files["fai"] = f"{CONTIG}\t{LENGTH}\t6\t60\t61\n".encode()
    return Behaviour(files)
