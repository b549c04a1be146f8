"""What runs in the container: bootstrap.sh, driver.sh and job_supervisor.py, as processes of the simulator."""

import subprocess
import time
from dataclasses import replace
from importlib.resources import files
from urllib.parse import urlsplit

import boto3
import pytest

from bioinfo_assets.launch.backend import State, Stream
from bioinfo_assets.launch.batch.job_package import pack
from bioinfo_assets.launch.job import Input, Output, StoredFile
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.batch import machines
from bioinfo_assets_tests.launch.batch.machines import ended, opened, running, tools_list, until
from bioinfo_assets_tests.launch.contract import TEXT, job, sha256, wait_until

COPIES = job("copies", "cat x >greeting.txt", outputs=(TEXT,))


def stored(uri, data, local="x", *, shared=False):
    if uri.startswith("s3://"):
        boto3_put(uri, data)
    return Input(local, StoredFile(uri, len(data), "sha256:" + sha256(data)), shared)


def boto3_put(uri, data):
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    client = boto3.client("s3", region_name="us-east-1")
    client.put_object(Bucket=bucket, Key=key, Body=data)
    client.close()


def made(status):
    assert status.state is State.SUCCEEDED, status.reason
    return Store().read_bytes(status.report.files[0].path)


@pytest.fixture
def disk(tmp_path):
    """The disk of a machine."""
    folder = tmp_path / "disk"
    folder.mkdir()
    return folder


def left(disk):
    """What is left on the machine beside the shared files."""
    return [path.name for path in disk.iterdir() if path.name != "shared"]


@pytest.fixture
def slow_mkdir(tmp_path, monkeypatch):
    """A machine on which `mkdir`, the driver's first command, takes a second; the file tells that it was called."""
    called, tool = tmp_path / "called", tmp_path / "slow" / "mkdir"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\ntouch {called}\nsleep 1\nexec /bin/mkdir "$@"\n')
    tool.chmod(0o755)
    monkeypatch.setattr(machines, "PATH", f"{tool.parent}:{machines.PATH}")
    return called


class TestTheScripts:
    @pytest.mark.parametrize("name", ["bootstrap.sh", "driver.sh"])
    def test_shellcheck_finds_nothing(self, name):
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
    def test_of_s3_may_have_any_name(self, backend, s3, name):
        boto3_put(f"{s3}/in/abc.txt", b"another that a pattern would match\n")
        given = stored(f"{s3}/in/{name}", name.encode())
        assert made(ended(backend, replace(COPIES, inputs=(given,)))) == name.encode()

    @pytest.mark.parametrize("name", ["a b.txt", "a%20b.txt", "a[1]{2}.txt", "größe.txt"])
    def test_of_a_web_server_may_have_any_name(self, backend, web, name):
        url, folder, _ = web
        (folder / name.replace("%20", " ")).write_bytes(b"from the web\n")
        given = stored(f"{url}/{name}", b"from the web\n")
        assert made(ended(backend, replace(COPIES, inputs=(given,)))) == b"from the web\n"

    def test_of_a_server_that_is_busy_at_first_are_asked_for_again(self, backend, web):
        url, folder, _ = web
        (folder / "x.txt").write_bytes(b"x\n")
        assert made(ended(backend, replace(COPIES, inputs=(stored(f"{url}/flaky/x.txt", b"x\n"),)))) == b"x\n"

    def test_of_a_public_google_bucket_have_a_web_address(self):
        given = Input("x", StoredFile("gs://genomics-public-data/a b/x#1", 3, None))
        packed = pack(replace(COPIES, inputs=(given,)), "s3://genomes/x", {}, Store())
        assert b"3\tx\t-\thttps://storage.googleapis.com/genomics-public-data/a%20b/x%231\n" in packed

    def test_that_have_another_size_now_are_told(self, backend, s3):
        given = stored(f"{s3}/in/x", b"abc")
        boto3_put(f"{s3}/in/x", b"abcdef")
        status = ended(backend, replace(COPIES, inputs=(given,)))
        assert status.reason == f"{s3}/in/x has 6 bytes and had 3 when the run began: start the run again"

    def test_that_are_gone_are_told(self, backend, s3):
        given = Input("x", StoredFile(f"{s3}/in/gone", 3, None))
        status = ended(backend, replace(COPIES, inputs=(given,)))
        assert (status.state, status.reason) == (State.FAILED, "an input could not be fetched: the log tells which")

    def test_of_this_machine_are_sent_along_if_they_are_small(self, backend, tmp_path):
        (tmp_path / "adapters.fa").write_bytes(b">a\nACGT\n")
        assert made(
            ended(backend, replace(COPIES, inputs=(stored(str(tmp_path / "adapters.fa"), b">a\nACGT\n"),)))
        ) == (b">a\nACGT\n")

    def test_of_this_machine_that_are_large_are_refused(self, simulator, backend):
        given = Input("x", StoredFile("/data/reads.bam", 9 * 1024**2, "sha256:0"))
        status = ended(backend, replace(COPIES, inputs=(given,)))
        assert status.reason == (
            "/data/reads.bam is on this machine, where AWS Batch cannot read it: copy it to S3 and name it there"
        )
        assert simulator.count("SubmitJob") == 0


class TestAMachinesDisk:
    @pytest.fixture
    def second_s(self):
        return 0.5  # the grace is as long as a driver needs to tell of its end

    def test_shared_inputs_are_fetched_once_and_read_only(self, scratch, simulator, web, disk):
        url, folder, requests = web
        (folder / "reference.fa").write_bytes(b">chrM\n")
        given = stored(f"{url}/reference.fa", b">chrM\n", shared=True)
        reads = replace(COPIES, script="stat -c %a x >greeting.txt; cat x >>greeting.txt", inputs=(given,))
        with opened(scratch, disk=str(disk)) as backend:
            ids = [backend.submit(replace(reads, scope=f"s{n}")).job_id for n in range(3)]
            for one in ids:
                assert made(until(backend, one, lambda status: status.state.is_over)) == b"444\n>chrM\n"
        assert requests.count("GET /reference.fa") == 1
        assert left(disk) == []

    def test_inputs_that_are_too_large_for_it_are_told_before_they_are_fetched(self, scratch, simulator, tiny_disk):
        given = Input("x", StoredFile("s3://genomes/in/x", 10 * 1024**2, None))
        with opened(scratch, disk=str(tiny_disk)) as backend:
            status = ended(backend, replace(COPIES, inputs=(given,)))
        assert status.reason.startswith(
            "the job needs some 25 MiB of disk by the sizes of its inputs, and the machine has 0 MiB free in "
        )
        assert status.reason.endswith(": give the compute environment's machines a larger disk")

    def test_a_full_disk_is_told(self, scratch, simulator, tiny_disk):
        with opened(scratch, disk=str(tiny_disk)) as backend:
            status = ended(backend, replace(COPIES, script="head -c 1000000 /dev/zero >greeting.txt"))
        assert status.state is State.FAILED
        assert "step copies of expt found no space left on its machine: give the compute" in status.reason

    def test_sigterm_ends_all_and_frees_the_folder(self, scratch, simulator, disk):
        marker = f"sleep 1234.{time.time_ns() % 10**6}"
        with opened(scratch, disk=str(disk)) as backend:
            job_id = backend.submit(job("sleeps", f"setsid {marker} & {marker}")).job_id
            running(backend, job_id)
            wait_until(lambda: left(disk), bool)
            backend.cancel(job_id)
            until(backend, job_id, lambda status: status.state.is_over)
            wait_until(lambda: left(disk), lambda names: names == [])
        assert subprocess.run(["pgrep", "-f", f"^{marker}"], check=False, capture_output=True).stdout == b""

    def test_sigterm_before_the_script_began_frees_the_folder(self, slow_mkdir, scratch, simulator, disk):
        with opened(scratch, disk=str(disk)) as backend:
            job_id = backend.submit(job("sleeps")).job_id
            wait_until(slow_mkdir.exists, bool)
            backend.cancel(job_id)
            until(backend, job_id, lambda status: status.state.is_over)
            wait_until(lambda: left(disk), lambda names: names == [])

    def test_what_killed_jobs_left_is_freed_by_the_next(self, scratch, simulator, disk):
        (disk / "job.dead").mkdir()
        (disk / "job.dead" / "alive").touch()
        (disk / "job.dead" / "huge.bam").write_bytes(b"x")
        with opened(scratch, disk=str(disk)) as backend:
            one = backend.submit(job("sleeps", "sleep 0.5")).job_id
            running(backend, one)
            wait_until(lambda: left(disk), lambda names: len(names) == 1 and names != ["job.dead"])
            # The folder of one that lives is left alone.
            assert ended(backend, job("prints")).state is State.SUCCEEDED
            assert until(backend, one, lambda status: status.state.is_over).state is State.SUCCEEDED


class TestOutputs:
    def test_large_ones_go_in_parts_with_a_checksum_that_the_store_keeps(self, backend):
        large = replace(COPIES, script="head -c 20000000 /dev/zero >greeting.txt")
        status = ended(backend, large)
        assert status.report.files[0].size == 20_000_000
        place = urlsplit(status.report.files[0].path)
        client = boto3.client("s3", region_name="us-east-1")
        head = client.head_object(Bucket=place.netloc, Key=place.path[1:], ChecksumMode="ENABLED")
        client.close()
        assert head["ContentLength"] == 20_000_000
        assert head["ETag"].strip('"').endswith("-3")  # 8 MiB a part
        assert head["ChecksumCRC32"]

    def test_empty_ones_are_uploaded_too(self, backend):
        assert made(ended(backend, replace(COPIES, script=": >greeting.txt"))) == b""

    def test_a_job_may_have_none(self, backend):
        assert ended(backend, job("prints")).report.files == ()

    def test_of_many_names(self, backend):
        outputs = tuple(Output(f"o{n}", f"a+{n}._-x", f"/results/{n}") for n in range(12))
        status = ended(backend, job("greets", 'for n in {0..11}; do echo "$n" >"a+$n._-x"; done', outputs=outputs))
        assert [Store().read_bytes(one.path) for one in status.report.files] == [f"{n}\n".encode() for n in range(12)]


class TestTools:
    def test_another_list_than_the_job_was_made_for_is_refused_and_looked_up_anew(self, simulator, backend, tmp_path):
        assert set(backend.tool_versions(["samtools"])) == {"samtools"}
        tools_list(tmp_path).write_text("samtools\t99.9\nbgzip\t99.9\n")
        status = ended(backend, replace(COPIES, script="echo >greeting.txt", tools=("samtools",)))
        assert status.reason.startswith("the container image has not the tools that it had when the job was made (samt")
        assert status.reason.endswith("): its tag was moved, name it by digest")
        assert backend.tool_versions(["samtools"]) == {"samtools": "99.9"}

    def test_an_image_without_a_list_is_told(self, simulator, backend, tmp_path):
        (tmp_path / "tools.tsv").unlink()
        status = ended(backend, replace(COPIES, tools=("samtools",)))
        assert status.reason.startswith(
            "the tools of the container image tools:1 could not be looked up: step tools of"
        )
        assert "it has no /opt/bioinfo-assets/tools.tsv, use one that docker/Dockerfile made" in status.reason

    def test_one_that_is_not_there_is_named(self, backend):
        status = ended(backend, replace(COPIES, tools=("bwa-mem9",)))
        assert status.reason == "the container image tools:1 has no bwa-mem9: use one that has it"


class TestPrinting:
    def printed(self, backend, script):
        job_id = backend.submit(job("prints", script)).job_id
        status = until(backend, job_id, lambda status: status.state.is_over)
        assert status.state is State.SUCCEEDED, status.reason
        return [backend.read_log(job_id, stream, 0) for stream in (Stream.STDOUT, Stream.STDERR)]

    def test_the_two_streams_are_told_apart(self, backend):
        assert self.printed(backend, "echo a; echo b >&2; echo '[stdout] c'") == [b"a\n[stdout] c\n", b"b\n"]

    def test_a_last_line_without_an_end_is_kept_as_it_is(self, backend):
        assert self.printed(backend, "printf 'a\\nb'; printf c >&2") == [b"a\nb", b"c\n"]

    def test_very_long_lines_stay_whole(self, backend):
        out, err = self.printed(backend, "head -c 600000 /dev/zero | tr '\\0' x; echo; echo end; echo e >&2")
        assert out == b"x" * 600_000 + b"\nend\n"
        assert err == b"e\n"

    def test_binary_output_breaks_nothing(self, backend):
        out, err = self.printed(backend, "head -c 100000 /dev/urandom; head -c 100000 /dev/urandom >&2; echo; echo end")
        assert out.endswith(b"end\n")
        assert len(err) > 100_000

    def test_a_background_process_that_holds_the_output_open_is_ended(self, backend):
        begun = time.monotonic()
        out, _ = self.printed(backend, "setsid sleep 1000 & (trap '' TERM; exec sleep 1000) & echo done")
        assert out == b"done\n"
        assert time.monotonic() - begun < 15

    def test_the_end_of_much_output_is_in_the_reason(self, backend):
        script = 'for ((i = 0; i < 20000; i++)); do echo "line $i of many that are not read"; done >&2; exit 3'
        status = ended(backend, job("breaks", script))
        assert "failed with exit code 3: line 19999 of many" in status.reason


class TestSurroundings:
    def test_standard_input_is_empty(self, backend):
        assert made(ended(backend, replace(COPIES, script="cat >greeting.txt"))) == b""

    def test_gpus_and_variables_are_asked_for(self, simulator, backend):
        options = JobOptions(gpus=1, environment={"A": "b c"})
        status = ended(backend, replace(COPIES, script='echo "$A" >greeting.txt', options=options))
        assert made(status) == b"b c\n"
        needs = simulator.payloads("SubmitJob")[0]["containerOverrides"]["resourceRequirements"]
        assert {"type": "GPU", "value": "1"} in needs
