"""The command line with jobs on AWS Batch: hosts that are killed, interrupted runs, dry runs, bad input, `doctor`."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.canaries import SECRETS, leaks, texts_in
from bioinfo_assets_tests.cli.commands import COMMAND, CommandResult, call, list_folders, write_pair
from bioinfo_assets_tests.cloud import IMAGE, Cloud, opened_cloud
from bioinfo_assets_tests.launch.batch.batch_backend import PATH
from bioinfo_assets_tests.simulator import Denied, Queue
from bioinfo_assets_tests.waiting import wait_until

pytestmark = pytest.mark.xdist_group("batch on the command line")  # they share the servers and an expensive run

TOOLS = ("bgzip", "bioinfo-assets-engine", "cutadapt")
ASSETS = ("reference_genome", "merged_reads", "trimmed_reads")
SAMPLES = ("one", "two")
TIMEOUT_S = 600.0

WAITING_ENGINE = """#!/bin/bash
if [[ $1 != --version ]]; then
  until [[ -e $GATES/$AWS_BATCH_JOB_ARRAY_INDEX || -e $GATES/all ]]; do sleep 0.05; done
fi
exec $ENGINE "$@"
"""


@dataclass(frozen=True)
class Site:
    """A cloud in which the engine waits until a gate file exists, and the input files of a user.

    Attributes:
        cloud: The cloud.
        folder: A folder on this machine.
    """

    cloud: Cloud
    folder: Path

    @property
    def gates(self) -> Path:
        return self.folder / "gates"

    @property
    def reads(self) -> Path:
        """The samples file: folders in S3."""
        return self.folder / "samples.txt"

    @property
    def reference(self) -> str:
        return f"{self.cloud.bucket}/data/genome.fa"

    def upload(self) -> None:
        """Upload two samples and a genome to the bucket."""
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
    engine = shutil.which("bioinfo-assets-engine", path=PATH)
    assert engine is not None
    (tools / "bioinfo-assets-engine").write_text(
        WAITING_ENGINE.replace("$GATES", str(gates)).replace("$ENGINE", engine)
    )
    (tools / "bioinfo-assets-engine").chmod(0o755)
    queues = (Queue("default"), Queue("closed", enabled=False))
    with opened_cloud(folder / "cloud", tools=TOOLS, path=f"{tools}{os.pathsep}{PATH}", queues=queues) as cloud:
        opened = Site(cloud, folder)
        opened.upload()
        yield opened


@dataclass(frozen=True)
class Project:
    """A project in S3 with a home on this machine.

    Attributes:
        site: The cloud, and the reads.
        home: The home.
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
            "BIOINFO_ASSETS_BATCH__POLL_INTERVAL_S": "0.2",
            "BIOINFO_ASSETS_BATCH__ARRAY_MIN_SIZE": "2",
        }

    def start(self) -> "subprocess.Popen[str]":
        """Start `run` as a user does."""
        return subprocess.Popen(
            [COMMAND, "run", *self.arguments],
            env={**os.environ, **self.settings, **SECRETS},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def jobs(self, asset: str) -> list[dict[str, Any]]:
        """Return all jobs of an asset of this project, in any state."""
        scratch = f"{self.output}/.scratch"
        jobs = [job for job in self.site.cloud.jobs() if f"-{asset}-" in job["jobName"]]
        return [job for job in jobs if job.get("tags", {}).get("bioinfo-assets:scratch") == scratch]

    def submissions(self) -> list[str]:
        """Return the job names in this project's SubmitJob requests."""
        scratch = f"{self.output}/.scratch"
        requests = self.site.cloud.submitted()
        return [job["jobName"] for job in requests if job["tags"].get("bioinfo-assets:scratch") == scratch]

    def scratch_of(self, asset: str) -> list[str]:
        """Return the files in scratch that name an asset."""
        return [uri for uri in Store().list(f"{self.output}/.scratch", recursive=True) if asset in uri]

    def has_running(self, asset: str, number: int) -> bool:
        """Return whether exactly this number of jobs of an asset is running."""
        return [job["status"] for job in self.jobs(asset)].count("RUNNING") == number

    def run_states(self) -> list[str]:
        """Return the states of its runs in Dagster, newest first."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            return [run.status.value for run in instance.get_runs()]


def new_project(site: Site, name: str) -> Project:
    home = site.folder / name
    home.mkdir()
    return Project(site, home)


# --- A host that is killed ---


@dataclass(frozen=True)
class Takeover:
    """A project whose first host was killed while two jobs ran; one job ended before the second host started.

    Attributes:
        project: The project.
        result: The result of the second host.
    """

    project: Project
    result: CommandResult


@pytest.fixture(scope="module")
def takeover(site: Site) -> Takeover:
    project = new_project(site, "takeover")
    (site.gates / "all").unlink()
    killed = project.start()
    genome = Ledger(Store(), project.output).uri(ResultKey("reference_genome", "references"))
    wait_until(lambda: project.has_running("merged_reads", 2) and Store().exists(genome), what="the first results")
    wait_until(lambda: not project.scratch_of("reference_genome"), what="the clean-up after the genome's job")
    killed.kill()
    killed.communicate()
    (site.gates / "0").touch()
    wait_until(lambda: project.has_running("merged_reads", 1), what="one of the jobs to end")
    second = project.start()
    wait_until(lambda: project.run_states() == ["STARTED", "FAILURE"], what="the second run to report the first")
    (site.gates / "all").touch()
    stdout, stderr = second.communicate(timeout=TIMEOUT_S)
    return Takeover(project, CommandResult(second.returncode, stdout, stderr))


def test_a_second_host_completes_the_run_of_a_killed_one(takeover: Takeover) -> None:
    assert takeover.result.exit_code == 0, takeover.result
    assert takeover.project.run_states() == ["SUCCESS", "FAILURE"]


def test_no_job_runs_twice(takeover: Takeover) -> None:
    """The tools are listed once, the genome is fetched once, two samples are one array, of merging with trimming."""
    names = [name.split("-")[2] for name in takeover.project.submissions()]
    assert sorted(names) == ["merged_reads", "reference_genome", "tools"]
    jobs = takeover.project.jobs("merged_reads")
    assert [(job["status"], len(job["attempts"])) for job in jobs] == 2 * [("SUCCEEDED", 1)]


def test_all_records_are_intact_whichever_host_submitted_the_job(takeover: Takeover) -> None:
    ledger = Ledger(Store(), takeover.project.output)
    for scope, asset in [("references", ASSETS[0]), *((sample, asset) for sample in SAMPLES for asset in ASSETS[1:])]:
        record = ledger.read(ResultKey(asset, scope))
        assert record is not None, (scope, asset)
        assert not ledger.check_files(record).damage
        assert (record.backend, record.image, record.attempts) == ("batch", IMAGE, 1)


def test_scratch_is_cleaned_up(takeover: Takeover) -> None:
    """Only the list of the image's tools, the name of the queue and a note of each array are kept."""
    remaining = Store().list(f"{takeover.project.output}/.scratch", recursive=True)
    assert {uri.split("/")[-2] for uri in remaining if not is_array_note(uri)} == {"images", "queues"}


def is_array_note(uri: str) -> bool:
    return "/submissions/" in uri and "-array-" in uri


def test_no_secret_of_the_host_is_written_or_sent_to_batch(takeover: Takeover, site: Site, tmp_path: Path) -> None:
    project, crate = takeover.project, tmp_path / "crate"
    assert call("crate", "--output-path", project.output, "--to", crate).exit_code == 0
    written = texts_in(project.home, crate, site.folder / "cloud")
    written |= {uri: Store().read_bytes(uri) for uri in Store().list(site.cloud.bucket, recursive=True)}
    sent = [request.payload for request in site.cloud.simulator.requests]
    requests = {f"request {number}": json.dumps(payload, default=str).encode() for number, payload in enumerate(sent)}
    printed = {"stdout": takeover.result.stdout.encode(), "stderr": takeover.result.stderr.encode()}
    assert leaks({**written, **requests, **printed}) == []
    assert any("records/merged_reads.json" in name for name in written)
    assert sent


def test_a_third_run_reuses_everything_and_submits_nothing(takeover: Takeover, monkeypatch: pytest.MonkeyPatch) -> None:
    """The backend is one of the project's saved settings."""
    before = takeover.project.submissions()
    for name, value in takeover.project.settings.items():
        monkeypatch.setenv(name, value)
    select = [word for asset in ASSETS for word in ("--select", asset)]
    result = call("run", "--output-path", takeover.project.output, *select, "--json")
    assert result.exit_code == 0, result
    jobs = json.loads(result.stdout)["jobs"]
    assert {asset: counts["cached"] for asset, counts in jobs.items()} == {
        "reference_genome": 1,
        "merged_reads": 2,
        "trimmed_reads": 2,
    }
    assert takeover.project.submissions() == before


# --- An interrupted run ---


def test_ctrl_c_terminates_the_jobs(site: Site) -> None:
    project = new_project(site, "interrupted")
    for gate in site.gates.iterdir():
        gate.unlink()
    running = project.start()
    try:
        wait_until(lambda: project.has_running("merged_reads", 2), what="two running jobs")
        running.send_signal(signal.SIGINT)
        _, stderr = running.communicate(timeout=TIMEOUT_S)
    finally:
        running.kill()
        (site.gates / "all").touch()
    assert running.returncode == 130
    assert "interrupted" in stderr
    assert "Traceback" not in stderr
    wait_until(lambda: {job["status"] for job in project.jobs("merged_reads")} == {"FAILED"}, what="the jobs to end")
    assert {job["statusReason"] for job in project.jobs("merged_reads")} == {"bioinfo-assets: cancelled"}
    assert project.run_states() == ["CANCELED"]
    assert [uri for uri in Store().list(project.output, recursive=True) if uri.endswith("merged_reads.json")] == []


# --- A dry run ---


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["text", "json"])
def test_explain_with_a_new_image_submits_no_job(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    """The tools of an image that no job has listed yet are unknown; results count as computed with the current ones."""
    project = Project(site, tmp_path / "home")
    for name, value in project.settings.items():
        monkeypatch.setenv(name, value)
    before = len(site.cloud.submitted())
    result = call("run", *changed(project, "--image", f"tools:{tmp_path.name}"), "--explain", *options)
    assert result.exit_code == 0, result
    assert "merged_reads" in result.stdout
    assert len(site.cloud.submitted()) == before
    assert not project.home.exists()


# --- Bad input ---


@pytest.fixture
def wrong(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that does not exist yet."""
    project = Project(site, tmp_path / "home")
    for name, value in project.settings.items():
        monkeypatch.setenv(name, value)
    return project


def check_rejected(project: Project, arguments: list[str], *words: str) -> None:
    """One sentence on stderr with these words, exit code 2, no traceback, no job except the listing of tools."""
    result = call("run", *arguments)
    assert result.exit_code == 2, result
    assert result.stdout == ""
    assert result.stderr.startswith("bioinfo-assets: ")
    assert result.stderr.count("\n") == 1
    assert len(result.stderr) < 500
    for word in words:
        assert word in result.stderr
    assert [name for name in project.submissions() if "-tools-" not in name] == []
    assert not project.home.exists()


def changed(project: Project, option: str, value: str | None) -> list[str]:
    """Return the arguments with another value of one option, or without it."""
    arguments = list(project.arguments)
    position = arguments.index(option)
    arguments[position : position + 2] = [] if value is None else [option, value]
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
    check_rejected(wrong, changed(wrong, option, value), *words)


def test_an_output_path_on_this_machine(wrong: Project, tmp_path: Path) -> None:
    output = str(tmp_path / "out")
    check_rejected(wrong, changed(wrong, "--output-path", output), output, "s3://BUCKET/FOLDER")
    assert not (tmp_path / "out").exists()


def test_reads_on_this_machine(wrong: Project, tmp_path: Path) -> None:
    first, _ = write_pair(tmp_path / "reads")
    samples_file = list_folders(tmp_path / "samples.txt", tmp_path / "reads")
    check_rejected(wrong, changed(wrong, "--samples-file", str(samples_file)), str(first), "copy it to S3")


def test_a_reference_on_this_machine(wrong: Project, tmp_path: Path) -> None:
    fasta = tmp_path / "genome.fa"
    fasta.write_text(">chr22\nACGT\n")
    check_rejected(wrong, changed(wrong, "--reference", str(fasta)), str(fasta), "copy it to S3")


def test_a_bucket_that_does_not_exist(wrong: Project) -> None:
    output = "s3://no-such-bucket-at-all/run"
    check_rejected(wrong, changed(wrong, "--output-path", output), "no-such-bucket-at-all")


def test_an_image_without_a_tool(wrong: Project, site: Site) -> None:
    """A job lists the image's tools; samtools is not among them."""
    arguments = [*wrong.arguments, "--select", "depth"]
    check_rejected(wrong, arguments, f"the container image {IMAGE} has no samtools")


def test_credentials_that_may_not_use_batch(wrong: Project, site: Site) -> None:
    denied = Denied(action="*", times=1000)
    site.cloud.simulator.inject(denied)
    try:
        check_rejected(wrong, wrong.arguments, "not authorized", "credentials")
    finally:
        site.cloud.simulator.withdraw(denied)


def test_no_credentials(wrong: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    check_rejected(wrong, wrong.arguments, "credentials", "AWS_PROFILE")


# --- doctor ---


def doctor(site: Site, *arguments: str) -> tuple[CommandResult, dict[str, dict[str, Any]]]:
    """Return the result of `doctor`, and its checks by name."""
    result = call("doctor", "--backend", "batch", "--output-path", f"{site.cloud.bucket}/run", "--json", *arguments)
    return result, {check["name"]: check for check in json.loads(result.stdout)}


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))


@pytest.mark.usefixtures("elsewhere")
def test_doctor_finds_no_problem(site: Site) -> None:
    result, checks = doctor(site, "--queue", "default", "--image", IMAGE)
    assert result.exit_code == 0, result
    assert {"credentials", "queue", "machines", "image", "log group", f"{site.cloud.bucket}/run"} <= checks.keys()
    assert all(check["ok"] for check in checks.values())
    assert Store().list(f"{site.cloud.bucket}/run", recursive=True) == ()


@pytest.mark.usefixtures("elsewhere")
def test_doctor_shows_what_is_missing(site: Site) -> None:
    result, checks = doctor(site, "--queue", "closed", "--image", IMAGE)
    assert result.exit_code == 1
    assert [name for name, check in checks.items() if not check["ok"]] == ["queue"]
    assert "closed" in checks["queue"]["message"]


@pytest.mark.usefixtures("elsewhere")
def test_doctor_as_a_table(site: Site) -> None:
    arguments = ("--backend", "batch", "--output-path", f"{site.cloud.bucket}/run", "--queue", "spto")
    result = call("doctor", *arguments)
    assert result.exit_code == 1
    assert ["queue", "NO"] in [line.split()[:2] for line in result.stdout.splitlines()]
    assert ["credentials", "ok"] in [line.split()[:2] for line in result.stdout.splitlines()]
    assert "Traceback" not in result.stdout + result.stderr


def test_doctor_of_an_output_path_on_this_machine(wrong: Project, tmp_path: Path) -> None:
    result = call("doctor", "--backend", "batch", "--output-path", tmp_path / "out", "--queue", "default")
    assert result.exit_code == 2
    assert "s3://BUCKET/FOLDER" in result.stderr
    assert result.stderr.count("\n") == 1
