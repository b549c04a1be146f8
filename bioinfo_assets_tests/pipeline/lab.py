"""A project of the whole graph whose jobs take no time: what they make is told by what they read.

Jobs, fingerprints, records and files are the real ones; only the tools are not called. The text of each file is made
from script, parameters and inputs of its job, and not from the tools: so another tool makes the same again.
"""

import gzip
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bioinfo_assets.errors import BioinfoAssetsError, ResourceError
from bioinfo_assets.launch.backend import NO_OPTIONS
from bioinfo_assets.launch.fake_backend import Behaviour, FakeBackend
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.launch.watcher import Watcher
from bioinfo_assets.pipeline import jobs
from bioinfo_assets.pipeline.dry_run import DryRun, PlannedAction, PlannedResult
from bioinfo_assets.pipeline.graph import ASSETS, GRAPH, OVER_SAMPLES, SHARED_SCOPES_BY_ASSET, SOURCES
from bioinfo_assets.pipeline.jobs import Upstream
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.pipeline.sources import Sources
from bioinfo_assets.records.commit import commit, submit
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.record_set import ONE, RecordSet
from bioinfo_assets.records.reuse import check_reuse, imported_result
from bioinfo_assets.records.samples import read_samples_file, sample_names, save_sample
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.settings import Settings
from bioinfo_assets.steps.reference import Aligner
from bioinfo_assets_tests.cli.commands import write_vcf

CONTIG, LENGTH = "chrM", 16
Place = tuple[str, str]
"""An asset and its scope."""


class Tools(FakeBackend):
    """A backend whose tools are of given versions; those that are given None are not there."""

    interval_s = 0.001  # type: ignore[misc]

    def __init__(self, scratch: Path, versions: Mapping[str, str | None]) -> None:
        super().__init__(scratch, _made)
        self._versions = versions

    def tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str]:
        told = {tool: self._versions.get(tool, "1") for tool in tools}
        for tool, version in told.items():
            if version is None:
                raise ResourceError(f"the tool {tool} is not here")
        return {tool: version for tool, version in told.items() if version is not None}


@dataclass
class Lab:
    """A project in a folder.

    Attributes:
        folder: Where its inputs lie, and its results in `out`.
        settings: What is set.
        versions: Of tools; those that are not named are of version 1.
    """

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str | None] = field(default_factory=dict)

    @property
    def project(self) -> Project:
        return Project(Settings(**{"output_path": str(self.folder / "out"), "aligner": "bwa", **self.settings}))

    @property
    def samples(self) -> tuple[str, ...]:
        return sample_names(self.project.ledger)

    @property
    def assets(self) -> tuple[str, ...]:
        return tuple(asset for asset in ASSETS if asset != "known_sites" or self.settings["known_sites"])

    def add(self, *names: str) -> None:
        """Adds samples of one lane each."""
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
        found = self.project.ledger.read(ResultKey(asset, scope))
        assert found is not None, f"{asset} of {scope} is not there"
        return found

    def places(self, assets: Collection[str], samples: Collection[str] | None = None) -> set[Place]:
        """Assets with their scopes."""
        names = self.samples if samples is None else samples
        return {
            (asset, one)
            for asset in assets
            for one in ([SHARED_SCOPES_BY_ASSET[asset]] if asset in SHARED_SCOPES_BY_ASSET else names)
        }

    def foretell(
        self, assets: Collection[str] | None = None, samples: Collection[str] | None = None
    ) -> dict[Place, PlannedResult]:
        """What is foretold of each result."""
        with self.look(assets, samples) as look:
            return {(one.asset, one.scope): one for one in look.planned_results()}

    @contextmanager
    def look(self, assets: Collection[str] | None = None, samples: Collection[str] | None = None) -> Iterator[DryRun]:
        project, names = self.project, self.samples
        chosen = tuple(names if samples is None else samples)
        wanted = [asset for asset in ASSETS if asset in (self.assets if assets is None else assets)]
        left_out = {name: project.not_needed(project.sample(name)) for name in chosen}
        backend = Tools(self.folder / "scratch", self.versions)
        yield DryRun(project, backend, wanted, chosen, names, Sources(project), left_out)

    def run(self, assets: Collection[str] | None = None, samples: Collection[str] | None = None) -> set[Place]:
        """Makes what is not there, asset by asset, as a run does; tells what jobs were run for."""
        project, backend = self.project, Tools(self.folder / "scratch", self.versions)
        names, wanted = self.samples, self.assets if assets is None else assets
        chosen, failed = names if samples is None else samples, set[Place]()
        watcher = Watcher(backend)
        try:
            for asset in (asset for asset in ASSETS if asset in wanted):
                for _, scope in sorted(self.places([asset], chosen)):
                    if scope not in SHARED_SCOPES_BY_ASSET.values() and asset in project.not_needed(
                        project.sample(scope)
                    ):
                        continue
                    above = {(name, SHARED_SCOPES_BY_ASSET.get(name, scope)) for name in GRAPH[asset].upstream}
                    if above & failed and asset not in OVER_SAMPLES:
                        failed.add((asset, scope))
                        continue
                    try:
                        _make(project, backend, watcher, asset, scope)
                    except BioinfoAssetsError:
                        failed.add((asset, scope))
        finally:
            watcher.close()
            backend.close()
        return {(job.key.asset, job.key.scope) for job in backend.submitted}


def open_lab(folder: Path, *samples: str) -> Lab:
    """A project with reference and known sites, of which nothing is made yet."""
    fasta = folder / "genome.fa"
    fasta.write_text(f">{CONTIG}\n{'ACGT' * (LENGTH // 4)}\n")
    sites = write_vcf(folder / "sites.vcf.gz", f"##contig=<ID={CONTIG},length={LENGTH}>")
    lab = Lab(folder, {"reference": str(fasta), "known_sites": (str(sites),)})
    if samples:
        lab.add(*samples)
    return lab


def made_again(told: Mapping[Place, PlannedResult]) -> set[Place]:
    """What is not foretold to be reused."""
    return {place for place, one in told.items() if one.action is not PlannedAction.REUSE}


def stale(told: Mapping[Place, PlannedResult]) -> set[Place]:
    return {place for place, one in told.items() if one.is_stale}


def of_outlook(told: Mapping[Place, PlannedResult], outlook: PlannedAction) -> set[Place]:
    return {place for place, one in told.items() if one.action is outlook}


def _make(project: Project, backend: Tools, watcher: Watcher, asset: str, scope: str) -> None:
    if imported_result(project.ledger, ResultKey(asset, scope)) is not None:
        return
    job = _job(project, asset, scope)
    wanted = check_reuse(project.ledger, backend, job)
    if wanted.record is None:
        commit(project.ledger, backend, submit(watcher, wanted))


def _job(project: Project, asset: str, scope: str) -> Job:
    names = sample_names(project.ledger) if asset in OVER_SAMPLES else (scope,)
    above = {
        name: RecordSet.read(
            project.ledger,
            name,
            {ONE: SHARED_SCOPES_BY_ASSET[name]} if name in SHARED_SCOPES_BY_ASSET else {n: n for n in names},
        )
        for name in GRAPH[asset].upstream
        if name not in SOURCES
    }
    up = Upstream(project, Sources(project), above)
    if asset == "reference_index":
        return jobs.reference_index(up, Aligner.BWA)
    if asset in SHARED_SCOPES_BY_ASSET:
        return {"reference_genome": jobs.reference_genome, "known_sites": jobs.known_sites}.get(
            asset, jobs.multiqc_report
        )(up)
    return jobs.OF_SAMPLES[asset](up, scope)


def _made(job: Job) -> Behaviour:
    read = sorted((item.local, item.file.content) for item in job.inputs)
    told = json.dumps([job.key.asset, job.script, dict(job.parameters), read])
    files = {item.key: f"{item.key} of {told}\n".encode() for item in job.outputs}
    if "fai" in files:
        files["fai"] = f"{CONTIG}\t{LENGTH}\t6\t60\t61\n".encode()
    return Behaviour(files)
