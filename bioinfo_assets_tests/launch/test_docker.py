import io
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import docker
import pytest
from docker.errors import ImageNotFound
from urllib3.exceptions import ProtocolError

from bioinfo_assets.errors import InputError, MissingToolError, ResourceError
from bioinfo_assets.launch.backend import Outcome, State, Stream
from bioinfo_assets.launch.docker.backend import DockerBackend
from bioinfo_assets.launch.docker.container import _container_user, _host_config, wait_until_removed
from bioinfo_assets.launch.docker.engine import translate_engine_errors
from bioinfo_assets.launch.docker.images import Images, image_reference
from bioinfo_assets.launch.host_job import HostJob, NotStartedError
from bioinfo_assets.launch.job import Input, JobOptions, Resources, StoredFile
from bioinfo_assets.launch.scratch import HostScratch, new_attempt
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.container_engine import Engine, engine
from bioinfo_assets_tests.launch.contract import (
    TEXT,
    WORK_GATE,
    HostContract,
    job,
    report_of,
    run,
    wait_for_end,
    wait_for_status,
)
from bioinfo_assets_tests.launch.fused_contract import REPEATS, WRITES, FusedHostContract
from bioinfo_assets_tests.launch.registry import Registry, registry
from bioinfo_assets_tests.servers import WebServer
from bioinfo_assets_tests.waiting import wait_until

__all__ = ["engine"]  # a fixture

pytestmark = pytest.mark.xdist_group("docker")

WITHOUT_TOOL_LIST = "debian:bookworm-slim"
OUR_CONTAINERS = {"label": f"bioinfo-assets.machine={socket.gethostname()}"}


DOCKERFILE = rb"""FROM debian:bookworm-slim
RUN apt-get update && apt-get install --yes --no-install-recommends python3 && rm -rf /var/lib/apt/lists/*
RUN mkdir /opt/bioinfo-assets && printf 'samtools\t1.16.1\nbgzip\t1.16\n' >/opt/bioinfo-assets/tools.tsv
"""


@pytest.fixture(scope="module")
def image(engine: Engine) -> str:
    """A small image with the minimum for jobs: bash, coreutils, Python, a list of tools."""
    with closing(docker.from_env(timeout=600)) as client:
        client.images.build(fileobj=io.BytesIO(DOCKERFILE), tag="bioinfo-assets-tests:small", rm=True)
    return "bioinfo-assets-tests:small"


@pytest.fixture
def client(engine: Engine) -> Iterator[docker.DockerClient]:
    with closing(docker.from_env()) as client:
        yield client


@pytest.fixture
def backend(tmp_path: Path, image: str) -> Iterator[DockerBackend]:
    with closing(DockerBackend(tmp_path / "scratch", Store(), image, cpus=4, memory_mib=8192)) as backend:
        yield backend


def containers_of(client: docker.DockerClient, scratch: Path) -> list[Any]:
    """The containers of hosts with that scratch."""
    ours = client.api.containers(all=True, filters=OUR_CONTAINERS)
    return [container for container in ours if container["Labels"]["bioinfo-assets.host"].startswith(str(scratch))]


def stdout_of(backend: DockerBackend, script: str, **changes: Any) -> str:
    """Run a script; return its standard output."""
    job_id = backend.submit(job("prints", script, **changes)).job_id
    status = wait_for_end(backend, job_id)
    assert status.state is State.SUCCEEDED, status
    return backend.read_log(job_id, Stream.STDOUT, 0).decode()


class TestFusedJobs(FusedHostContract):
    @pytest.fixture
    def backend(self, backend: DockerBackend) -> DockerBackend:
        return backend


class TestDockerBackend(HostContract):
    @pytest.fixture
    def backend(self, backend: DockerBackend) -> DockerBackend:
        return backend


class TestLimits:
    def test_a_job_that_exceeds_its_memory_limit_fails_with_advice(self, backend: DockerBackend) -> None:
        hungry = "head -c 300000000 /dev/zero | tail >/dev/null"  # tail keeps a line, and there is but one
        submission = backend.submit(job("hungry", hungry, resources=Resources(memory_mib=100)))
        status = wait_for_end(backend, submission.job_id)
        assert (status.state, status.outcome) == (State.FAILED, Outcome.OUT_OF_MEMORY)
        assert status.reason == (
            "step hungry of expt exceeded its memory limit of 100 MiB: raise the step's memory_mib; "
            f"its log is {submission.log}"
        )
        peak_mib = report_of(status).usage.peak_memory_mib
        assert peak_mib is not None
        assert 50 < peak_mib <= 100

    def test_the_same_job_succeeds_with_enough_memory(self, backend: DockerBackend) -> None:
        hungry = "head -c 300000000 /dev/zero | tail >/dev/null"
        assert run(backend, job("hungry", hungry, resources=Resources(memory_mib=500))).outcome is Outcome.SUCCEEDED

    def test_a_script_that_ignores_the_kill_of_a_process_may_succeed(self, backend: DockerBackend) -> None:
        script = "head -c 300000000 /dev/zero | tail >/dev/null || true"
        assert run(backend, job("ignores", script, resources=Resources(memory_mib=100))).outcome is Outcome.SUCCEEDED

    def test_programs_in_a_container_get_no_new_privileges(self, backend: DockerBackend) -> None:
        """Those with the set-user-ID bit run as the user who calls them (prctl(2), PR_SET_NO_NEW_PRIVS)."""
        assert stdout_of(backend, "grep NoNewPrivs /proc/self/status").split() == ["NoNewPrivs:", "1"]

    def test_programs_in_a_container_have_no_capabilities_of_root(self, backend: DockerBackend) -> None:
        """Whoever runs the host as root keeps CAP_DAC_OVERRIDE, 1 (linux/capability.h), to read files of others."""
        allowed = 1 << 1 if os.getuid() == 0 else 0
        sets = dict(line.split() for line in stdout_of(backend, "grep ^Cap /proc/self/status").splitlines())
        assert {name: int(value, 16) & ~allowed for name, value in sets.items()} == dict.fromkeys(sets, 0)
        assert {"CapEff:", "CapBnd:"} <= sets.keys()

    def test_a_file_of_another_user_is_readable_where_the_host_is_root(
        self, backend: DockerBackend, tmp_path: Path
    ) -> None:
        source = tmp_path / "name.txt"
        source.write_bytes(b"NA12878\n")
        if os.getuid() == 0:
            os.chown(source, 12345, 12345)
        source.chmod(0o600)
        item = Input("name.txt", StoredFile(str(source), size=8, content=None))
        assert stdout_of(backend, "cat name.txt", inputs=(item,)) == "NA12878\n"

    def test_the_image_cannot_be_written_to(self, backend: DockerBackend) -> None:
        """Programs write to the working folder, to `$TMPDIR` and `$HOME`, and some that ignore these, to /tmp."""
        script = "touch work $TMPDIR/tmp $HOME/home /tmp/small; for f in /usr/x /etc/x /opt/x /x; do ! touch $f; done"
        status = run(backend, job("writes", f"{{ {script}; }} 2>&1; touch /usr/bin/samtools"))
        assert "/usr/bin/samtools': Read-only file system" in status.reason

    def test_the_kernel_limits_the_cpus(self, backend: DockerBackend) -> None:
        quota = (
            "cat /sys/fs/cgroup/cpu.max 2>/dev/null || "
            "paste /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us"
        )
        limit, period = map(int, stdout_of(backend, quota, resources=Resources(cpus=2)).split())
        assert limit / period == 2

    def test_two_busy_processes_get_the_time_of_one_cpu(self, backend: DockerBackend) -> None:
        busy = "for i in 1 2; do timeout 2 bash -c 'while :; do :; done' & done; wait"
        usage = report_of(run(backend, job("busy", busy))).usage
        assert usage.wall_s >= 2
        assert usage.cpu_s is not None
        assert usage.cpu_s / usage.wall_s < 1.15

    def test_shared_memory_has_the_size_that_was_set(self, backend: DockerBackend) -> None:
        size = stdout_of(backend, "df -k --output=size /dev/shm | tail -n 1", options=JobOptions(shared_memory_mib=10))
        assert int(size) == 10 * 1024

    def test_a_gpu_that_does_not_exist_is_reported(self, backend: DockerBackend) -> None:
        status = run(backend, job("prints", options=JobOptions(gpus=1)))
        assert status.outcome is Outcome.FAILED
        assert status.reason.startswith("step prints of expt cannot be started in the image ")
        assert "gpu" in status.reason

    def test_twenty_jobs_run_at_once(self, tmp_path: Path, image: str) -> None:
        with closing(DockerBackend(tmp_path / "scratch", Store(), image, cpus=20, memory_mib=20 * 1024)) as many:
            submissions = [many.submit(job("waits", WORK_GATE.wait)) for _ in range(20)]
            job_ids = [submission.job_id for submission in submissions]
            wait_until(lambda: {status.state for status in many.poll(job_ids).values()} == {State.RUNNING}, 600)
            for submission in submissions:
                WORK_GATE.open(submission)
            assert {wait_for_end(many, job_id, 600).outcome for job_id in job_ids} == {Outcome.SUCCEEDED}


class TestIsolation:
    def test_no_network(self, backend: DockerBackend) -> None:
        assert stdout_of(backend, "ls /sys/class/net").split() == ["lo"]

    def test_its_own_name_can_be_looked_up(self, backend: DockerBackend) -> None:
        # Log4j, which is in Picard, looks it up, and complains on stdout where the BAM goes.
        assert "localhost" in stdout_of(backend, 'getent hosts "$(hostname)"').split()

    def test_inputs_cannot_be_written_to(self, backend: DockerBackend, tmp_path: Path) -> None:
        source = tmp_path / "name.txt"
        source.write_bytes(b"NA12878\n")
        item = Input("name.txt", StoredFile(str(source), size=8, content=None))
        status = run(backend, job("writes", "echo other >>name.txt", inputs=(item,)))
        assert "name.txt: Read-only file system" in status.reason
        assert source.read_bytes() == b"NA12878\n"

    def test_nor_can_those_that_a_job_before_it_made(self, backend: DockerBackend) -> None:
        submission = backend.submit(WRITES, followers=[replace(REPEATS, script="echo other >>word.txt")])
        (follower,) = submission.followers
        assert "word.txt: Read-only file system" in wait_for_end(backend, follower.job_id).reason
        word = report_of(wait_for_end(backend, submission.job_id)).files[0]
        assert Path(word.path).read_bytes() == b"hello\n"

    def test_of_the_hosts_files_only_the_inputs_are_visible(self, backend: DockerBackend, tmp_path: Path) -> None:
        for name in ("input.txt", "other.txt"):
            (tmp_path / name).write_bytes(b"x")
        item = Input("input.txt", StoredFile(str(tmp_path / "input.txt"), size=1, content=None))
        visible = stdout_of(backend, f"ls {tmp_path}; ls {tmp_path}/scratch/*", inputs=(item,)).split()
        assert "input.txt" in visible
        assert "other.txt" not in visible
        assert "inputs" not in visible  # the host's copies of other jobs' remote inputs

    def test_the_host_downloads_a_remote_input(self, backend: DockerBackend, web: WebServer) -> None:
        address, folder, _ = web
        (folder / "name.txt").write_bytes(b"NA12878\n")
        stat = Store().stat(f"{address}/name.txt")
        item = Input("name.txt", StoredFile(f"{address}/name.txt", size=stat.size, content=None))
        assert stdout_of(backend, "cat name.txt", inputs=(item,)) == "NA12878\n"

    def test_one_file_may_be_two_inputs(self, backend: DockerBackend, tmp_path: Path) -> None:
        (tmp_path / "name.txt").write_bytes(b"NA12878\n")
        file = StoredFile(str(tmp_path / "name.txt"), size=8, content=None)
        assert stdout_of(backend, "cat a b", inputs=(Input("a", file), Input("b", file))) == "NA12878\nNA12878\n"

    def test_variables_come_from_the_options_and_not_from_the_host(
        self, backend: DockerBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        options = JobOptions(environment={"PROJECT": "p1", "JOB_CPUS": "99"})
        variables = dict(line.split("=", 1) for line in stdout_of(backend, "env", options=options).splitlines())
        assert "AWS_SECRET_ACCESS_KEY" not in variables
        assert variables["PROJECT"] == "p1"
        assert variables["JOB_CPUS"] == "1"

    def test_its_path_is_the_images_own(
        self, backend: DockerBackend, client: docker.DockerClient, image: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", f"/of/the/host:{os.environ['PATH']}")
        of_image = [word for word in client.images.get(image).attrs["Config"]["Env"] if word.startswith("PATH=")]
        assert stdout_of(backend, 'echo "PATH=$PATH"').split() == of_image

    def test_outputs_belong_to_whoever_runs_the_host(self, backend: DockerBackend) -> None:
        report = report_of(run(backend, job("greets", outputs=(TEXT,))))
        stat = Path(report.files[0].path).stat()
        assert (stat.st_uid, stat.st_gid) == (os.getuid(), os.getgid())

    def test_whoever_runs_a_rootless_engine_is_root_within_it(self) -> None:
        assert _container_user({"SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]}) == "0:0"
        assert _container_user({"SecurityOptions": ["name=seccomp,profile=default"]}) == f"{os.getuid()}:{os.getgid()}"


class TestEnginesWithOtherSecurity:
    """By what the engine is asked for: this machine's has none of these features."""

    @staticmethod
    def asked_for(folder: Path, **info: Any) -> dict[str, Any]:
        own = job("greets", outputs=(TEXT,))
        client = docker.DockerClient(base_url=f"unix://{folder}/none", version="1.43")  # which it does not call
        return dict(_host_config(client, info, HostJob(own, new_attempt(folder, own), own.resources)))

    def test_labels_of_selinux_do_not_keep_a_container_from_its_files(self, tmp_path: Path) -> None:
        asked_for = self.asked_for(tmp_path, SecurityOptions=["name=seccomp,profile=default", "name=selinux"])
        assert asked_for["SecurityOpt"] == ["no-new-privileges", "label=disable"]
        assert self.asked_for(tmp_path)["SecurityOpt"] == ["no-new-privileges"]

    def test_users_are_those_of_the_host_where_the_engine_maps_them_to_others(self, tmp_path: Path) -> None:
        assert self.asked_for(tmp_path, SecurityOptions=["name=userns"])["UsernsMode"] == "host"
        assert "UsernsMode" not in self.asked_for(tmp_path)

    def test_a_rootless_engine_has_no_groups_of_the_host(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "getgroups", lambda: [7, 100_000])
        assert "GroupAdd" not in self.asked_for(tmp_path, SecurityOptions=["name=rootless"])
        assert self.asked_for(tmp_path)["GroupAdd"] == ["7", "100000"]

    def test_an_engine_without_quotas_of_cpus_is_not_asked_for_one(self, tmp_path: Path) -> None:
        assert "NanoCpus" not in self.asked_for(tmp_path, CpuCfsQuota=False)
        assert self.asked_for(tmp_path, CpuCfsQuota=True)["NanoCpus"] == 1_000_000_000


class TestContainersThatAreOver:
    def test_one_that_the_engine_cannot_remove_is_not_waited_for_for_ever(self) -> None:
        wait_until_removed(lambda: "dead", timeout_s=0.2)

    def test_one_that_runs_is_waited_for_however_long_it_takes(self) -> None:
        statuses = iter(["running"] * 10 + ["removing", None])
        wait_until_removed(lambda: next(statuses), timeout_s=0.2)  # ten checks take half a second
        assert next(statuses, "all were read") == "all were read"


class TestPullsThatBreak:
    """By a stand-in for the engine, which cannot be made to break off."""

    @staticmethod
    def pull(lines: Callable[[], Iterator[dict[str, Any]]]) -> str:
        def find(_: str) -> None:
            raise ImageNotFound("no such image")

        client = SimpleNamespace(api=SimpleNamespace(pull=lambda *_, **__: lines()), images=SimpleNamespace(get=find))
        images = Images(cast("docker.DockerClient", client))
        problems = []
        for _ in range(2):  # the first one leaves nothing behind that the second would wait for
            with pytest.raises(NotStartedError) as caught:
                images.pull("tools:1", lambda _: True)
            problems.append(str(caught.value))
        assert len(set(problems)) == 1
        return problems[0]

    def test_an_engine_that_ends_in_the_middle_is_reported(self) -> None:
        def lines() -> Iterator[dict[str, Any]]:
            yield {"status": "Downloading", "id": "layer", "progressDetail": {"current": 1, "total": 9}}
            raise ProtocolError("Connection broken")

        assert "the image tools:1 is not on this machine and cannot be pulled (Connection broken)" in self.pull(lines)

    def test_a_layer_of_which_nothing_has_come_yet_is_progress(self) -> None:
        def lines() -> Iterator[dict[str, Any]]:
            yield {"status": "Downloading", "id": "layer", "progressDetail": {"total": 9}}

        assert "the pulled image has another name" in self.pull(lines)


class TestNothingIsLeft:
    def test_no_container_of_a_job_that_is_over(
        self, backend: DockerBackend, client: docker.DockerClient, tmp_path: Path
    ) -> None:
        job_id = backend.submit(job("sleeps")).job_id
        wait_until(lambda: containers_of(client, tmp_path))
        backend.cancel(job_id)
        wait_for_end(backend, job_id)
        assert containers_of(client, tmp_path) == []

    def test_no_container_of_a_host_that_was_killed(
        self, client: docker.DockerClient, tmp_path: Path, image: str
    ) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", HOST, str(tmp_path), image], stdout=subprocess.PIPE, text=True
        ) as host:
            assert host.stdout is not None
            assert host.stdout.readline() == "running\n"
            assert len(containers_of(client, tmp_path)) == 1
            host.kill()
        wait_until(lambda: not containers_of(client, tmp_path), timeout_s=60)

    def test_a_container_that_a_killed_host_had_not_started_is_removed_by_the_next(
        self, backend: DockerBackend, client: docker.DockerClient, tmp_path: Path, image: str
    ) -> None:
        """One that runs may belong to a host whose folder this one does not see."""
        living = HostScratch(tmp_path / "living")
        unseen = tmp_path / "scratch" / "host.unseen"
        for host in (tmp_path / "scratch" / "host.dead", living.root, unseen):
            labels = {"bioinfo-assets.machine": socket.gethostname(), "bioinfo-assets.host": str(host)}
            created = client.api.create_container(image, ["sleep", "1000"], labels=labels)
            if host == unseen:
                client.api.start(created["Id"])
        backend.tool_versions([])
        left = containers_of(client, tmp_path)
        for container in left:
            client.api.remove_container(container["Id"], force=True)
        hosts = {container["Labels"]["bioinfo-assets.host"] for container in left}
        assert hosts == {str(living.root), str(unseen)}
        living.close()

    def test_a_job_whose_container_was_killed_from_outside_was_killed(
        self, backend: DockerBackend, client: docker.DockerClient, tmp_path: Path
    ) -> None:
        job_id = backend.submit(job("sleeps")).job_id
        wait_for_status(backend, job_id, lambda status: status.state is State.RUNNING)
        client.api.kill(containers_of(client, tmp_path)[0]["Id"])
        status = wait_for_end(backend, job_id)
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
while not (output := backend.read_log(job_id, Stream.STDOUT, 0)):
    time.sleep(0.01)
print(output.decode(), end="", flush=True)
time.sleep(1000)
"""


class TestImages:
    @pytest.fixture
    def remote(self, client: docker.DockerClient, image: str) -> Iterator[Registry]:
        with registry(b"samtools\t1.99\nRscript\t4.2 patched\n") as server:
            yield server
            client.api.remove_image(server.image)

    def test_the_report_names_the_image_by_its_id_where_it_was_built_here(
        self, backend: DockerBackend, client: docker.DockerClient, image: str
    ) -> None:
        report = report_of(run(backend, job("prints")))
        assert report.image == f"{image}@{client.images.get(image).id}"

    def test_an_image_that_is_built_again_during_a_run_does_not_change_what_its_jobs_run_in(
        self, backend: DockerBackend, client: docker.DockerClient, image: str, tmp_path: Path
    ) -> None:
        name, before = "bioinfo-assets-tests:rebuilt", client.images.get(image)
        before.tag(name)
        options = JobOptions(image=name)
        versions = backend.tool_versions(["samtools"], options)
        rebuilt = f"FROM {image}\nRUN printf 'samtools\\t9.9\\n' >/opt/bioinfo-assets/tools.tsv\n".encode()
        client.images.build(fileobj=io.BytesIO(rebuilt), tag=name, rm=True)
        try:
            assert (
                stdout_of(backend, "head -n 1 /opt/bioinfo-assets/tools.tsv", options=options) == "samtools\t1.16.1\n"
            )
            assert backend.tool_versions(["samtools"], options) == versions
            with closing(DockerBackend(tmp_path / "next", Store())) as next_run:
                assert next_run.tool_versions(["samtools"], options) == {"samtools": "9.9"}
        finally:
            client.images.remove(name)

    def test_an_image_is_pulled_and_its_tools_are_read_without_running_it(
        self, backend: DockerBackend, remote: Registry
    ) -> None:
        remote.go_on.set()
        options = JobOptions(image=remote.image)
        assert backend.known_tool_versions(["samtools"], options) is None
        assert backend.tool_versions(["Rscript", "samtools"], options) == {"samtools": "1.99", "Rscript": "4.2 patched"}
        assert backend.known_tool_versions(["samtools"], options) == {"samtools": "1.99"}

    def test_a_job_waits_for_its_image_and_reports_the_progress(self, backend: DockerBackend, remote: Registry) -> None:
        job_id = backend.submit(job("prints", options=JobOptions(image=remote.image))).job_id
        waiting = wait_for_status(backend, job_id, lambda status: " of 4 MB" in status.reason)
        assert waiting.state is State.QUEUED
        assert re.fullmatch(rf"pulling its image {remote.image} \([012] of 4 MB\)", waiting.reason)
        remote.go_on.set()
        status = wait_for_end(backend, job_id)  # there is no program in it
        assert status.reason.startswith(f"the image {remote.image} cannot run python3, which supervises jobs (")
        assert status.reason.endswith("): use an image that was built by make build-local")

    def test_a_job_is_cancelled_while_its_image_is_pulled(self, backend: DockerBackend, remote: Registry) -> None:
        job_id = backend.submit(job("prints", options=JobOptions(image=remote.image))).job_id
        wait_for_status(backend, job_id, lambda status: status.reason.startswith("pulling its image"))
        backend.cancel(job_id)
        status = wait_for_end(backend, job_id, 60)
        assert (status.state, status.outcome, status.report) == (State.CANCELLED, Outcome.KILLED, None)
        remote.go_on.set()
        wait_until(lambda: backend.tool_versions(["samtools"], JobOptions(image=remote.image)))

    def test_a_pulled_image_is_identified_by_its_digest(
        self, backend: DockerBackend, client: docker.DockerClient, remote: Registry
    ) -> None:
        remote.go_on.set()
        backend.tool_versions([], JobOptions(image=remote.image))
        pulled = client.images.get(remote.image)
        assert image_reference(remote.image, pulled) == f"{remote.address}/tiny@{remote.digest}"
        assert image_reference("other:1", pulled) == f"other:1@{pulled.id}"

    def test_an_image_that_does_not_exist_is_reported(self, backend: DockerBackend, remote: Registry) -> None:
        remote.go_on.set()
        backend.tool_versions([], JobOptions(image=remote.image))
        missing = f"{remote.address}/missing:1"
        status = run(backend, job("prints", options=JobOptions(image=missing)))
        assert (status.state, status.outcome) == (State.FAILED, Outcome.IMAGE_MISSING)
        assert status.reason.startswith(f"the image {missing} is not on this machine and cannot be pulled (")
        assert status.reason.endswith("): build it (make build-local), or set image to another")
        with pytest.raises(ResourceError, match="is not on this machine and cannot be pulled"):
            backend.tool_versions(["samtools"], JobOptions(image=missing))

    def test_an_image_without_a_list_of_tools_is_reported(self, backend: DockerBackend) -> None:
        with pytest.raises(ResourceError, match=r"^the image debian:bookworm-slim has no list of its tools \(/opt/"):
            backend.tool_versions(["samtools"], JobOptions(image=WITHOUT_TOOL_LIST))

    def test_a_tool_that_is_not_in_the_image_is_reported(self, backend: DockerBackend, image: str) -> None:
        with pytest.raises(
            MissingToolError, match=f"^the image {re.escape(image)} does not contain novoalign: set image to one that"
        ):
            backend.tool_versions(["samtools", "novoalign"])
        with pytest.raises(ResourceError, match="does not contain novoalign"):
            backend.known_tool_versions(["novoalign"])

    def test_a_missing_setting_of_the_image_is_reported(self, tmp_path: Path, image: str) -> None:
        with closing(DockerBackend(tmp_path, Store())) as backend:
            with pytest.raises(
                InputError, match=r"^no container image is set: set image to one, or use the local backend"
            ):
                backend.submit(job("prints"))
            assert backend.tool_versions(["samtools"], JobOptions(image=image)).keys() == {"samtools"}


class TestEngine:
    @pytest.mark.parametrize(
        "use", [lambda docker: docker.submit(job("prints")), lambda docker: docker.tool_versions(["samtools"])]
    )
    def test_one_that_does_not_run_is_reported(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: Callable[[DockerBackend], object]
    ) -> None:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
        with (
            closing(DockerBackend(tmp_path, Store(), "debian:bookworm-slim")) as backend,
            pytest.raises(
                ResourceError, match=rf"^no docker engine answers at unix://{tmp_path}/docker.sock: start it"
            ),
        ):
            use(backend)

    def test_without_one_tool_versions_are_unknown(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
        with closing(DockerBackend(tmp_path, Store(), "debian:bookworm-slim")) as backend:
            assert backend.known_tool_versions(["samtools"]) is None

    def test_one_that_does_not_answer_any_more_is_reported(self) -> None:
        with pytest.raises(ResourceError, match=r"^no docker engine answers at "), translate_engine_errors():
            raise docker.errors.DockerException("Error while fetching server API version")
