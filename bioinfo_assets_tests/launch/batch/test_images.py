"""The container images of jobs, and the tools in them."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest

from bioinfo_assets.errors import MissingToolError, ResourceError
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.launch.batch.images import Images, ToolProbe, resolve_digest
from bioinfo_assets.launch.batch.job_definition import JobDefinitions
from bioinfo_assets.launch.batch.queue_wait import QueueWait
from bioinfo_assets.launch.batch.scratch_paths import ScratchPaths
from bioinfo_assets.launch.batch.single_flight import SingleFlight
from bioinfo_assets.launch.job import JobOptions
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.batch.batch_backend import BackendWithOptions, batch_backend
from bioinfo_assets_tests.simulator import BatchSimulator, CannotPullContainer, Stuck
from bioinfo_assets_tests.waiting import wait_until

ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools"


class TestSingleFlight:
    def test_a_slow_value_does_not_delay_others(self) -> None:
        cache: SingleFlight[int] = SingleFlight()
        slow = threading.Event()
        thread = threading.Thread(target=cache.get, args=("slow", lambda _: slow.wait(10)))
        thread.start()
        assert cache.get("fast", len) == 4
        slow.set()
        thread.join()

    def test_concurrent_requests_compute_a_value_once(self) -> None:
        cache: SingleFlight[int] = SingleFlight()
        computed = []

        def compute(name: str) -> int:
            time.sleep(0.05)
            computed.append(name)
            return 1

        threads = [threading.Thread(target=cache.get, args=("x", compute)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert computed == ["x"]

    def test_an_error_is_not_cached(self) -> None:
        cache: SingleFlight[int] = SingleFlight()
        with pytest.raises(ZeroDivisionError):
            cache.get("x", lambda _: 1 // 0)
        assert cache.get("x", len) == 1


class TestToolVersions:
    def test_one_probe_lists_the_tools_for_all_runs(self, simulator: BatchSimulator, scratch: str) -> None:
        for run in ("one", "two"):
            with batch_backend(scratch, run) as backend:
                assert backend.tool_versions(["samtools"]).keys() == {"samtools"}
                assert backend.tool_versions(["bgzip"]).keys() == {"bgzip"}
        assert simulator.count("SubmitJob") == 1
        assert simulator.payloads("SubmitJob")[0]["tags"]["bioinfo-assets:scratch"] == scratch

    def test_an_image_that_cannot_be_pulled_is_an_error(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(CannotPullContainer())
        with pytest.raises(ResourceError, match="cannot list the tools of the container image tools:1: step"):
            backend.tool_versions(["samtools"])

    def test_a_probe_without_a_machine_is_terminated(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(Stuck(status_reason=Stuck.REQUIREMENT))
        with pytest.raises(ResourceError, match=r"cannot start a job to list an image's tools: .*MISCONFIG"):
            backend.tool_versions(["samtools"])
        wait_until(lambda: [detail["status"] for detail in simulator.job_details()] == ["FAILED"])

    def test_a_probe_is_terminated_when_the_run_ends(self, simulator: BatchSimulator, scratch: str) -> None:
        simulator.inject(Stuck(status_reason=Stuck.CAPACITY))
        raised = []

        def list_tools(backend: BackendWithOptions) -> None:
            try:
                backend.tool_versions(["samtools"])
            except ResourceError as error:
                raised.append(str(error))

        with batch_backend(scratch) as backend:
            thread = threading.Thread(target=list_tools, args=(backend,))
            thread.start()
            wait_until(lambda: simulator.count("DescribeJobs"))
        thread.join()
        assert raised == ["stopped listing an image's tools because the run is ending"]
        assert simulator.count("TerminateJob") == 1

    def test_a_probe_is_terminated_when_the_run_is_interrupted(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(Stuck(status_reason=Stuck.CAPACITY))
        with ThreadPoolExecutor(4) as pool:
            listed = [pool.submit(backend.tool_versions, ["samtools"]) for _ in range(4)]
            wait_until(lambda: simulator.count("DescribeJobs"))
            backend.stop_listing_tools()
        assert [str(future.exception()) for future in listed] == 4 * [
            "stopped listing an image's tools because the run is ending"
        ]
        assert (simulator.count("SubmitJob"), simulator.count("TerminateJob")) == (1, 1)

    def test_a_probe_that_failed_is_not_repeated_for_each_sample(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(CannotPullContainer())
        for _ in range(3):
            with pytest.raises(ResourceError, match="cannot list the tools of the container image tools:1: step"):
                backend.tool_versions(["samtools"])
        assert simulator.count("SubmitJob") == 1

    def test_it_is_repeated_after_some_minutes(
        self, simulator: BatchSimulator, backend: BackendWithOptions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bioinfo_assets.launch.batch.images._FAILURE_S", 0.0)
        fault = CannotPullContainer()
        simulator.inject(fault)
        with pytest.raises(ResourceError):
            backend.tool_versions(["samtools"])
        simulator.withdraw(fault)
        assert backend.tool_versions(["samtools"]).keys() == {"samtools"}


class TestKnownToolVersions:
    def test_they_are_unknown_until_the_image_was_probed_and_no_job_is_started(
        self, simulator: BatchSimulator, scratch: str
    ) -> None:
        with batch_backend(scratch) as backend:
            assert backend.known_tool_versions(["samtools"]) is None
            assert simulator.count("SubmitJob") == 0
            versions = backend.tool_versions(["samtools"])
            assert backend.known_tool_versions(["samtools"]) == versions
        with batch_backend(scratch, "run-2") as backend:
            assert backend.known_tool_versions(["samtools"]) == versions
        assert simulator.count("SubmitJob") == 1

    def test_a_tool_that_the_image_lacks_is_an_error(self, backend: BackendWithOptions) -> None:
        backend.tool_versions(["samtools"])
        with pytest.raises(MissingToolError, match="the container image tools:1 has no bwa-mem9"):
            backend.known_tool_versions(["bwa-mem9"])


class TestResolveDigest:
    @pytest.fixture
    def digest(self, s3: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        ecr = boto3.client("ecr")
        ecr.create_repository(repositoryName="tools")
        manifest = json.dumps({"schemaVersion": 2, "config": {"digest": "sha256:1"}, "layers": []})
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        image = ecr.put_image(
            repositoryName="tools", imageManifest=manifest, imageManifestMediaType=kind, imageTag="v1"
        )
        yield image["image"]["imageId"]["imageDigest"]
        ecr.delete_repository(repositoryName="tools", force=True)
        ecr.close()

    def test_an_image_in_ecr_is_resolved_to_its_digest(self, digest: str) -> None:
        assert resolve_digest(f"{ECR}:v1") == f"{ECR}@{digest}"

    @pytest.mark.parametrize("image", [f"{ECR}:v2", f"{ECR}@sha256:{'0' * 64}", "tools:1", "ghcr.io/x/tools:v1"])
    def test_any_other_image_is_unchanged(self, digest: str, image: str) -> None:
        assert resolve_digest(image) == image


NO_PROBE = ToolProbe(
    Client(),
    JobDefinitions(Client(), BatchConfig()),
    QueueWait(Client(), BatchConfig()),
    "run-1",
    "s3://genomes/scratch",
    1.0,
)
"""A probe for tests that must not need one."""


def test_a_forgotten_tag_is_resolved_again(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = iter(["tools@one", "tools@two"])
    monkeypatch.setattr("bioinfo_assets.launch.batch.images.resolve_digest", lambda _: next(digests))
    images = Images(Client(), Store(), ScratchPaths(f"{s3}/scratch"), NO_PROBE)
    options = JobOptions(image="tools:1")
    assert [images.image_of(options), images.image_of(options)] == ["tools@one", "tools@one"]
    images.forget(options)
    assert images.image_of(options) == "tools@two"
