"""A project of the whole graph, run in this process with the real tools."""

import gzip
import sys
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.execution.api import execute_run

from bioinfo_assets.assets.sources import observe_upstream
from bioinfo_assets.definitions import build_definitions
from bioinfo_assets.orchestration.internals import InMemoryJob
from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate, listen
from bioinfo_assets.orchestration.partitions import add_samples, range_tags
from bioinfo_assets.pipeline.graph import ASSETS, PARTITIONED, enabled_assets
from bioinfo_assets.pipeline.project import Project, Sources
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.samples import read_samples_file, sample_names, save_sample
from bioinfo_assets.result_key import RAW_READS, ResultKey
from bioinfo_assets.settings import Settings
from bioinfo_assets_tests.staleness import stale_results

REPOSITORY = Path(__file__).parents[2]
TOOLS = (str(Path(sys.executable).parent), str(REPOSITORY / ".tools" / "bin"))


@dataclass
class RealProject:
    """A project with its Dagster instance.

    Attributes:
        folder: Holds its samples file, and its results in `output`.
        instance: Dagster.
        project: The project.
        updates: The job updates of the last run.
    """

    folder: Path
    instance: dg.DagsterInstance
    project: Project
    updates: list[JobUpdate] = field(default_factory=list)

    def save_samples(self, fastqs: Collection[Path]) -> None:
        """Save the samples of folders of FASTQs under the output path."""
        file = self.folder / "samples.txt"
        file.write_text("".join(f"{path}\n" for path in fastqs))
        for sample in read_samples_file(self.project.store, str(file)):
            save_sample(self.project.ledger, sample)

    def add(self, fastqs: Collection[Path]) -> None:
        """Save the samples of folders of FASTQs, and add them as partitions."""
        self.save_samples(fastqs)
        add_samples(self.instance, self.samples)

    def observe_reads(self) -> None:
        """Observe the FASTQs, as a run does before anything else."""
        sources = Sources(self.project)
        for sample in self.samples:
            for event in observe_upstream(self.instance, sources, {RAW_READS}, sample):
                self.instance.report_runless_asset_event(event)

    @property
    def assets(self) -> tuple[str, ...]:
        """Those that the settings ask for."""
        return enabled_assets(self.project.settings)

    @property
    def samples(self) -> tuple[str, ...]:
        return sample_names(self.project.ledger)

    @property
    def definitions(self) -> dg.Definitions:
        return build_definitions(self.project.settings)

    def run(self, assets: Collection[str] = (), samples: Collection[str] = ()) -> bool:
        """Materialize assets, by default all, for a range of samples; return whether the run succeeded."""
        job = self.definitions.resolve_job_def("align_samples")
        chosen = sorted(samples or self.samples)
        keys = frozenset(map(dg.AssetKey, assets or self.assets))
        tags = range_tags(chosen[0], chosen[-1])
        run = self.instance.create_run_for_job(job_def=job, asset_selection=keys, tags=tags)
        self.updates.clear()
        with listen(self.updates.append):
            return execute_run(InMemoryJob(job), run, self.instance).success

    def states(self) -> dict[tuple[str, str], JobState]:
        """By asset and scope: the final state of its job in the last run."""
        return {(update.key.asset, update.key.scope): update.state for update in self.updates}

    def failures(self) -> str:
        """The descriptions of the failed steps of the last run."""
        (run,) = self.instance.get_runs(limit=1)
        descriptions = []
        for entry in self.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
            data = entry.get_dagster_event().step_failure_data.user_failure_data
            assert data is not None
            descriptions.append(data.description or "")
        return "\n".join(descriptions)

    def record(self, asset: str, scope: str) -> Record:
        record = self.project.ledger.read(ResultKey(asset, scope))
        assert record is not None, f"{asset} of {scope} does not exist"
        return record

    def file(self, asset: str, scope: str, key: str) -> Path:
        return Path(self.record(asset, scope).file(key).uri)

    def metadata(self, asset: str, sample: str | None = None) -> dict[str, object]:
        """What Dagit shows of the newest materialization."""
        newest = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[sample] if sample else None)
        materialization = self.instance.fetch_materializations(newest, limit=1).records[0].asset_materialization
        assert materialization is not None
        return {name: value.value for name, value in materialization.metadata.items()}

    def stale(self) -> set[tuple[str, str | None]]:
        """The assets, with sample or None, that Dagster considers stale."""
        results = [
            (asset, sample) for asset in ASSETS for sample in (self.samples if asset in PARTITIONED else (None,))
        ]
        return stale_results(self.instance, self.definitions, results)


def open_real_project(folder: Path, instance: dg.DagsterInstance, **settings: Any) -> RealProject:
    """A project whose results are in `folder/output`."""
    folder.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {"output_path": str(folder / "output"), "tool_path": TOOLS, **settings}
    return RealProject(folder, instance, Project(Settings(**options)))


def write_reads(folder: Path, sample: str, lane: int, pairs: int = 5) -> tuple[Path, Path]:
    """Write one lane of a sample: a pair of FASTQs whose read names are all different."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for read in (1, 2):
        records = (
            f"@M1:7:FC1:{lane}:1101:{number}:2000 {read}:N:0:ACGTACGT\n{'ACGT' * 9}\n+\n{'F' * 36}\n"
            for number in range(1, pairs + 1)
        )
        file = folder / f"{sample}_FC1_L{lane}_{read}.fastq.gz"
        file.write_bytes(gzip.compress("".join(records).encode(), mtime=0))
        files.append(file)
    return files[0], files[1]
