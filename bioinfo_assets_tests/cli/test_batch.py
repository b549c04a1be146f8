"""The command line with jobs on AWS Batch: runs that die, are ended, go on; what is given wrong; `doctor`."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.cli.commands import COMMAND, Said, call, list_folders, write_pair
from bioinfo_assets_tests.cloud import IMAGE, Cloud, opened_cloud
from bioinfo_assets_tests.launch.batch.batch_backend import PATH
from bioinfo_assets_tests.simulator import Denied, Queue

pytestmark = pytest.mark.xdist_group("batch on the command line")  # they share the servers and one costly run

TOOLS = ("bgzip", "cutadapt")
ASSETS = ("reference_genome", "merged_reads", "trimmed_reads")
SAMPLES = ("one", "two")
PATIENCE_S = 120.0

WAITING_BGZIP = """#!/bin/bash
if [[ $1 != --version ]]; then
  until [[ -e $GATES/$AWS_BATCH_JOB_ARRAY_INDEX || -e $GATES/all ]]; do sleep 0.05; done
fi
exec $BGZIP "$@"
"""


@dataclass(frozen=True)
class Site:
    """A cloud whose machines' bgzip waits for a gate, and files of a user on it.

    Attributes:
        cloud: The cloud.
        folder: Of this machine.
    """

    cloud: Cloud
    folder: Path

    @property
    def gates(self) -> Path:
        return self.folder / "gates"

    @property
    def reads(self) -> Path:
        """A list of the samples' folders in S3."""
        return self.folder / "samples.txt"

    @property
    def reference(self) -> str:
        return f"{self.cloud.bucket}/data/genome.fa"

    def upload(self) -> None:
        """Puts two samples and a genome into the bucket."""
        store = Store()
        for number, sample in enumerate(SAMPLES, start=1):
            for path in write_pair(self.folder / sample, sample, lane=number):
                store.put(path, f"{self.cloud.bucket}/data/{sample}/{path.name}")
        store.write_bytes(self.reference, b">chr22\n" + b"ACGTA" * 12 + b"\n")
        self.reads.write_text("".join(f"{self.cloud.bucket}/data/{sample}\n" for sample in SAMPLES))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("batch")
    tools, gates = folder / "tools", folder / "gates"
    tools.mkdir()
    gates.mkdir()
    (gates / "all").touch()
    bgzip = subprocess.run(["which", "bgzip"], capture_output=True, text=True, check=True).stdout.strip()
    (tools / "bgzip").write_text(WAITING_BGZIP.replace("$GATES", str(gates)).replace("$BGZIP", bgzip))
    (tools / "bgzip").chmod(0o755)
    queues = (Queue("default"), Queue("closed", enabled=False))
    with opened_cloud(folder / "cloud", tools=TOOLS, path=f"{tools}{os.pathsep}{PATH}", queues=queues) as cloud:
        opened = Site(cloud, folder)
        opened.upload()
        yield opened


@dataclass(frozen=True)
class Project:
    """A project in S3 with a home on this machine.

    Attributes:
        site: Where its reads are.
        home: Its home.
    """

    site: Site
    home: Path

    @property
    def output(self) -> str:
        return f"{self.site.cloud.bucket}/{self.home.name}"

    @property
    def arguments(self) -> list[str]:
        select = [word for asset in ASSETS for word in ("--select", asset)]
        return [
            *("--samples-file", str(self.site.reads), "--reference", self.site.reference, "--no-known-sites"),
            *("--output-path", self.output, "--backend", "batch", "--queue", "default", "--image", IMAGE, *select),
        ]

    @property
    def settings(self) -> dict[str, str]:
        return {
            "DAGSTER_HOME": str(self.home),
            "BIOINFO_ASSETS_BATCH__POLL_S": "0.2",
            "BIOINFO_ASSETS_BATCH__ARRAYS_FROM": "2",
        }

    def start(self) -> "subprocess.Popen[str]":
        """`run` as a user starts it."""
        return subprocess.Popen(
            [COMMAND, "run", *self.arguments],
            env={**os.environ, **self.settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def jobs(self, asset: str) -> list[dict[str, Any]]:
        """The jobs of an asset in this project, whatever became of them."""
        place = f"{self.output}/.scratch"
        jobs = [job for job in self.site.cloud.jobs() if f"-{asset}-" in job["jobName"]]
        return [job for job in jobs if job.get("tags", {}).get("bioinfo-assets:scratch") == place]

    def submissions(self) -> list[str]:
        """The names that this project's jobs were submitted by."""
        place = f"{self.output}/.scratch"
        said = self.site.cloud.submitted()
        return [job["jobName"] for job in said if job["tags"].get("bioinfo-assets:scratch") == place]

    def running(self, asset: str, number: int) -> bool:
        return [job["status"] for job in self.jobs(asset)].count("RUNNING") == number

    def run_states(self) -> list[str]:
        """Of its runs in Dagster, the newest first."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            return [run.status.value for run in instance.get_runs()]


def project_of(site: Site, name: str) -> Project:
    home = site.folder / name
    home.mkdir()
    return Project(site, home)


def until(true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# --- A host that is killed ---


@dataclass(frozen=True)
class Survived:
    """A project whose first host was killed while both samples' reads were merged; one was done while no host lived.

    Attributes:
        project: The project.
        said: What the second host said.
    """

    project: Project
    said: Said


@pytest.fixture(scope="module")
def survived(site: Site) -> Survived:
    project = project_of(site, "survived")
    (site.gates / "all").unlink()
    killed = project.start()
    until(lambda: project.running("merged_reads", 2) and Store().exists(f"{project.output}/references/genome.fa"))
    time.sleep(0.5)  # the record of the genome is written next
    killed.kill()
    killed.communicate()
    (site.gates / "0").touch()
    until(lambda: project.running("merged_reads", 1))
    second = project.start()
    until(lambda: project.run_states() == ["STARTED", "FAILURE"])
    (site.gates / "all").touch()
    stdout, stderr = second.communicate(timeout=PATIENCE_S)
    return Survived(project, Said(second.returncode, stdout, stderr))


def test_a_killed_host_is_taken_over_from(survived: Survived) -> None:
    assert survived.said.exit_code == 0, survived.said
    assert survived.project.run_states() == ["SUCCESS", "FAILURE"]


def test_nothing_runs_twice(survived: Survived) -> None:
    """The tools are asked for once, the genome is fetched once, two samples are one array at each step."""
    names = [name.split("-")[2] for name in survived.project.submissions()]
    assert sorted(names) == ["merged_reads", "reference_genome", "tools", "trimmed_reads"]
    for asset in ("merged_reads", "trimmed_reads"):
        jobs = survived.project.jobs(asset)
        assert [(job["status"], len(job["attempts"])) for job in jobs] == 2 * [("SUCCEEDED", 1)]


def test_records_are_whole_whoever_began_their_jobs(survived: Survived) -> None:
    ledger = Ledger(Store(), survived.project.output)
    for scope, asset in [("references", ASSETS[0]), *((sample, asset) for sample in SAMPLES for asset in ASSETS[1:])]:
        record = ledger.read(ResultKey(asset, scope))
        assert record is not None, (scope, asset)
        assert not ledger.check_files(record).damage
        assert (record.backend, record.image, record.attempts) == ("batch", IMAGE, 1)


def test_scratch_is_freed(survived: Survived) -> None:
    """But for the list of the image's tools, and a note of each array."""
    left = Store().list(f"{survived.project.output}/.scratch", recursive=True)
    assert [uri for uri in left if "/images/" not in uri and not is_note_of_array(uri)] == []


def is_note_of_array(uri: str) -> bool:
    return "/submissions/" in uri and "-array-" in uri


def test_a_second_run_finds_everything_and_submits_nothing(survived: Survived, monkeypatch: pytest.MonkeyPatch) -> None:
    """The project keeps where its jobs run."""
    before = survived.project.submissions()
    for name, value in survived.project.settings.items():
        monkeypatch.setenv(name, value)
    select = [word for asset in ASSETS for word in ("--select", asset)]
    said = call("run", "--output-path", survived.project.output, *select, "--json")
    assert said.exit_code == 0, said
    told = json.loads(said.stdout)
    assert {asset: counts["cached"] for asset, counts in told["jobs"].items()} == {
        "reference_genome": 1,
        "merged_reads": 2,
        "trimmed_reads": 2,
    }
    assert survived.project.submissions() == before


# --- A run that its user ends ---


def test_ctrl_c_ends_the_jobs(site: Site) -> None:
    project = project_of(site, "interrupted")
    for gate in site.gates.iterdir():
        gate.unlink()
    running = project.start()
    try:
        until(lambda: project.running("merged_reads", 2))
        running.send_signal(signal.SIGINT)
        _, stderr = running.communicate(timeout=PATIENCE_S)
    finally:
        running.kill()
        (site.gates / "all").touch()
    assert running.returncode == 130
    assert "interrupted" in stderr
    assert "Traceback" not in stderr
    until(lambda: {job["status"] for job in project.jobs("merged_reads")} == {"FAILED"})
    assert {job["statusReason"] for job in project.jobs("merged_reads")} == {"bioinfo-assets: cancelled"}
    assert project.run_states() == ["CANCELED"]
    assert [uri for uri in Store().list(project.output, recursive=True) if uri.endswith("merged_reads.json")] == []


# --- What is given wrong ---


@pytest.fixture
def wrong(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that nothing is to come of."""
    project = Project(site, tmp_path / "home")
    for name, value in project.settings.items():
        monkeypatch.setenv(name, value)
    return project


def check_refused(project: Project, arguments: list[str], *words: str) -> None:
    """One sentence on stderr with these words, exit code 2, no traceback, no job but the look at the image."""
    said = call("run", *arguments)
    assert said.exit_code == 2, said
    assert said.stdout == ""
    assert said.stderr.startswith("bioinfo-assets: ")
    assert said.stderr.count("\n") == 1
    assert len(said.stderr) < 500
    for word in words:
        assert word in said.stderr
    assert [name for name in project.submissions() if "-tools-" not in name] == []
    assert not project.home.exists()


def changed(project: Project, option: str, value: str | None) -> list[str]:
    """The arguments with another value of one option, or without it."""
    arguments = list(project.arguments)
    place = arguments.index(option)
    arguments[place : place + 2] = [] if value is None else [option, value]
    return arguments


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--queue", None, ["no job queue is set", "--queue"]),
        ("--queue", "spto", ["queue", "spto"]),
        ("--queue", "closed", ["closed"]),
        ("--image", None, ["no container image is set", "jobs.image"]),
        ("--backend", "btach", ["'local', 'docker' or 'batch'", "backend"]),
        ("--reference", "s3://no-such-bucket-at-all/genome.fa", ["s3://no-such-bucket-at-all/genome.fa"]),
    ],
)
def test_a_wrong_option(wrong: Project, option: str, value: str | None, words: list[str]) -> None:
    check_refused(wrong, changed(wrong, option, value), *words)


def test_an_output_path_on_this_machine(wrong: Project, tmp_path: Path) -> None:
    place = str(tmp_path / "out")
    check_refused(wrong, changed(wrong, "--output-path", place), place, "s3://BUCKET/FOLDER")
    assert not (tmp_path / "out").exists()


def test_reads_on_this_machine(wrong: Project, tmp_path: Path) -> None:
    first, _ = write_pair(tmp_path / "reads")
    listed = list_folders(tmp_path / "samples.txt", tmp_path / "reads")
    check_refused(wrong, changed(wrong, "--samples-file", str(listed)), str(first), "copy it to S3")


def test_a_reference_on_this_machine(wrong: Project, tmp_path: Path) -> None:
    fasta = tmp_path / "genome.fa"
    fasta.write_text(">chr22\nACGT\n")
    check_refused(wrong, changed(wrong, "--reference", str(fasta)), str(fasta), "copy it to S3")


def test_a_bucket_that_is_not_there(wrong: Project) -> None:
    place = "s3://no-such-bucket-at-all/run"
    check_refused(wrong, changed(wrong, "--output-path", place), "no-such-bucket-at-all")


def test_an_image_without_a_tool(wrong: Project, site: Site) -> None:
    """Its list is read by a job; it has no picard."""
    arguments = [*wrong.arguments, "--select", "alignment_metrics"]
    check_refused(wrong, arguments, f"the container image {IMAGE} has no picard")


def test_credentials_that_may_not_use_batch(wrong: Project, site: Site) -> None:
    denied = Denied(action="*", times=1000)
    site.cloud.simulator.inject(denied)
    try:
        check_refused(wrong, wrong.arguments, "not authorized", "credentials")
    finally:
        site.cloud.simulator.withdraw(denied)


def test_no_credentials(wrong: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    check_refused(wrong, wrong.arguments, "credentials", "AWS_PROFILE")


# --- doctor ---


def doctor(site: Site, *arguments: str) -> tuple[Said, dict[str, dict[str, Any]]]:
    said = call("doctor", "--backend", "batch", "--output-path", f"{site.cloud.bucket}/run", "--json", *arguments)
    return said, {check["name"]: check for check in json.loads(said.stdout)}


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))


@pytest.mark.usefixtures("elsewhere")
def test_doctor_finds_all_well(site: Site) -> None:
    said, checks = doctor(site, "--queue", "default", "--image", IMAGE)
    assert said.exit_code == 0, said
    assert {"credentials", "queue", "machines", "image", "log group", f"{site.cloud.bucket}/run"} <= checks.keys()
    assert all(check["ok"] for check in checks.values())
    assert Store().list(f"{site.cloud.bucket}/run", recursive=True) == ()


@pytest.mark.usefixtures("elsewhere")
def test_doctor_tells_what_is_missing(site: Site) -> None:
    said, checks = doctor(site, "--queue", "closed", "--image", IMAGE)
    assert said.exit_code == 1
    assert [name for name, check in checks.items() if not check["ok"]] == ["queue"]
    assert "closed" in checks["queue"]["message"]


@pytest.mark.usefixtures("elsewhere")
def test_doctor_as_a_table(site: Site) -> None:
    arguments = ("--backend", "batch", "--output-path", f"{site.cloud.bucket}/run", "--queue", "spto")
    said = call("doctor", *arguments)
    assert said.exit_code == 1
    assert ["queue", "NO"] in [line.split()[:2] for line in said.stdout.splitlines()]
    assert ["credentials", "ok"] in [line.split()[:2] for line in said.stdout.splitlines()]
    assert "Traceback" not in said.stdout + said.stderr


def test_doctor_of_a_place_on_this_machine(wrong: Project, tmp_path: Path) -> None:
    said = call("doctor", "--backend", "batch", "--output-path", tmp_path / "out", "--queue", "default")
    assert said.exit_code == 2
    assert "s3://BUCKET/FOLDER" in said.stderr
    assert said.stderr.count("\n") == 1
