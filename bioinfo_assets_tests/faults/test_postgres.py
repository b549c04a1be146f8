"""Dagster's database in PostgreSQL: its server is killed while a run uses it; the next run heals what that left."""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import dagster as dg
import pytest
from sqlalchemy import create_engine, text

from bioinfo_assets_tests.faults.invariants import check_healed, finished_results
from bioinfo_assets_tests.faults.kills import MAX_DELAY_S
from bioinfo_assets_tests.faults.postgres import BINARIES, Postgres
from bioinfo_assets_tests.faults.project import RESULTS, FaultProject, Inputs, write_inputs
from bioinfo_assets_tests.faults.seeds import random_of, random_seeds
from bioinfo_assets_tests.waiting import wait_until

pytestmark = [
    pytest.mark.long,
    pytest.mark.xdist_group("faults"),
    pytest.mark.skipif(os.geteuid() != 0 or not BINARIES.is_dir(), reason="needs root, and PostgreSQL of Debian"),
]

MAX_AWAY_S = 3.0


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:  # that of pytest is closed to the server's user
        Path(folder).chmod(0o755)
        server = Postgres(Path(folder) / "server")
        yield server
        server.stop()
        print(server.log())  # noqa: T201 - pytest shows it if the round fails


def project_with(postgres: Postgres, folder: Path, inputs: Inputs) -> FaultProject:
    project = FaultProject(folder, inputs)
    project.home.mkdir(parents=True)
    (project.home / "dagster.yaml").write_text(
        f"telemetry:\n  enabled: false\nstorage:\n  postgres:\n    postgres_url: {postgres.url}\n"
    )
    return project


@pytest.mark.parametrize(
    "missing", [("asset_check_executions",), ("dynamic_partitions", "alembic_version"), ("job_ticks", "bulk_actions")]
)
def test_tables_whose_creation_was_interrupted_are_completed(
    tmp_path: Path, inputs: Inputs, postgres: Postgres, missing: Sequence[str]
) -> None:
    """Dagster creates its tables one by one, and takes them to be complete once it finds the first."""
    project = project_with(postgres, tmp_path / "project", inputs)
    with dg.DagsterInstance.from_config(str(project.home)):
        pass
    with create_engine(postgres.url, isolation_level="AUTOCOMMIT").connect() as connection:
        for table in missing:
            connection.execute(text(f"DROP TABLE {table} CASCADE"))
    check_healed(project, finished_results(project), project.run())


@pytest.mark.parametrize("comes_back", [True, False], ids=["for a moment", "until after the run"])
@pytest.mark.parametrize("seed", random_seeds())
def test_the_next_run_heals_what_a_killed_database_left(
    tmp_path: Path, inputs: Inputs, postgres: Postgres, seed: int, *, comes_back: bool
) -> None:
    rng = random_of(seed, f"PostgreSQL, comes back: {comes_back}")
    project = project_with(postgres, tmp_path / "project", inputs)
    struck = project.start()
    after_starts = rng.randint(0, len(RESULTS))
    wait_until(lambda: len(project.starts()) >= after_starts or not struck.is_alive, what="a job to start")
    time.sleep(rng.uniform(0, MAX_DELAY_S))
    kill(postgres, rng, comes_back=comes_back)
    ended = struck.wait()
    if not comes_back:
        postgres.start()
    ended.check_it_ended_in_sentences()
    project.wait_until_idle()
    check_healed(project, finished_results(project), project.run())


def kill(postgres: Postgres, rng: Random, *, comes_back: bool) -> None:
    postgres.kill()
    if comes_back:
        time.sleep(rng.uniform(0, MAX_AWAY_S))
        postgres.start()
