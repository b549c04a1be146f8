"""S3 and AWS Batch that fail, are slow, or lose what they were asked: a run ends, and the next one heals everything."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from bioinfo_assets.cli.exit_codes import ExitCode
from bioinfo_assets_tests.cloud import IMAGE, Cloud, opened_cloud
from bioinfo_assets_tests.faults.batch_faults import random_api_fault, random_job_fault
from bioinfo_assets_tests.faults.hosts import Ended
from bioinfo_assets_tests.faults.invariants import check_healed, finished_results
from bioinfo_assets_tests.faults.project import FaultProject, Inputs, write_inputs, write_logging_bash
from bioinfo_assets_tests.faults.s3_proxy import Weather, proxied
from bioinfo_assets_tests.faults.seeds import fixed_seeds, random_of, random_seeds
from bioinfo_assets_tests.launch.batch.batch_backend import PATH

pytestmark = pytest.mark.xdist_group("faults")  # they share the process that commands are forked from

MAX_RATE = 0.25
"""The largest part of the requests that are struck: of those that are repeated eight times, one in 65,000 fails."""

QUICK_RATE = 0.08
"""That of the short form: each fault costs the time of a retry."""

REQUESTS = 250
"""Of S3 in a run whose jobs are on this machine, as the proxy counted them on 2026-11-27."""

TOOLS = ("bgzip", "bioinfo-assets-engine", "cutadapt")


@pytest.fixture(scope="module")
def weather() -> Weather:
    return Weather(Random(0))  # noqa: S311 - reproducible, and not for cryptography


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s3")


@pytest.fixture(scope="module")
def cloud(folder: Path, weather: Weather) -> Iterator[Cloud]:
    tools = write_logging_bash(folder / "tools", folder / "starts")
    with opened_cloud(
        folder / "cloud", tools=TOOLS, path=f"{tools}:{PATH}", through=lambda url: proxied(url, weather)
    ) as opened:
        yield opened


@pytest.fixture(scope="module")
def inputs(folder: Path, cloud: Cloud) -> Inputs:
    return write_inputs(folder / "inputs", f"{cloud.bucket}/data")


Opener = Callable[[str], FaultProject]
"""Opens a project with results in S3, whose jobs run on the backend of this name."""


@pytest.fixture
def open_project(tmp_path: Path, folder: Path, cloud: Cloud, inputs: Inputs) -> Opener:
    def opened(backend: str) -> FaultProject:
        (tmp_path / "home").mkdir()
        variables = {**cloud.environment, "DAGSTER_HOME": str(tmp_path / "home")}
        if backend == "local":
            variables["BIOINFO_ASSETS_SCRATCH"] = str(tmp_path / "scratch")
            return FaultProject(tmp_path / "project", inputs, f"{cloud.bucket}/{tmp_path.name}", variables)
        variables |= {"BIOINFO_ASSETS_BATCH__POLL_INTERVAL_S": "0.2", "BIOINFO_ASSETS_BATCH__SCRATCH_VOLUME": ""}
        options = ("--backend", "batch", "--queue", "default", "--image", IMAGE)
        output = f"{cloud.bucket}/{tmp_path.name}"
        return FaultProject(tmp_path / "project", inputs, output, variables, options, folder / "starts")

    return opened


@pytest.mark.parametrize("seed", fixed_seeds(1))
def test_the_next_run_heals_what_a_failing_s3_left(open_project: Opener, weather: Weather, seed: int) -> None:
    check_failing_s3(open_project("local"), weather, random_of(seed, "failing S3"), QUICK_RATE)


@pytest.mark.long
@pytest.mark.parametrize("seed", random_seeds())
def test_the_next_run_heals_whatever_a_failing_s3_left(open_project: Opener, weather: Weather, seed: int) -> None:
    check_failing_s3(open_project("local"), weather, random_of(seed, "failing S3"))


@pytest.mark.long
@pytest.mark.parametrize("seed", random_seeds())
def test_the_next_run_heals_whatever_a_failing_batch_left(
    open_project: Opener, cloud: Cloud, weather: Weather, seed: int
) -> None:
    check_failing_batch(open_project("batch"), cloud, weather, random_of(seed, "failing Batch"))


@pytest.mark.long
@pytest.mark.parametrize("seed", random_seeds())
def test_an_outage_ends_a_run_in_sentences(open_project: Opener, weather: Weather, seed: int) -> None:
    rng = random_of(seed, "outage of S3")
    project = open_project("local")
    weather.clear()
    weather.good_requests = rng.randint(0, REQUESTS)
    struck = check_round(project, weather)
    assert struck.exit_code != ExitCode.BAD_INPUT or "JOB STATUS" not in struck.text


def check_failing_s3(project: FaultProject, weather: Weather, rng: Random, max_rate: float = MAX_RATE) -> None:
    weather.clear()
    weather.rng, weather.rate = rng, rng.uniform(0.02, max_rate)
    check_round(project, weather)


def check_failing_batch(project: FaultProject, cloud: Cloud, weather: Weather, rng: Random) -> None:
    weather.rng, weather.rate = rng, rng.uniform(0.0, MAX_RATE / 2)
    faults = [random_api_fault(rng) for _ in range(rng.randint(1, 6))]
    job_faults = [random_job_fault(rng) for _ in range(rng.randint(0, 3))]
    print(*faults, *job_faults, sep="\n")  # noqa: T201 - pytest shows it if the round fails
    cloud.simulator.inject(*faults, *job_faults)
    check_round(project, weather, lambda: cloud.simulator.withdraw(*faults, *job_faults))


def check_round(project: FaultProject, weather: Weather, withdraw: Callable[[], object] = lambda: None) -> Ended:
    try:
        struck = project.run()
        print(weather.requests, dict(weather.struck), struck.text)  # noqa: T201 - pytest shows it if the round fails
    finally:
        weather.clear()
        withdraw()
    struck.check_it_ended_in_sentences()
    before = finished_results(project)
    check_healed(project, before, project.run())
    return struck
