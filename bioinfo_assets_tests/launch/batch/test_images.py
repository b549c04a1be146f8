"""Which image jobs run in, and which tools are in it."""

import json
import threading
import time

import boto3
import pytest

from bioinfo_assets.errors import ResourceError
from bioinfo_assets.launch.batch.images import Images, by_digest
from bioinfo_assets.launch.batch.single_flight import SingleFlight
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.batch.machines import opened
from bioinfo_assets_tests.launch.contract import wait_until
from bioinfo_assets_tests.simulator import CannotPullContainer, Stuck

ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools"


class TestOnce:
    def test_who_asks_for_another_value_does_not_wait(self):
        once, slow = SingleFlight(), threading.Event()
        thread = threading.Thread(target=once.get, args=("slow", lambda _: slow.wait(10)))
        thread.start()
        assert once.get("fast", len) == 4
        slow.set()
        thread.join()

    def test_many_who_ask_for_one_value_have_it_looked_up_once(self):
        once, looked_up = SingleFlight(), []

        def look_up(name):
            time.sleep(0.05)
            looked_up.append(name)
            return 1

        threads = [threading.Thread(target=once.get, args=("x", look_up)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert looked_up == ["x"]

    def test_an_error_is_not_kept(self):
        once = SingleFlight()
        with pytest.raises(ZeroDivisionError):
            once.get("x", lambda _: 1 // 0)
        assert once.get("x", len) == 1


class TestToolsOfAnImage:
    def test_are_looked_up_by_one_job_for_all_runs(self, simulator, scratch):
        for run in ("one", "two"):
            with opened(scratch, run) as backend:
                assert backend.tool_versions(["samtools"]).keys() == {"samtools"}
                assert backend.tool_versions(["bgzip"]).keys() == {"bgzip"}
        assert simulator.count("SubmitJob") == 1
        assert simulator.payloads("SubmitJob")[0]["tags"]["bioinfo-assets:scratch"] == scratch

    def test_of_an_image_that_cannot_be_pulled_are_told_so(self, simulator, backend):
        simulator.inject(CannotPullContainer())
        with pytest.raises(
            ResourceError, match="the tools of the container image tools:1 could not be looked up: step"
        ):
            backend.tool_versions(["samtools"])

    def test_without_a_machine_are_told_so_and_the_job_is_ended(self, simulator, backend):
        simulator.inject(Stuck(status_reason=Stuck.REQUIREMENT))
        with pytest.raises(ResourceError, match=r"no machine can be had to look up an image's tools: .*MISCONFIG"):
            backend.tool_versions(["samtools"])
        wait_until(lambda: [one["status"] for one in simulator.job_details()], lambda all_: all_ == ["FAILED"])

    def test_are_waited_for_no_longer_as_the_run_ends(self, simulator, scratch):
        simulator.inject(Stuck(status_reason=Stuck.CAPACITY))
        raised = []

        def ask(backend):
            try:
                backend.tool_versions(["samtools"])
            except ResourceError as error:
                raised.append(str(error))

        with opened(scratch) as backend:
            thread = threading.Thread(target=ask, args=(backend,))
            thread.start()
            wait_until(lambda: simulator.count("DescribeJobs"))
        thread.join()
        assert raised == ["the tools of an image are not looked up, as the run ends"]
        assert simulator.count("TerminateJob") == 1


class TestDigests:
    @pytest.fixture
    def digest(self, s3, monkeypatch):
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        ecr = boto3.client("ecr")
        ecr.create_repository(repositoryName="tools")
        manifest = json.dumps({"schemaVersion": 2, "config": {"digest": "sha256:1"}, "layers": []})
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        made = ecr.put_image(repositoryName="tools", imageManifest=manifest, imageManifestMediaType=kind, imageTag="v1")
        yield made["image"]["imageId"]["imageDigest"]
        ecr.delete_repository(repositoryName="tools", force=True)
        ecr.close()

    def test_an_ecr_image_runs_by_its_digest(self, digest):
        assert by_digest(f"{ECR}:v1") == f"{ECR}@{digest}"

    @pytest.mark.parametrize("image", [f"{ECR}:v2", f"{ECR}@sha256:{'0' * 64}", "tools:1", "ghcr.io/x/tools:v1"])
    def test_any_other_is_left_as_it_is(self, digest, image):
        assert by_digest(image) == image


def test_a_tag_that_was_moved_is_looked_up_anew(s3, monkeypatch):
    found = iter(["tools@one", "tools@two"])
    monkeypatch.setattr("bioinfo_assets.launch.batch.images.by_digest", lambda _: next(found))
    images = Images(None, Store(), f"{s3}/scratch", None)
    options = JobOptions(image="tools:1")
    assert [images.of(options), images.of(options)] == ["tools@one", "tools@one"]
    images.forget(options)
    assert images.of(options) == "tools@two"
