"""The scripts in the container, bootstrap.sh, driver.sh and job_supervisor.py, as processes of the simulator."""

import base64
import hashlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest

from bioinfo_assets.launch.backend import State, Status, Stream
from bioinfo_assets.launch.batch.job_package import pack
from bioinfo_assets.launch.job import Input, JobOptions, Output, Resources, StoredFile
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.batch import batch_backend as batch_backend_module
from bioinfo_assets_tests.launch.batch.batch_backend import (
    BackendWithOptions,
    attempts_of,
    batch_backend,
    container_environment,
    run_job,
    wait_for_running,
    write_tool_list,
)
from bioinfo_assets_tests.launch.contract import TEXT, job, report_of, sha256, wait_for_end
from bioinfo_assets_tests.moto_server import moto_server
from bioinfo_assets_tests.other_user import needs_root
from bioinfo_assets_tests.simulator import BatchSimulator, Machine, Queue
from bioinfo_assets_tests.waiting import wait_until

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

COPIES = job("copies", "cat x >greeting.txt", outputs=(TEXT,))


def stored(uri: str, data: bytes, local: str = "x", *, shared: bool = False) -> Input:
    if uri.startswith("s3://"):
        put_object(uri, data)
    return Input(local, StoredFile(uri, len(data), "sha256:" + sha256(data)), shared)


def put_object(uri: str, data: bytes) -> None:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    client = boto3.client("s3", region_name="us-east-1")
    client.put_object(Bucket=bucket, Key=key, Body=data)
    client.close()


def printed(simulator: BatchSimulator, name: str) -> list[str]:
    """The lines of the jobs that have this in their names."""
    jobs = [detail for detail in simulator.job_details() if name in detail["jobName"] and "startedAt" in detail]
    return [line for detail in jobs for line in simulator.printed(detail["jobId"])]


def first_output(status: Status) -> bytes:
    assert status.state is State.SUCCEEDED, status.reason
    return Store().read_bytes(report_of(status).files[0].path)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """The disk of a machine."""
    folder = tmp_path / "disk"
    folder.mkdir()
    return folder


def job_folders(disk: Path) -> list[str]:
    """What is on the machine's disk besides the shared files."""
    return [path.name for path in disk.iterdir() if path.name != "shared"]


Tool = Callable[[str, str], Path]
"""Replaces a tool: its name, and what it does before the real one, in bash; returns the file `$called` of that."""


@pytest.fixture
def replace_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Comes before the simulator, which has the folder of replaced tools on the PATH of its machines."""
    tools = tmp_path / "tools"
    tools.mkdir()
    monkeypatch.setattr(batch_backend_module, "PATH", f"{tools}:{batch_backend_module.PATH}")

    def replaced(name: str, script: str) -> Path:
        called = tmp_path / f"{name} was called"
        (tools / name).write_text(f'#!/bin/bash\ncalled="{called}"\n{script}\nexec {shutil.which(name)} "$@"\n')
        (tools / name).chmod(0o755)
        return called

    return replaced


FAILS_ONCE = '[[ -e $called ]] || { touch "$called"; exit 1; }'


class TestScripts:
    @pytest.mark.parametrize("name", ["bootstrap.sh", "driver.sh"])
    def test_shellcheck_finds_nothing(self, name: str) -> None:
        script = files("bioinfo_assets.launch.batch").joinpath(name)
        checked = subprocess.run(["shellcheck", str(script)], capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stdout) == (0, "")


class TestInputs:
    @pytest.mark.parametrize(
        "name",
        [
            *("a b.txt", "a*.txt", "a?b.txt", "a[1].txt", "größe.txt", "a#b.txt", "a%20b.txt", "a+b&c=d.txt"),
            *("a'b\"c.txt", "$(touch x).txt", "a;b|c.txt", "-n", "a\\b.txt"),
        ],
    )
    def test_files_in_s3_may_have_any_name(self, backend: BackendWithOptions, s3: str, name: str) -> None:
        put_object(f"{s3}/in/abc.txt", b"matched by a pattern\n")
        source = stored(f"{s3}/in/{name}", name.encode())
        assert first_output(run_job(backend, replace(COPIES, inputs=(source,)))) == name.encode()

    @pytest.mark.parametrize("name", ["a b.txt", "a%20b.txt", "a[1]{2}.txt", "größe.txt"])
    def test_files_of_a_web_server_may_have_any_name(
        self, backend: BackendWithOptions, web: tuple[str, Path, list[str]], name: str
    ) -> None:
        url, folder, _ = web
        (folder / name.replace("%20", " ")).write_bytes(b"from the web\n")
        source = stored(f"{url}/{name}", b"from the web\n")
        assert first_output(run_job(backend, replace(COPIES, inputs=(source,)))) == b"from the web\n"

    def test_a_download_from_a_busy_server_is_retried(
        self, backend: BackendWithOptions, web: tuple[str, Path, list[str]]
    ) -> None:
        url, folder, _ = web
        (folder / "x.txt").write_bytes(b"x\n")
        assert first_output(run_job(backend, replace(COPIES, inputs=(stored(f"{url}/flaky/x.txt", b"x\n"),)))) == b"x\n"

    def test_files_in_a_public_google_bucket_are_downloaded_from_their_web_address(self) -> None:
        source = Input("x", StoredFile("gs://genomics-public-data/a b/x#1", 3, None))
        packed = pack(replace(COPIES, inputs=(source,)), "s3://genomes/x", {}, Store())
        assert b"3\tx\t-\t-\thttps://storage.googleapis.com/genomics-public-data/a%20b/x%231\n" in packed

    def test_a_file_whose_size_has_changed_fails_the_job(self, backend: BackendWithOptions, s3: str) -> None:
        source = stored(f"{s3}/in/x", b"abc")
        put_object(f"{s3}/in/x", b"abcdef")
        status = run_job(backend, replace(COPIES, inputs=(source,)))
        assert status.reason == f"{s3}/in/x has 6 bytes but had 3 when the run started: start the run again"

    def test_a_missing_file_fails_the_job(self, backend: BackendWithOptions, s3: str) -> None:
        source = Input("x", StoredFile(f"{s3}/in/gone", 3, None))
        status = run_job(backend, replace(COPIES, inputs=(source,)))
        assert (status.state, status.reason) == (State.FAILED, f"{s3}/in/gone could not be downloaded: see the log")

    def test_small_files_of_this_host_are_packed(self, backend: BackendWithOptions, tmp_path: Path) -> None:
        (tmp_path / "adapters.fa").write_bytes(b">a\nACGT\n")
        assert first_output(
            run_job(backend, replace(COPIES, inputs=(stored(str(tmp_path / "adapters.fa"), b">a\nACGT\n"),)))
        ) == (b">a\nACGT\n")

    def test_large_files_of_this_host_are_rejected(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        source = Input("x", StoredFile("/data/reads.bam", 9 * 1024**2, "sha256:0"))
        status = run_job(backend, replace(COPIES, inputs=(source,)))
        assert status.reason == (
            "/data/reads.bam is on this host, where AWS Batch cannot read it: copy it to S3 and use that copy"
        )
        assert simulator.count("SubmitJob") == 0


class TestDisk:
    @pytest.fixture
    def second_s(self) -> float:
        return 0.5  # the grace is long enough for the driver to upload its report

    def test_shared_inputs_are_downloaded_once_and_are_read_only(
        self, scratch: str, simulator: BatchSimulator, web: tuple[str, Path, list[str]], disk: Path
    ) -> None:
        url, folder, requests = web
        (folder / "reference.fa").write_bytes(b">chrM\n")
        source = stored(f"{url}/reference.fa", b">chrM\n", shared=True)
        reads = replace(COPIES, script="stat -c %a x >greeting.txt; cat x >>greeting.txt", inputs=(source,))
        with batch_backend(scratch, disk=str(disk)) as backend:
            with backend.one_moment:
                ids = [backend.submit(replace(reads, key=ResultKey("copies", f"s{n}"))).job_id for n in range(3)]
            for job_id in ids:
                assert first_output(wait_for_end(backend, job_id)) == b"444\n>chrM\n"
        assert requests.count("GET /reference.fa") == 1
        assert job_folders(disk) == []

    def test_a_job_too_large_for_a_disk_is_tried_on_others_before_it_fails(
        self, scratch: str, simulator: BatchSimulator, tiny_disk: Path
    ) -> None:
        source = Input("x", StoredFile("s3://genomes/in/x", 10 * 1024**2, None))
        with batch_backend(scratch, disk=str(tiny_disk)) as backend:
            status = run_job(backend, replace(COPIES, inputs=(source,)))
        assert status.reason.startswith("the job needs 10 MiB of disk space, and its machine has 0 MiB free in ")
        assert status.reason.endswith(": give the compute environment's machines a larger disk")
        assert [len(detail["attempts"]) for detail in simulator.job_details()] == [3]

    def test_a_job_that_finds_no_space_on_one_machine_succeeds_on_another(
        self, tmp_path: Path, s3_server: str, scratch: str, tiny_disk: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        environment = container_environment(s3_server, write_tool_list(tmp_path))
        machines = (Machine(4, 16_384, tiny_disk), Machine(4, 16_384, disk))
        queue = Queue("default", machines=machines)
        with BatchSimulator(tmp_path / "m", machine_environment=environment, queues=(queue,)) as simulator:
            monkeypatch.setenv("AWS_ENDPOINT_URL_BATCH", simulator.url)
            monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", simulator.url)
            monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
            with batch_backend(scratch) as backend:
                wants = replace(COPIES, script="echo >greeting.txt", resources=Resources(disk_mib=10))
                assert attempts_of(run_job(backend, wants)) == 2

    def test_a_step_asks_for_the_space_at_its_peak(
        self, scratch: str, simulator: BatchSimulator, tiny_disk: Path
    ) -> None:
        greedy = replace(COPIES, script="echo >greeting.txt", resources=Resources(disk_mib=50))
        with batch_backend(scratch, disk=str(tiny_disk)) as backend:
            assert run_job(backend, greedy).reason.startswith(
                "the job needs 50 MiB of disk space, and its machine has 0"
            )

    def test_jobs_on_one_machine_do_not_count_on_the_same_space(
        self, scratch: str, simulator: BatchSimulator, disk: Path, tmp_path: Path
    ) -> None:
        """Each asks for two thirds of what is free: the second starts when the first has ended."""
        free_mib = shutil.disk_usage(disk).free // 1024**2
        wants = Resources(disk_mib=free_mib * 2 // 3)
        waits = f"until [[ -e {tmp_path}/go ]]; do sleep 0.02; done; echo >greeting.txt"
        with batch_backend(scratch, disk=str(disk), environment={"JOB_DISK_TIMEOUT_S": "100"}) as backend:
            first = backend.submit(replace(COPIES, script=waits, resources=wants)).job_id
            wait_until(lambda: list(disk.glob("job.*/work/greeting.txt")) or list(disk.glob("job.*/reserved")))
            second = backend.submit(
                replace(COPIES, key=ResultKey("copies", "s2"), script="echo >greeting.txt", resources=wants)
            ).job_id
            wait_until(lambda: "waiting for" in "".join(printed(simulator, "copies-s2")))
            assert not backend.poll([second])[second].state.is_over
            (tmp_path / "go").touch()
            assert [wait_for_end(backend, job_id).state for job_id in (first, second)] == [State.SUCCEEDED] * 2

    def test_a_shared_file_that_another_job_has_changed_is_downloaded_again(
        self, scratch: str, simulator: BatchSimulator, s3: str, disk: Path
    ) -> None:
        source = stored(f"{s3}/in/reference.fa", b">chrM\n", shared=True)
        with_digest = replace(source, file=replace(source.file, sha256=sha256(b">chrM\n")))
        with batch_backend(scratch, disk=str(disk)) as backend:
            reads = replace(COPIES, inputs=(with_digest,))
            run_job(backend, reads)
            (cached,) = [path for path in (disk / "shared").iterdir() if path.suffix != ".lock"]
            cached.chmod(0o644)
            cached.write_bytes(b">chrX\n")
            assert first_output(run_job(backend, replace(reads, key=ResultKey("copies", "s2")))) == b">chrM\n"
            assert cached.read_bytes() == b">chrM\n"

    def test_a_shared_file_that_was_changed_at_its_source_fails_the_job(
        self, scratch: str, simulator: BatchSimulator, s3: str, disk: Path
    ) -> None:
        source = stored(f"{s3}/in/reference.fa", b">chrM\n", shared=True)
        put_object(f"{s3}/in/reference.fa", b">chrX\n")
        with_digest = replace(source, file=replace(source.file, sha256=sha256(b">chrM\n")))
        with batch_backend(scratch, disk=str(disk)) as backend:
            status = run_job(backend, replace(COPIES, inputs=(with_digest,)))
        assert status.reason == (
            f"{s3}/in/reference.fa has other bytes than when it was recorded: run `bioinfo-assets verify`"
        )
        assert [len(detail["attempts"]) for detail in simulator.job_details()] == [1]

    def test_a_download_that_fails_leaves_nothing_in_the_cache(
        self, scratch: str, simulator: BatchSimulator, s3: str, disk: Path
    ) -> None:
        missing = Input("x", StoredFile(f"{s3}/in/gone", 3, None), shared=True)
        with batch_backend(scratch, disk=str(disk)) as backend:
            assert run_job(backend, replace(COPIES, inputs=(missing,))).state is State.FAILED
        assert [path for path in (disk / "shared").iterdir() if path.suffix != ".lock"] == []

    def test_a_full_disk_fails_the_job_with_advice(
        self, scratch: str, simulator: BatchSimulator, tiny_disk: Path
    ) -> None:
        with batch_backend(scratch, disk=str(tiny_disk)) as backend:
            status = run_job(backend, replace(COPIES, script="head -c 1000000 /dev/zero >greeting.txt"))
        assert status.state is State.FAILED
        assert "step copies of expt ran out of disk space on its machine: give the compute" in status.reason

    def test_sigterm_ends_all_processes_and_removes_the_folder(
        self, scratch: str, simulator: BatchSimulator, disk: Path
    ) -> None:
        marker = f"sleep 1234.{time.time_ns() % 10**6}"
        with batch_backend(scratch, disk=str(disk)) as backend:
            job_id = backend.submit(job("sleeps", f"setsid {marker} & {marker}")).job_id
            wait_for_running(backend, job_id)
            wait_until(lambda: job_folders(disk))
            backend.cancel(job_id)
            wait_for_end(backend, job_id)
            wait_until(lambda: job_folders(disk) == [])
        assert subprocess.run(["pgrep", "-f", f"^{marker}"], check=False, capture_output=True).stdout == b""

    def test_sigterm_before_the_script_starts_removes_the_folder(
        self, replace_tool: Tool, scratch: str, simulator: BatchSimulator, disk: Path
    ) -> None:
        called = replace_tool("mkdir", 'touch "$called"; sleep 1')
        with batch_backend(scratch, disk=str(disk)) as backend:
            job_id = backend.submit(job("sleeps")).job_id
            wait_until(called.exists)
            backend.cancel(job_id)
            wait_for_end(backend, job_id)
            wait_until(lambda: job_folders(disk) == [])

    def test_a_folder_that_something_still_writes_to_at_sigterm_is_removed(
        self, replace_tool: Tool, scratch: str, simulator: BatchSimulator, disk: Path
    ) -> None:
        called = replace_tool("rm", f"[[ $1 != -rf ]] || {FAILS_ONCE}")
        with batch_backend(scratch, disk=str(disk)) as backend:
            job_id = backend.submit(job("sleeps")).job_id
            wait_for_running(backend, job_id)
            wait_until(lambda: list(disk.glob("job.*/alive")))
            backend.cancel(job_id)
            wait_for_end(backend, job_id)
            wait_until(lambda: job_folders(disk) == [])
        assert called.exists()

    def test_sigterm_after_the_end_of_the_script_ends_the_attempt_too(
        self, replace_tool: Tool, scratch: str, simulator: BatchSimulator, disk: Path, tmp_path: Path
    ) -> None:
        """The supervisor is still at work then, and the driver waits for it."""
        called = replace_tool("python3", f'{shutil.which("python3")} "$@"; touch "$called"; sleep 2; exit')
        with batch_backend(scratch, disk=str(disk)) as backend:
            job_id = backend.submit(job("prints", "echo x >greeting.txt", outputs=(TEXT,))).job_id
            wait_until(called.exists)
            backend.cancel(job_id)
            assert wait_for_end(backend, job_id).state is State.CANCELLED
        (attempt,) = simulator.job_details()[0]["attempts"]
        assert attempt["container"]["exitCode"] == 143

    def test_an_attempt_whose_driver_fails_is_tried_again(
        self, replace_tool: Tool, scratch: str, simulator: BatchSimulator, disk: Path
    ) -> None:
        """As with a process that the kernel kills for lack of memory."""
        replace_tool("awk", FAILS_ONCE)
        with batch_backend(scratch, disk=str(disk)) as backend:
            status = run_job(backend, job("prints"))
        assert (status.state, attempts_of(status)) == (State.SUCCEEDED, 2)
        assert job_folders(disk) == []

    def test_the_exit_codes_of_the_driver_are_not_those_of_a_script(
        self, scratch: str, simulator: BatchSimulator, disk: Path
    ) -> None:
        with batch_backend(scratch, disk=str(disk)) as backend:
            for code in (75, 143):
                status = run_job(backend, job(f"exits{code}", f"exit {code}"))
                assert (status.state, attempts_of(status)) == (State.FAILED, 1)
                assert f"exit code {code}" in status.reason

    def test_a_shared_file_whose_digest_cannot_be_computed_stays_in_the_cache(
        self, replace_tool: Tool, scratch: str, simulator: BatchSimulator, s3: str, disk: Path
    ) -> None:
        source = stored(f"{s3}/in/reference.fa", b">chrM\n", shared=True)
        reads = replace(COPIES, inputs=(replace(source, file=replace(source.file, sha256=sha256(b">chrM\n"))),))
        with batch_backend(scratch, disk=str(disk)) as backend:
            run_job(backend, reads)
            (cached,) = [path for path in (disk / "shared").iterdir() if path.suffix != ".lock"]
            before = cached.stat().st_ino
        replace_tool("openssl", FAILS_ONCE)
        with batch_backend(scratch, disk=str(disk)) as backend:
            status = run_job(backend, replace(reads, key=ResultKey("copies", "s2")))
        assert (first_output(status), attempts_of(status)) == (b">chrM\n", 2)
        assert cached.stat().st_ino == before

    @needs_root
    def test_jobs_of_another_user_have_a_cache_of_their_own(
        self, scratch: str, simulator: BatchSimulator, s3: str, disk: Path
    ) -> None:
        """The user of an image is that of its Dockerfile, and machines run jobs of several images."""
        (disk / "shared").mkdir()
        os.chown(disk / "shared", 1234, 1234)
        source = stored(f"{s3}/in/reference.fa", b">chrM\n", shared=True)
        with batch_backend(scratch, disk=str(disk)) as backend:
            assert first_output(run_job(backend, replace(COPIES, inputs=(source,)))) == b">chrM\n"
        assert list((disk / "shared").iterdir()) == []
        assert list((disk / "shared.0").iterdir()) != []

    def test_a_folder_without_a_lock_is_removed_after_an_hour(
        self, scratch: str, simulator: BatchSimulator, disk: Path
    ) -> None:
        for name, age_s in (("job.left", 4000), ("job.begins", 10)):
            (disk / name).mkdir()
            (disk / name / "x").touch()
            os.utime(disk / name, (time.time() - age_s, time.time() - age_s))
        with batch_backend(scratch, disk=str(disk)) as backend:
            assert run_job(backend, job("prints")).state is State.SUCCEEDED
        assert job_folders(disk) == ["job.begins"]

    def test_space_that_an_ended_job_has_reserved_is_free(
        self, scratch: str, simulator: BatchSimulator, disk: Path
    ) -> None:
        """Its folder was being removed when it wrote this."""
        (disk / "job.ended").mkdir()
        (disk / "job.ended" / "reserved").write_text(f"{10**12}\n")
        with batch_backend(scratch, disk=str(disk)) as backend:
            assert run_job(backend, job("prints")).state is State.SUCCEEDED
        assert job_folders(disk) == []

    def test_folders_of_killed_jobs_are_removed_by_the_next_job(
        self, scratch: str, simulator: BatchSimulator, disk: Path, tmp_path: Path
    ) -> None:
        (disk / "job.dead").mkdir()
        (disk / "job.dead" / "alive").touch()
        (disk / "job.dead" / "huge.bam").write_bytes(b"x")
        with batch_backend(scratch, disk=str(disk)) as backend:
            first = backend.submit(job("sleeps", f"until [[ -e {tmp_path}/go ]]; do sleep 0.05; done")).job_id
            wait_for_running(backend, first)
            wait_until(lambda: len(names := job_folders(disk)) == 1 and names != ["job.dead"])
            # The folder of a running job is left alone.
            assert run_job(backend, job("prints")).state is State.SUCCEEDED
            (tmp_path / "go").touch()
            assert wait_for_end(backend, first).state is State.SUCCEEDED

    def test_a_lock_of_another_job_that_cannot_be_opened_is_not_in_the_log(
        self, scratch: str, simulator: BatchSimulator, disk: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """So it is when that job ends just then. A socket exists and cannot be opened, whoever runs this."""
        (disk / "job.ended").mkdir()
        monkeypatch.chdir(disk / "job.ended")  # the address of a socket is short
        with socket.socket(socket.AF_UNIX) as alive, batch_backend(scratch, disk=str(disk)) as backend:
            alive.bind("alive")
            job_id = backend.submit(job("prints")).job_id
            assert wait_for_end(backend, job_id).state is State.SUCCEEDED
            assert backend.read_log(job_id, Stream.STDERR, 0) == b"err\n"


class TestUploadRequests:
    """What S3 receives."""

    @pytest.fixture
    def received(self) -> list[dict[str, str]]:
        return []

    @pytest.fixture
    def s3_server(self, received: list[dict[str, str]]) -> Iterator[str]:
        def recorded(answer: "WSGIApplication") -> "WSGIApplication":
            def record(environ: dict[str, Any], start_response: Any) -> Any:
                received.append({name: value for name, value in environ.items() if isinstance(value, str)})
                return answer(environ, start_response)

            return record

        with moto_server(through=recorded) as url:
            yield url

    def test_each_has_a_checksum_that_s3_verifies(
        self, backend: BackendWithOptions, received: list[dict[str, str]]
    ) -> None:
        run_job(backend, replace(COPIES, script="echo hello >greeting.txt"))
        (upload,) = [request for request in received if request["PATH_INFO"].endswith("/work/greeting.txt")
                     and request["REQUEST_METHOD"] == "PUT"]  # fmt: skip
        assert base64.b64decode(upload["HTTP_CONTENT_MD5"]) == hashlib.md5(b"hello\n", usedforsecurity=False).digest()


class TestOutputs:
    def test_large_outputs_are_uploaded_in_parts(self, backend: BackendWithOptions) -> None:
        large = replace(COPIES, script="head -c 100000000 /dev/zero >greeting.txt")
        status = run_job(backend, large)
        assert report_of(status).files[0].size == 100_000_000
        place = urlsplit(report_of(status).files[0].path)
        client = boto3.client("s3", region_name="us-east-1")
        head = client.head_object(Bucket=place.netloc, Key=place.path[1:])
        client.close()
        assert head["ContentLength"] == 100_000_000
        assert head["ETag"].strip('"').endswith("-2")  # 64 MiB a part

    def test_empty_outputs_are_uploaded_too(self, backend: BackendWithOptions) -> None:
        assert first_output(run_job(backend, replace(COPIES, script=": >greeting.txt"))) == b""

    def test_a_job_may_have_no_outputs(self, backend: BackendWithOptions) -> None:
        assert report_of(run_job(backend, job("prints"))).files == ()

    def test_outputs_may_have_unusual_names(self, backend: BackendWithOptions) -> None:
        outputs = tuple(Output(f"o{n}", f"a+{n}._-x", f"/results/{n}") for n in range(12))
        status = run_job(backend, job("greets", 'for n in {0..11}; do echo "$n" >"a+$n._-x"; done', outputs=outputs))
        assert [Store().read_bytes(file.path) for file in report_of(status).files] == [
            f"{n}\n".encode() for n in range(12)
        ]


class TestTools:
    def test_an_image_with_other_tools_is_rejected_and_listed_again(
        self, simulator: BatchSimulator, backend: BackendWithOptions, tmp_path: Path
    ) -> None:
        assert set(backend.tool_versions(["samtools"])) == {"samtools"}
        write_tool_list(tmp_path).write_text("samtools\t99.9\nbgzip\t99.9\n")
        status = run_job(backend, replace(COPIES, script="echo >greeting.txt", tools=("samtools",)))
        assert status.reason.startswith(
            "the container image no longer contains the tool versions this job was planned with (samtools "
        )
        assert status.reason.endswith("): its tag was moved, use its digest instead")
        assert backend.tool_versions(["samtools"]) == {"samtools": "99.9"}

    def test_an_image_without_a_tool_list_is_an_error(
        self, simulator: BatchSimulator, backend: BackendWithOptions, tmp_path: Path
    ) -> None:
        (tmp_path / "tools.tsv").unlink()
        status = run_job(backend, replace(COPIES, tools=("samtools",)))
        assert status.reason.startswith("cannot list the tools of the container image tools:1: step tools of")
        assert "it has no /opt/bioinfo-assets/tools.tsv, use one built from docker/Dockerfile" in status.reason

    def test_a_tool_that_the_image_lacks_is_an_error(self, backend: BackendWithOptions) -> None:
        status = run_job(backend, replace(COPIES, tools=("bwa-mem9",)))
        assert status.reason == "the container image tools:1 has no bwa-mem9: use one that contains it"


class TestOutputStreams:
    def printed(self, backend: BackendWithOptions, script: str) -> list[bytes]:
        job_id = backend.submit(job("prints", script)).job_id
        status = wait_for_end(backend, job_id)
        assert status.state is State.SUCCEEDED, status.reason
        return [backend.read_log(job_id, stream, 0) for stream in (Stream.STDOUT, Stream.STDERR)]

    def test_stdout_and_stderr_are_separate(self, backend: BackendWithOptions) -> None:
        assert self.printed(backend, "echo a; echo b >&2; echo '[stdout] c'") == [b"a\n[stdout] c\n", b"b\n"]

    def test_a_last_line_without_a_line_break_is_kept(self, backend: BackendWithOptions) -> None:
        assert self.printed(backend, "printf 'a\\nb'; printf c >&2") == [b"a\nb", b"c\n"]

    def test_very_long_lines_are_not_broken(self, backend: BackendWithOptions) -> None:
        out, err = self.printed(backend, "head -c 600000 /dev/zero | tr '\\0' x; echo; echo end; echo e >&2")
        assert out == b"x" * 600_000 + b"\nend\n"
        assert err == b"e\n"

    def test_binary_output_breaks_nothing(self, backend: BackendWithOptions) -> None:
        out, err = self.printed(backend, "head -c 100000 /dev/urandom; head -c 100000 /dev/urandom >&2; echo; echo end")
        assert out.endswith(b"end\n")
        assert len(err) > 100_000

    def test_a_background_process_that_holds_the_output_open_is_ended(self, backend: BackendWithOptions) -> None:
        started = time.monotonic()
        out, _ = self.printed(backend, "setsid sleep 1000 & (trap '' TERM; exec sleep 1000) & echo done")
        assert out == b"done\n"
        assert time.monotonic() - started < 60

    def test_the_end_of_much_output_is_in_the_reason(self, backend: BackendWithOptions) -> None:
        script = 'for ((i = 0; i < 20000; i++)); do echo "line $i of many that are not read"; done >&2; exit 3'
        status = run_job(backend, job("breaks", script))
        assert "failed with exit code 3: line 19999 of many" in status.reason


class TestEnvironment:
    def test_standard_input_is_empty(self, backend: BackendWithOptions) -> None:
        assert first_output(run_job(backend, replace(COPIES, script="cat >greeting.txt"))) == b""

    def test_gpus_and_variables_are_requested(self, simulator: BatchSimulator, backend: BackendWithOptions) -> None:
        options = JobOptions(gpus=1, environment={"A": "b c"})
        status = run_job(backend, replace(COPIES, script='echo "$A" >greeting.txt', options=options))
        assert first_output(status) == b"b c\n"
        needs = simulator.payloads("SubmitJob")[0]["containerOverrides"]["resourceRequirements"]
        assert {"type": "GPU", "value": "1"} in needs
