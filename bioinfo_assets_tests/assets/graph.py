"""The whole graph, run in this process with the real tools."""

import sys
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg

from bioinfo_assets.assets.sources import observe_reads
from bioinfo_assets.definitions import ASSETS, build_definitions
from bioinfo_assets.orchestration.internals import (
    CachingStaleStatusResolver,
    InMemoryJob,
    LoadingContextForTest,
    execute_run,
)
from bioinfo_assets.orchestration.job_updates import JobUpdate, listen
from bioinfo_assets.orchestration.partitions import add_samples, range_tags
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.samples import read_samples_file, sample_names, save_sample
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.settings import Settings

REPOSITORY = Path(__file__).parents[2]
TOOLS = (str(Path(sys.executable).parent), str(REPOSITORY / ".tools" / "bin"))
STEPS = tuple(asset.key.path[-1] for asset in ASSETS)


@dataclass
class Graph:
    """A project with its Dagster instance."""

    folder: Path
    instance: dg.DagsterInstance
    project: Project
    updates: list[JobUpdate] = field(default_factory=list)

    def register(self, fastqs: Collection[Path]) -> None:
        """Keeps the samples of folders of FASTQs under the output path."""
        file = self.folder / "samples.txt"
        file.write_text("".join(f"{path}\n" for path in fastqs))
        for sample in read_samples_file(self.project.store, str(file)):
            save_sample(self.project.ledger, sample)

    def add(self, fastqs: Collection[Path]) -> None:
        """Adds the samples of folders of FASTQs, as partitions too."""
        self.register(fastqs)
        add_samples(self.instance, self.samples)

    def look(self) -> None:
        """Looks at the FASTQs, as a run does before anything else."""
        observe_reads(self.instance, self.project, self.samples)

    @property
    def samples(self) -> tuple[str, ...]:
        return sample_names(self.project.ledger)

    @property
    def definitions(self) -> dg.Definitions:
        return build_definitions(self.project.settings)

    def run(self, steps: Collection[str] = STEPS, samples: Collection[str] = ()) -> bool:
        """Materializes steps for a range of samples; tells whether all went well."""
        job = self.definitions.resolve_job_def("align_samples")
        chosen = sorted(samples or self.samples)
        keys = frozenset(map(dg.AssetKey, steps))
        tags = range_tags(chosen[0], chosen[-1])
        run = self.instance.create_run_for_job(job_def=job, asset_selection=keys, tags=tags)
        self.updates.clear()
        with listen(self.updates.append):
            return execute_run(InMemoryJob(job), run, self.instance).success

    def failures(self) -> dict[str, str]:
        """By step: the sentence of the last run's failure."""
        (run,) = self.instance.get_runs(limit=1)
        failed = self.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        return {entry.step_key: entry.dagster_event.step_failure_data.user_failure_data.description for entry in failed}

    def record(self, step: str, scope: str) -> Record:
        found = self.project.ledger.read(ResultKey(step, scope))
        assert found is not None, f"{step} of {scope} was not made"
        return found

    def file(self, step: str, scope: str, key: str) -> Path:
        return Path(self.record(step, scope).file(key).uri)

    def metadata(self, step: str, sample: str | None = None) -> dict[str, object]:
        """What Dagit shows of the last materialization."""
        wanted = dg.AssetRecordsFilter(dg.AssetKey(step), asset_partitions=[sample] if sample else None)
        found = self.instance.fetch_materializations(wanted, limit=1).records[0].asset_materialization
        assert found is not None
        return {name: value.value for name, value in found.metadata.items()}

    def stale(self) -> set[tuple[str, str | None]]:
        graph = self.definitions.resolve_asset_graph()
        resolver = CachingStaleStatusResolver(self.instance, graph, LoadingContextForTest(self.instance))
        places = [
            (step, sample)
            for step in STEPS
            for sample in (self.samples if graph.get(dg.AssetKey(step)).is_partitioned else (None,))
        ]
        return {place for place in places if resolver.get_status(dg.AssetKey(place[0]), place[1]).value == "STALE"}


def open_graph(folder: Path, instance: dg.DagsterInstance, **settings: object) -> Graph:
    """A project under `folder/output`."""
    folder.mkdir(parents=True, exist_ok=True)
    given = {"output_path": str(folder / "output"), "tool_path": TOOLS, **settings}
    return Graph(folder, instance, Project(Settings(**given)))
