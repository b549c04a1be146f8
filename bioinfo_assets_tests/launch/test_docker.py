import io
import os
import re
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import docker
import pytest

from bioinfo_assets.errors import InputError, ResourceError
from bioinfo_assets.launch.backend import State, Stream
from bioinfo_assets.launch.docker.backend import DockerBackend
from bioinfo_assets.launch.docker.container import _user
from bioinfo_assets.launch.docker.engine import translate_engine_errors
from bioinfo_assets.launch.docker.images import reference
from bioinfo_assets.launch.job import Input, Resources, StoredFile
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.launch.outcome import Outcome
from bioinfo_assets.launch.scratch import HostScratch
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.engine import engine
from bioinfo_assets_tests.launch.contract import TEXT, WORK_GATE, HostContract, finished, job, run, wait_until
from bioinfo_assets_tests.launch.registry import registry

__all__ = ["engine"]  # a fixture

pytestmark = pytest.mark.xdist_group("docker")

NAMELESS = "debian:bookworm-slim"  # has no list of tools
OUR_CONTAINERS = {"label": f"bioinfo-assets.machine={socket.gethostname()}"}


DOCKERFILE = rb"""FROM debian:bookworm-slim
RUN apt-get update && apt-get install --yes --no-install-recommends python3 && rm -rf /var/lib/apt/lists/*
RUN mkdir /opt/bioinfo-assets && printf 'samtools\t1.16.1\nbgzip\t1.16\n' >/opt/bioinfo-assets/tools.tsv
"""


@pytest.fixture(scope="module")
def image(engine):
    """A small image with what every image of jobs has: bash, coreutils, Python, a list of tools."""
    with closing(docker.from_env(timeout=600)) as client:
        client.images.build(fileobj=io.BytesIO(DOCKERFILE), tag="bioinfo-assets-tests:small", rm=True)
    return "bioinfo-assets-tests:small"


@pytest.fixture
def client(engine):
    with closing(docker.from_env()) as client:
        yield client


@pytest.fixture
def backend(tmp_path, image):
    with closing(DockerBackend(tmp_path / "scratch", Store(), image, cpus=4, memory_mib=8192)) as backend:
        yield backend


def containers_of(client, scratch: Path):
    """Of hosts that work in that folder."""
    found = client.api.containers(all=True, filters=OUR_CONTAINERS)
    return [container for container in found if container["Labels"]["bioinfo-assets.host"].startswith(str(scratch))]


def printed(backend, script, **changes) -> str:
    """What a script prints."""
    job_id = backend.submit(job("prints", script, **changes)).job_id
    status = finished(backend, job_id)
    assert status.state is State.SUCCEEDED, status
    return backend.read_log(job_id, Stream.STDOUT, 0).decode()


class TestDockerBackend(HostContract):
    PATIENCE_S = 120.0

    @pytest.fixture
    def backend(self, backend):
        return backend


class TestLimits:
    def test_a_job_that_wants_more_memory_than_it_has_is_ended_and_told_what_to_do(self, backend):
        hungry = "head -c 300000000 /dev/zero | tail >/dev/null"  # tail keeps a line, and there is but one
        submission = backend.submit(job("hungry", hungry, resources=Resources(memory_mib=100)))
        status = finished(backend, submission.job_id)
        assert (status.state, status.outcome) == (State.FAILED, Outcome.OUT_OF_MEMORY)
        assert status.reason == (
            "step hungry of expt ran out of memory, of which it was given 100 MiB: raise the step's memory_mib; "
            f"its log is {submission.log}"
        )
        assert 50 < status.report.usage.peak_memory_mib <= 100

    def test_the_same_job_is_well_with_enough_memory(self, backend):
        hungry = "head -c 300000000 /dev/zero | tail >/dev/null"
        assert run(backend, job("hungry", hungry, resources=Resources(memory_mib=500))).outcome is Outcome.SUCCEEDED

    def test_a_script_that_takes_a_killed_process_lightly_may_succeed(self, backend):
        unmoved = "head -c 300000000 /dev/zero | tail >/dev/null || true"
        assert run(backend, job("unmoved", unmoved, resources=Resources(memory_mib=100))).outcome is Outcome.SUCCEEDED

    def test_cpus_are_held_to_by_the_kernel(self, backend):
        quota = (
            "cat /sys/fs/cgroup/cpu.max 2>/dev/null || "
            "paste /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us"
        )
        given, period = map(int, printed(backend, quota, resources=Resources(cpus=2)).split())
        assert given / period == 2

    def test_two_busy_processes_get_the_time_of_one_cpu(self, backend):
        busy = "for i in 1 2; do timeout 2 bash -c 'while :; do :; done' & done; wait"
        usage = run(backend, job("busy", busy)).report.usage
        assert usage.wall_s >= 2
        assert usage.cpu_s / usage.wall_s < 1.15

    def test_shared_memory_has_the_size_that_was_set(self, backend):
        size = printed(backend, "df -k --output=size /dev/shm | tail -n 1", options=JobOptions(shared_memory_mib=10))
        assert int(size) == 10 * 1024

    def test_a_gpu_that_is_not_there_is_told(self, backend):
        status = run(backend, job("prints", options=JobOptions(gpus=1)))
        assert status.outcome is Outcome.FAILED
        assert status.reason.startswith("step prints of expt cannot be started in the image ")
        assert "gpu" in status.reason

    def test_twenty_jobs_run_at_once(self, tmp_path, image):
        with closing(DockerBackend(tmp_path / "scratch", Store(), image, cpus=20, memory_mib=20 * 1024)) as many:
            submissions = [many.submit(job("waits", WORK_GATE.wait)) for _ in range(20)]
            job_ids = [submission.job_id for submission in submissions]
            wait_until(
                lambda: many.poll(job_ids).values(), lambda all_: {one.state for one in all_} == {State.RUNNING}, 90
            )
            for submission in submissions:
                WORK_GATE.open(submission)
            assert {finished(many, job_id, 90).outcome for job_id in job_ids} == {Outcome.SUCCEEDED}


class TestWhatAContainerSees:
    def test_no_network(self, backend):
        assert printed(backend, "ls /sys/class/net").split() == ["lo"]

    def test_its_own_name_can_be_looked_up(self, backend):
        # Log4j, which is in Picard, looks it up, and complains on stdout where the BAM goes.
        assert "localhost" in printed(backend, 'getent hosts "$(hostname)"').split()

    def test_inputs_cannot_be_written_to(self, backend, tmp_path):
        source = tmp_path / "name.txt"
        source.write_bytes(b"NA12878\n")
        given = Input("name.txt", StoredFile(str(source), size=8, content=None))
        status = run(backend, job("writes", "echo other >>name.txt", inputs=(given,)))
        assert "name.txt: Read-only file system" in status.reason
        assert source.read_bytes() == b"NA12878\n"

    def test_nothing_of_the_host_but_what_it_is_given(self, backend, tmp_path):
        for name in ("given.txt", "kept.txt"):
            (tmp_path / name).write_bytes(b"x")
        given = Input("given.txt", StoredFile(str(tmp_path / "given.txt"), size=1, content=None))
        seen = printed(backend, f"ls {tmp_path}; ls {tmp_path}/scratch/*", inputs=(given,)).split()
        assert "given.txt" in seen
        assert "kept.txt" not in seen
        assert "inputs" not in seen  # the host's copies of other jobs' remote inputs

    def test_a_remote_input_is_fetched_for_it(self, backend, web):
        address, folder, _ = web
        (folder / "name.txt").write_bytes(b"NA12878\n")
        stat = Store().stat(f"{address}/name.txt")
        given = Input("name.txt", StoredFile(f"{address}/name.txt", size=stat.size, content=None))
        assert printed(backend, "cat name.txt", inputs=(given,)) == "NA12878\n"

    def test_one_file_may_be_two_inputs(self, backend, tmp_path):
        (tmp_path / "name.txt").write_bytes(b"NA12878\n")
        file = StoredFile(str(tmp_path / "name.txt"), size=8, content=None)
        assert printed(backend, "cat a b", inputs=(Input("a", file), Input("b", file))) == "NA12878\nNA12878\n"

    def test_variables_of_its_options_and_none_of_the_hosts(self, backend, monkeypatch):
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        options = JobOptions(environment={"PROJECT": "p1", "JOB_CPUS": "99"})
        variables = dict(line.split("=", 1) for line in printed(backend, "env", options=options).splitlines())
        assert "AWS_SECRET_ACCESS_KEY" not in variables
        assert variables["PROJECT"] == "p1"
        assert variables["JOB_CPUS"] == "1"

    def test_its_path_is_the_images_own(self, backend, client, image, monkeypatch):
        monkeypatch.setenv("PATH", f"/of/the/host:{os.environ['PATH']}")
        of_image = [word for word in client.images.get(image).attrs["Config"]["Env"] if word.startswith("PATH=")]
        assert printed(backend, 'echo "PATH=$PATH"').split() == of_image

    def test_outputs_belong_to_whoever_runs_the_host(self, backend):
        report = run(backend, job("greets", outputs=(TEXT,))).report
        stat = Path(report.files[0].path).stat()
        assert (stat.st_uid, stat.st_gid) == (os.getuid(), os.getgid())

    def test_whoever_runs_a_rootless_engine_is_root_within_it(self):
        assert _user({"SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]}) == "0:0"
        assert _user({"SecurityOptions": ["name=seccomp,profile=default"]}) == f"{os.getuid()}:{os.getgid()}"


class TestNothingIsLeft:
    def test_no_container_of_a_job_that_is_over(self, backend, client, tmp_path):
        job_id = backend.submit(job("sleeps")).job_id
        wait_until(lambda: containers_of(client, tmp_path))
        backend.cancel(job_id)
        finished(backend, job_id)
        assert containers_of(client, tmp_path) == []

    def test_no_container_of_a_host_that_was_killed(self, client, tmp_path, image):
        with subprocess.Popen(
            [sys.executable, "-c", HOST, str(tmp_path), image], stdout=subprocess.PIPE, text=True
        ) as host:
            assert host.stdout.readline() == "running\n"
            assert len(containers_of(client, tmp_path)) == 1
            host.kill()
        wait_until(lambda: not containers_of(client, tmp_path), patience_s=60)

    def test_a_container_that_a_killed_host_had_not_started_is_removed_by_the_next(
        self, backend, client, tmp_path, image
    ):
        living = HostScratch(tmp_path / "living")
        for host in (tmp_path / "scratch" / "host.dead", living.root):
            labels = {"bioinfo-assets.machine": socket.gethostname(), "bioinfo-assets.host": str(host)}
            client.api.create_container(image, ["true"], labels=labels)
        backend.tool_versions([])
        left = containers_of(client, tmp_path)
        for container in left:
            client.api.remove_container(container["Id"])
        assert [container["Labels"]["bioinfo-assets.host"] for container in left] == [str(living.root)]
        living.close()

    def test_a_container_that_someone_killed_is_a_job_that_was_killed(self, backend, client, tmp_path):
        job_id = backend.submit(job("sleeps")).job_id
        wait_until(lambda: backend.poll([job_id])[job_id].state, lambda state: state is State.RUNNING)
        client.api.kill(containers_of(client, tmp_path)[0]["Id"])
        status = finished(backend, job_id)
        assert status.state is State.FAILED
        assert status.reason.startswith("step sleeps of expt was killed by the system")


HOST = """
import sys, time
from pathlib import Path
from bioinfo_assets.launch.backend import Stream
from bioinfo_assets.launch.docker.backend import DockerBackend
from bioinfo_assets.launch.job import Job
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
backend = DockerBackend(Path(sys.argv[1]), Store(), sys.argv[2])
script = "(trap '' TERM; setsid sleep 1000) & echo running; wait"
job_id = backend.submit(Job(ResultKey("sleeps", "expt"), "1", script)).job_id
while not (told := backend.read_log(job_id, Stream.STDOUT, 0)):
    time.sleep(0.01)
print(told.decode(), end="", flush=True)
time.sleep(1000)
"""


class TestImages:
    @pytest.fixture
    def remote(self, client, image):
        with registry(b"samtools\t1.99\nRscript\t4.2 patched\n") as held:
            yield held
            client.api.remove_image(held.image)

    def test_the_report_names_the_image_by_its_id_where_it_was_built_here(self, backend, client, image):
        report = run(backend, job("prints")).report
        assert report.image == f"{image}@{client.images.get(image).id}"

    def test_an_image_is_fetched_and_its_tools_are_read_without_running_it(self, backend, remote):
        remote.go_on.set()
        options = JobOptions(image=remote.image)
        assert backend.tool_versions(["Rscript", "samtools"], options) == {"samtools": "1.99", "Rscript": "4.2 patched"}

    def test_a_job_waits_for_its_image_and_tells_how_far_it_is(self, backend, remote):
        job_id = backend.submit(job("prints", options=JobOptions(image=remote.image))).job_id
        waiting = wait_until(lambda: backend.poll([job_id])[job_id], lambda status: " of 4 MB" in status.reason)
        assert waiting.state is State.QUEUED
        assert re.fullmatch(rf"its image {remote.image} is being fetched \([012] of 4 MB\)", waiting.reason)
        remote.go_on.set()
        status = finished(backend, job_id)  # there is no program in it
        assert status.reason == (
            f"the image {remote.image} has no python3, which watches over jobs: use one that was built by "
            "make build-local"
        )

    def test_a_job_is_cancelled_while_its_image_is_fetched(self, backend, remote):
        job_id = backend.submit(job("prints", options=JobOptions(image=remote.image))).job_id
        wait_until(lambda: backend.poll([job_id])[job_id].reason, lambda reason: "is being fetched" in reason)
        backend.cancel(job_id)
        status = finished(backend, job_id, patience_s=60)
        assert (status.state, status.outcome, status.report) == (State.CANCELLED, Outcome.KILLED, None)
        remote.go_on.set()
        wait_until(lambda: backend.tool_versions(["samtools"], JobOptions(image=remote.image)))

    def test_a_fetched_image_is_told_by_its_digest(self, backend, client, remote):
        remote.go_on.set()
        backend.tool_versions([], JobOptions(image=remote.image))
        fetched = client.images.get(remote.image)
        assert reference(remote.image, fetched) == f"{remote.address}/tiny@{remote.digest}"
        assert reference("other:1", fetched) == f"other:1@{fetched.id}"

    def test_an_image_that_is_nowhere_is_told(self, backend, remote):
        remote.go_on.set()
        backend.tool_versions([], JobOptions(image=remote.image))
        nowhere = f"{remote.address}/nowhere:1"
        status = run(backend, job("prints", options=JobOptions(image=nowhere)))
        assert (status.state, status.outcome) == (State.FAILED, Outcome.IMAGE_MISSING)
        assert status.reason.startswith(f"the image {nowhere} is not on this machine and cannot be fetched (")
        assert status.reason.endswith("): build it (make build-local), or name another by the setting image")
        with pytest.raises(ResourceError, match="is not on this machine and cannot be fetched"):
            backend.tool_versions(["samtools"], JobOptions(image=nowhere))

    def test_an_image_without_a_list_of_tools_is_told(self, backend):
        with pytest.raises(ResourceError, match=r"^the image debian:bookworm-slim has no list of its tools \(/opt/"):
            backend.tool_versions(["samtools"], JobOptions(image=NAMELESS))

    def test_a_tool_that_is_not_in_the_image_is_told(self, backend, image):
        with pytest.raises(ResourceError, match=f"^the image {re.escape(image)} has no novoalign: name one that"):
            backend.tool_versions(["samtools", "novoalign"])

    def test_no_image_at_all_is_told(self, tmp_path, image):
        with closing(DockerBackend(tmp_path, Store())) as backend:
            with pytest.raises(InputError, match=r"^no container image is set: name one by the setting image"):
                backend.submit(job("prints"))
            assert backend.tool_versions(["samtools"], JobOptions(image=image)).keys() == {"samtools"}


class TestEngine:
    @pytest.mark.parametrize("ask", [lambda it: it.submit(job("prints")), lambda it: it.tool_versions(["samtools"])])
    def test_one_that_does_not_run_is_told(self, tmp_path, monkeypatch, ask):
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
        with (
            closing(DockerBackend(tmp_path, Store(), "debian:bookworm-slim")) as backend,
            pytest.raises(
                ResourceError, match=rf"^no docker engine answers at unix://{tmp_path}/docker.sock: start it"
            ),
        ):
            ask(backend)

    def test_one_that_does_not_answer_any_more_is_told(self):
        with pytest.raises(ResourceError, match=r"^no docker engine answers at "), translate_engine_errors():
            raise docker.errors.DockerException("Error while fetching server API version")
