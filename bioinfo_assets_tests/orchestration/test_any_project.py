"""What Dagster projects without genomes import: its names, its errors, and what reaches scripts and functions."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from dagster._core.execution.api import execute_run

from bioinfo_assets import orchestration
from bioinfo_assets.errors import InputError
from bioinfo_assets.orchestration import (
    BackendConfig,
    FileSource,
    JobAsset,
    PythonAsset,
    ScriptAsset,
    job_assets,
    job_launcher,
    one_process_executor,
)
from bioinfo_assets.orchestration.internals import InMemoryJob
from bioinfo_assets.orchestration.partitions import range_tags
from bioinfo_assets_tests.orchestration.toy_project import failures

if TYPE_CHECKING:
    from bioinfo_assets.launch.job import Parameter

NAMES = dg.StaticPartitionsDefinition(["a", "b"])
OTHERS = dg.StaticPartitionsDefinition(["c"])
AWKWARD = """it's a "$HOME" `id` \\ $(id)
of two lines"""

FUNCTIONS = """
import sys
from pathlib import Path

def describe(rows, title, flag, none, items, partition):
    return {"rows": rows.read_text(), "name": rows.name, "values": [title, flag, none, items], "partition": partition}

def fail_for_b(rows, partition):
    if partition == "b":
        raise ValueError("b has no 'rows'")
    Path("copy.txt").write_text(rows.read_text())

def modules(**anything):
    return sorted(anything), [name for name in sys.modules if name in {"pickle", "dagster", "bioinfo_assets"}]

def infinite():
    return float("inf")
"""


def run(instance: dg.DagsterInstance, folder: Path, *assets: JobAsset | FileSource) -> dg.JobExecutionResult:
    launcher = job_launcher(str(folder / "results"), BackendConfig())
    definitions = dg.Definitions(
        assets=job_assets("jobs", launcher, assets), executor=one_process_executor, resources={"launcher": launcher}
    )
    job = definitions.resolve_implicit_global_asset_job_def()
    return execute_run(InMemoryJob(job), instance.create_run_for_job(job_def=job, tags=range_tags("a", "b")), instance)


@pytest.fixture
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module with functions, found as `import` would find it."""
    (tmp_path / "functions_of_test.py").write_text(FUNCTIONS)
    (tmp_path / "not_python.py").write_text("def run(:")
    monkeypatch.syspath_prepend(str(tmp_path))
    return "functions_of_test"


def test_every_name_can_be_imported_and_is_described() -> None:
    for name in orchestration.__all__:
        assert getattr(orchestration, name).__doc__, name
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = orchestration.nothing


def test_it_loads_nothing_of_the_pipeline() -> None:
    """Of genomics, only the functions on addresses that the lineage uses."""
    program = """
import sys
from bioinfo_assets import orchestration
for name in orchestration.__all__:
    getattr(orchestration, name)
rooms = {"genomics", "steps", "pipeline", "settings", "assets", "definitions", "application", "cli"}
print(*sorted(name for name in sys.modules if name.startswith("bioinfo_assets.") and name.split(".")[1] in rooms))
"""
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert set(printed.split()) <= {"bioinfo_assets.genomics", "bioinfo_assets.genomics.uri"}


def test_values_reach_scripts_and_functions_as_they_are(tmp_path: Path, functions: str) -> None:
    (tmp_path / "rows.v2.csv").write_text("1\n2\n")
    rows = FileSource(name="rows", uri=str(tmp_path / "rows.v2.csv"))
    values: dict[str, Parameter] = {"title": AWKWARD, "flag": True, "none": None, "items": (1, "two three")}
    printed = ScriptAsset(
        "printed",
        script='printf "%s\\n" "$title" "$flag" "$none" "$items" "$partition" >printed.txt',
        outputs=["printed.txt"],
        parameters=values,
        partitions_def=NAMES,
    )
    described = PythonAsset(
        "described", function=f"{functions}:describe", inputs={"rows": rows}, parameters=values, partitions_def=NAMES
    )
    counted = PythonAsset(
        "counted", function=f"{functions}:modules", inputs={"texts": printed.file("printed.txt"), "rows": rows}
    )
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(instance, tmp_path, rows, printed, described, counted).success
    results = tmp_path / "results"
    assert (results / "a" / "printed.printed.txt").read_text() == f"{AWKWARD}\ntrue\n\n1 two three\na\n"
    assert json.loads((results / "b" / "described.result.json").read_text()) == {
        "rows": "1\n2\n",
        "name": "rows.v2.csv",
        "values": [AWKWARD, True, None, [1, "two three"]],
        "partition": "b",
    }
    # The function's process has neither Dagster nor this library, and nothing to unpickle.
    assert json.loads((results / "shared" / "counted.result.json").read_text()) == [["rows", "texts"], []]


def test_the_exception_of_a_function_fails_its_partition_alone(tmp_path: Path, functions: str) -> None:
    (tmp_path / "rows.csv").write_text("1\n")
    rows = FileSource(name="rows", uri=str(tmp_path / "rows.csv"))
    copied = PythonAsset(
        "copied",
        function=f"{functions}:fail_for_b",
        inputs={"rows": rows},
        outputs=["copy.txt"],
        partitions_def=NAMES,
    )
    infinite = PythonAsset("infinite", function=f"{functions}:infinite")
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(instance, tmp_path, rows, copied, infinite)
    assert sorted(failures(result)) == [
        "copied of b: ValueError: b has no 'rows'",
        "infinite of shared: ValueError: Out of range float values are not JSON compliant: inf",
    ]
    assert (tmp_path / "results" / "a" / "copied.copy.txt").read_text() == "1\n"
    assert (tmp_path / "results" / "a" / "copied.result.json").read_text() == "null\n"


@pytest.mark.parametrize("fails", [False, True])
def test_an_ordinary_asset_upstream_is_recorded_with_the_result_or_stops_it(tmp_path: Path, fails: bool) -> None:  # noqa: FBT001 - a parameter
    @dg.asset
    def limits() -> dg.MaterializeResult[None]:
        if fails:
            raise dg.Failure("there are no limits")
        return dg.MaterializeResult(data_version=dg.DataVersion("limits-1"))

    own = ScriptAsset("own", script="touch it", outputs=["it"], deps=["limits"])
    launcher = job_launcher(str(tmp_path / "results"), BackendConfig())
    definitions = dg.Definitions(
        assets=[limits, *job_assets("jobs", launcher, [own])],
        executor=one_process_executor,
        resources={"launcher": launcher},
    )
    job = definitions.resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        result = execute_run(InMemoryJob(job), instance.create_run_for_job(job_def=job), instance)
    versions = {
        event.asset_key.to_user_string(): (event.materialization.tags or {}).get("dagster/input_data_version/limits")
        for event in result.all_events
        if event.is_step_materialization and event.asset_key is not None
    }
    assert versions == ({} if fails else {"limits": None, "own": "limits-1"})
    assert (tmp_path / "results" / "shared" / "own.it").exists() is not fails


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["a", "two words"], "partition 'two words' cannot name a result: letters, digits, '.', '_' and '-' only"),
        (["a", "shared"], "partition 'shared' has the name of a folder of the output: rename it"),
    ],
)
def test_a_partition_that_cannot_be_a_folder_is_refused(tmp_path: Path, names: list[str], sentence: str) -> None:
    asset = ScriptAsset(
        "empty", script="touch it", outputs=["it"], partitions_def=dg.StaticPartitionsDefinition([*names, "b"])
    )
    with dg.DagsterInstance.ephemeral() as instance:
        assert failures(run(instance, tmp_path, asset)) == [sentence]


def test_a_source_with_partitions_that_dagster_does_not_know_is_refused(tmp_path: Path) -> None:
    rows = FileSource(name="rows", uri=f"{tmp_path}/{{partition}}.csv", partitions_def=NAMES)
    asset = ScriptAsset("own", script="touch it", inputs={"rows": rows}, outputs=["it"], partitions_def=NAMES)
    with dg.DagsterInstance.ephemeral() as instance:
        assert failures(run(instance, tmp_path, asset)) == [
            "own reads rows, which is not in the definitions: pass it to job_assets too"
        ]


def script(name: str = "own", **more: object) -> ScriptAsset:
    return ScriptAsset(name, **{"script": "touch it", "outputs": ["it"], **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: script("a b"), "'a b' cannot name an asset: use letters, digits and '_', a letter first"),
        (lambda: script(outputs=[]), "own has no outputs: name the files that its script writes"),
        (lambda: script().file("its"), "own has no output 'its': did you mean it?"),
        (
            lambda: script(parameters={"PATH": "/"}),
            (
                "parameter 'PATH' of own cannot be a variable: use small letters, digits and '_', and another name than"
                " 'partition'"
            ),
        ),
        (
            lambda: script(partitions_def=NAMES, inputs={"it": script("other", partitions_def=OTHERS).file("it")}),
            "own and other, which it reads, have different partitions: give both the same",
        ),
        (
            lambda: FileSource(name="rows", uri="/rows.csv", partitions_def=NAMES),
            "the address /rows.csv of rows must have {partition} in it if rows has partitions, and only then",
        ),
        (
            lambda: FileSource(name="rows", uri="rows.csv"),
            "the path rows.csv of rows is relative: make it absolute",
        ),
        (
            lambda: job_assets("jobs", job_launcher("/results", BackendConfig()), [script(), script()]),
            "two assets are named own: rename one",
        ),
        (
            lambda: job_assets("jobs", job_launcher("/results", BackendConfig()), []),
            "no asset is computed by a job: add a ScriptAsset or a PythonAsset",
        ),
        (
            lambda: job_assets(
                "jobs",
                job_launcher("/results", BackendConfig()),
                [script(partitions_def=NAMES), script("other", partitions_def=OTHERS)],
            ),
            "own and other have different partitions: call job_assets for each of them",
        ),
        (
            lambda: script(inputs={"it": script("other")}),
            "input 'it' of own is not a file: pass a FileSource, or ASSET.file(OUTPUT)",
        ),
        (
            lambda: script(outputs=["it", "it"]),
            "own cannot have these files: duplicate output in one job: it",
        ),
        (
            lambda: script(inputs={"../it": script("other").file("it")}),
            "own cannot have these files: '../it' cannot be a local name: letters, digits, '.', '_', '+' and '-' only",
        ),
        (
            lambda: PythonAsset(
                "own", function="functions_of_test:modules", inputs={"a": script().file("it")}, parameters={"a": 1}
            ),
            "'a' of own is both an input and a parameter: remove one",
        ),
        (
            lambda: PythonAsset("own", function="not_python:run"),
            "not_python.py is not Python (invalid syntax): correct it",
        ),
        (
            lambda: PythonAsset("own", function="no_such_module:run"),
            (
                "no Python file for the function 'no_such_module:run': write it as MODULE:FUNCTION, with MODULE where"
                " `import` finds it"
            ),
        ),
        (
            lambda: PythonAsset("own", function="functions_of_test"),
            (
                "no Python file for the function 'functions_of_test': write it as MODULE:FUNCTION, with MODULE where"
                " `import` finds it"
            ),
        ),
        (
            lambda: PythonAsset("own", function="functions_of_test:infinit"),
            "functions_of_test has no function 'infinit': did you mean infinite?",
        ),
        (
            lambda: PythonAsset("own", function="functions_of_test:infinite", parameters={"digits": 1}),
            "functions_of_test:infinite has no parameter 'digits': it takes none",
        ),
        (
            lambda: PythonAsset("own", function="functions_of_test:fail_for_b"),
            "functions_of_test:fail_for_b needs 'rows': name it in inputs or in parameters",
        ),
    ],
)
@pytest.mark.usefixtures("functions")
def test_what_cannot_work_is_refused_in_a_sentence(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        make()
    assert str(caught.value) == sentence
