"""The example of any Dagster project: a script and Python functions, as jobs here and on AWS Batch.

What is expected is computed here from its data, and the provenance from Dagster's documented tags.
"""

import csv
import importlib.util
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest
from dagster._core.execution.api import execute_run

from bioinfo_assets.launch.backend_config import BackendConfig
from bioinfo_assets.orchestration import FileSource, ScriptAsset, job_assets, job_launcher, one_process_executor
from bioinfo_assets.orchestration.internals import InMemoryJob
from bioinfo_assets.orchestration.partitions import range_tags
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.result_key import SHARED, ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.cloud import JOBS, MEANS, Cloud, opened_cloud
from bioinfo_assets_tests.docs.pages import CLONE, SOURCES, code_blocks
from bioinfo_assets_tests.orchestration.toy_project import failures
from bioinfo_assets_tests.staleness import stale_results

pytestmark = pytest.mark.xdist_group("batch runs")

EXAMPLE = CLONE / "examples" / "weather"
DATA = EXAMPLE / "data"
CITIES = ("bern", "oslo", "rome")
ALL_RESULTS = [("ranking", None), *((asset, city) for asset in ("sorted_readings", "summary") for city in CITIES)]


def load_example(data: str, results: str, backend: BackendConfig) -> ModuleType:
    """The example's definitions, as `dagster dev -f definitions.py` in its folder would load them."""
    spec = importlib.util.spec_from_file_location("weather_definitions", EXAMPLE / "definitions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLE))
        patch.setenv("WEATHER_DATA", data)
        patch.setenv("WEATHER_RESULTS", results)
        patch.setenv("WEATHER_BACKEND", backend.model_dump_json(exclude_defaults=True))
        spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Project:
    """The example with its Dagster instance, after a run of everything."""

    instance: dg.DagsterInstance
    definitions: dg.Definitions
    results: str
    first: dg.JobExecutionResult

    @classmethod
    def computed(cls, instance: dg.DagsterInstance, data: str, results: str, backend: BackendConfig) -> "Project":
        definitions = load_example(data, results, backend).defs
        return cls(instance, definitions, results, run(instance, definitions))

    def run(self, *assets: str) -> dg.JobExecutionResult:
        return run(self.instance, self.definitions, *assets)

    def record(self, asset: str, scope: str) -> Record:
        record = Ledger(Store(), self.results).read(ResultKey(asset, scope))
        assert record is not None
        return record

    def result(self, asset: str, scope: str = SHARED) -> object:
        return json.loads(Store().read_bytes(f"{self.results}/{scope}/{asset}.result.json"))

    def tags(self, asset: str, city: str | None = None) -> Mapping[str, str]:
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[city] if city else None), limit=1
        ).records
        materialization = records[0].asset_materialization
        assert materialization is not None
        return materialization.tags or {}


def run(instance: dg.DagsterInstance, definitions: dg.Definitions, *assets: str) -> dg.JobExecutionResult:
    job = definitions.resolve_implicit_global_asset_job_def()
    created = instance.create_run_for_job(
        job_def=job,
        tags=range_tags(CITIES[0], CITIES[-1]),
        asset_selection=frozenset(map(dg.AssetKey, assets)) or None,
    )
    return execute_run(InMemoryJob(job), created, instance)


def materialized(result: dg.JobExecutionResult, *, reused: bool) -> set[tuple[str, str | None]]:
    """The results of a run that were reused, or not."""
    events = [event for event in result.all_events if event.is_step_materialization]
    found = [(event.materialization, event.partition) for event in events]
    return {
        (asset.asset_key.to_user_string(), city)
        for asset, city in found
        if "reused" in asset.metadata and asset.metadata["reused"].value is reused
    }


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("local")
    shutil.copytree(DATA, folder / "data")
    with dg.DagsterInstance.ephemeral() as instance:
        yield Project.computed(instance, str(folder / "data"), str(folder / "results"), BackendConfig())


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with opened_cloud(tmp_path_factory.mktemp("cloud"), tools=["python3"]) as opened:
        yield opened


@pytest.fixture(scope="module")
def batch(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    store, folder = Store(), tmp_path_factory.mktemp("batch")
    for city in CITIES:
        store.write_bytes(f"{cloud.bucket}/weather/{city}.csv", (DATA / f"{city}.csv").read_bytes())
    with dg.DagsterInstance.local_temp(str(folder)) as instance:
        config = MEANS.model_copy(update={"jobs": JOBS.model_copy(update={"fuse": True})})
        yield Project.computed(instance, f"{cloud.bucket}/weather", f"{cloud.bucket}/results", config)


@pytest.fixture(params=["local", "batch"])
def project(request: pytest.FixtureRequest) -> Project:
    computed: Project = request.getfixturevalue(request.param)
    return computed


def temperatures(city: str) -> dict[str, float]:
    with (DATA / f"{city}.csv").open(newline="") as file:
        return {row["day"]: float(row["celsius"]) for row in csv.DictReader(file)}


def mean(city: str) -> float:
    values = temperatures(city).values()
    return sum(values) / len(values)


def test_a_function_computes_the_summary_of_each_city(project: Project) -> None:
    assert project.first.success
    for city in CITIES:
        by_day = temperatures(city)
        assert project.result("summary", city) == {
            "city": city,
            "mean": round(mean(city), 1),
            "warmest_day": max(by_day, key=lambda day: by_day[day]),
        }


def test_an_asset_without_partitions_reads_those_of_all(project: Project) -> None:
    assert project.result("ranking") == sorted(CITIES, key=mean, reverse=True)


def test_the_script_has_its_parameters_and_records_facts(project: Project) -> None:
    for city in CITIES:
        record = project.record("sorted_readings", city)
        assert record.parameters == {"minimum_days": 2}
        assert record.facts == {"days": str(len(temperatures(city)))}


def test_the_record_has_the_source_of_the_function_and_what_it_read(project: Project) -> None:
    record, upstream = project.record("summary", "oslo"), project.record("sorted_readings", "oslo")
    assert (EXAMPLE / "statistics_of_city.py").read_text() in record.script
    assert [(item.local, item.content) for item in record.inputs] == [("readings.csv", upstream.outputs[0].content)]
    assert set(record.tools) == {"python3"}


def test_each_result_has_the_versions_of_what_it_was_computed_from(project: Project) -> None:
    """Dagster's own tags; a partition's version as an input is the digest of its version."""
    for city in CITIES:
        tags = project.tags("summary", city)
        upstream = project.record("sorted_readings", city).data_version
        assert tags["dagster/data_version"] == project.record("summary", city).data_version
        assert tags["dagster/input_data_version/sorted_readings"] == sha256(upstream.encode()).hexdigest()
        assert "dagster/input_event_pointer/sorted_readings" in tags
    assert project.tags("announcement")["dagster/input_data_version/ranking"] == (
        project.record("ranking", SHARED).data_version
    )


def test_nothing_is_stale_after_a_run_and_the_next_one_reuses_all(project: Project) -> None:
    assert stale_results(project.instance, project.definitions, ALL_RESULTS) == set()
    assert materialized(project.first, reused=False) == set(ALL_RESULTS)
    assert materialized(project.run(), reused=True) == set(ALL_RESULTS)


def test_results_do_not_depend_on_the_backend(local: Project, batch: Project) -> None:
    for asset, city in ALL_RESULTS:
        local_record, batch_record = (own.record(asset, city or SHARED) for own in (local, batch))
        assert (local_record.script, local_record.version, local_record.data_version) == (
            batch_record.script,
            batch_record.version,
            batch_record.data_version,
        )
        assert (local_record.backend, batch_record.backend) == ("local", "batch")


def test_each_city_was_one_job_of_aws_batch(cloud: Cloud, batch: Project) -> None:
    """The script and the function of a city share a job, as the option `fuse` has it; the ranking is one of its own.

    There is one more, which reads the versions of the image's tools. Runs that reuse all results have none.
    """
    jobs = [job for job in cloud.jobs() if not job["jobName"].startswith("bioinfo-assets-tools")]
    assert len(jobs) == len(CITIES) + 1
    assert {job["container"]["image"] for job in jobs} == {JOBS.image}


def test_an_ordinary_asset_is_recorded_by_dagster_itself(project: Project) -> None:
    """Its steps run under the same executor, next to those with a launcher."""
    events = [event for event in project.first.all_events if event.is_step_materialization]
    assert [event.asset_key for event in events].count(dg.AssetKey("announcement")) == 1


def test_a_changed_file_makes_the_results_of_its_city_stale(tmp_path: Path) -> None:
    """Files of two cities change, one of which cannot be used; the results of the third go on as they were."""
    shutil.copytree(DATA, tmp_path / "data")
    with dg.DagsterInstance.ephemeral() as instance:
        project = Project.computed(instance, str(tmp_path / "data"), str(tmp_path / "results"), BackendConfig())
        oslo, rome = (tmp_path / "data" / f"{city}.csv" for city in ("oslo", "rome"))
        oslo.write_text(oslo.read_text() + "2026-07-04,40.0\n")
        of_rome = rome.read_text()
        rome.write_text("day,celsius\n2026-07-04,40.0\n")

        failed = project.run("sorted_readings")
        assert failures(failed)[0] == "sorted_readings of rome: rome has fewer than 2 days"
        assert materialized(failed, reused=False) == {("sorted_readings", "oslo")}
        stale = stale_results(instance, project.definitions, ALL_RESULTS)
        assert ("summary", "oslo") in stale
        assert not {result for result in stale if result[1] == "bern"}

        rome.write_text(of_rome)
        assert materialized(project.run(), reused=False) == {("summary", "oslo"), ("ranking", None)}
        assert stale_results(instance, project.definitions, ALL_RESULTS) == set()


def test_observing_the_files_in_dagit_makes_stale_what_is_computed_from_them(tmp_path: Path) -> None:
    """Sources with and without partitions; a city whose file is missing does not stop the observation of the others."""
    shutil.copytree(DATA, tmp_path / "data")
    cities = dg.StaticPartitionsDefinition(list(CITIES))
    readings = FileSource(name="readings", uri=f"{tmp_path}/data/{{partition}}.csv", partitions_def=cities)
    notes = FileSource(name="notes", uri=str(tmp_path / "notes.txt"))
    (tmp_path / "notes.txt").write_text("summer\n")
    described = ScriptAsset(
        "described",
        script="cat notes.txt readings.csv >described.txt",
        inputs={"notes.txt": notes, "readings.csv": readings},
        outputs=["described.txt"],
        partitions_def=cities,
    )
    launcher = job_launcher(str(tmp_path / "results"), BackendConfig())
    definitions = dg.Definitions(
        assets=job_assets("jobs", launcher, [readings, notes, described]),
        executor=one_process_executor,
        resources={"launcher": launcher},
    )
    results = [("described", city) for city in CITIES]
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(instance, definitions).success
        (tmp_path / "data" / "oslo.csv").write_text("day,celsius\n")
        (tmp_path / "data" / "rome.csv").unlink()
        assert stale_results(instance, definitions, results) == set()

        assert run(instance, definitions, "readings", "notes").success
        assert stale_results(instance, definitions, results) == {("described", "oslo")}

        (tmp_path / "notes.txt").write_text("winter\n")
        assert run(instance, definitions, "readings", "notes").success
        assert stale_results(instance, definitions, results) == set(results)


def test_the_guide_shows_the_example_as_it_is() -> None:
    (shown,) = code_blocks(SOURCES["docs/guides/any-project.md"], "python")
    assert shown in (EXAMPLE / "definitions.py").read_text()


def test_modules_of_the_example_are_not_imported_by_its_definitions(local: Project) -> None:
    """The functions' module is read only: what it imports need be nowhere but in the job's image."""
    assert "statistics_of_city" not in sys.modules
