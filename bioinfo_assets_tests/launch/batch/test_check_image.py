"""The checks of the container image in ECR."""

import json
from collections.abc import Mapping

import pytest

from bioinfo_assets_tests.deploy.stack import MOTO_WARNING, Cloud
from bioinfo_assets_tests.launch.batch.checked_stack import (
    Check,
    FixAnswers,
    answers,
    check,
    cloud,
    is_problem,
    stack,
    user,
)

__all__ = ["answers", "check", "cloud", "stack", "user"]

pytestmark = pytest.mark.filterwarnings(MOTO_WARNING)

ECR = "AmazonEC2ContainerRegistry_V20150921"
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/tools:1"


class TestImage:
    def test_an_image_is_found_by_tag_and_by_digest(self, check: Check, stack: Mapping[str, str]) -> None:
        digest = check()["image"].message
        assert digest.startswith("sha256:")
        assert check(image=f"{stack['RepositoryUri']}@{digest}")["image"].message == digest

    def test_an_unset_image_is_reported(self, check: Check) -> None:
        assert is_problem(
            check(image=None)["image"], "no container image is set: set jobs.image to what `make push` printed"
        )

    @pytest.mark.parametrize("end", ["", ":9", f"@sha256:{'0' * 64}"], ids=["latest", "tag", "digest"])
    def test_an_image_that_was_not_pushed_is_a_problem(self, check: Check, stack: Mapping[str, str], end: str) -> None:
        image = stack["RepositoryUri"] + end
        assert is_problem(check(image=image)["image"], f"image {image} is not in its repository: push it (`make push`)")

    def test_a_missing_repository_is_a_problem(self, check: Check) -> None:
        image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/none:1"
        message = f"the repository of image {image} does not exist: create it (`make create-repo`)"
        assert is_problem(check(image=image)["image"], message)

    def test_an_image_in_another_registry_is_not_checked(self, check: Check) -> None:
        result = check(image="quay.io/lab/tools:1")["image"]
        assert (result.ok, result.message) == (True, "not checked: it is not in Amazon ECR")


class TestPlatform:
    """An image for several platforms names them; for one, only its configuration does, which moto does not keep."""

    @pytest.mark.parametrize(
        ("architectures", "ok"), [(["amd64", "arm64", "unknown"], True), (["arm64"], False)], ids=["both", "arm64"]
    )
    def test_one_for_several_platforms_has_to_have_that_of_the_machines(
        self, check: Check, cloud: Cloud, stack: Mapping[str, str], architectures: list[str], *, ok: bool
    ) -> None:
        digest = "sha256:" + "0" * 64
        index = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [
                {
                    "digest": digest,
                    "platform": {"os": "unknown" if name == "unknown" else "linux", "architecture": name},
                }
                for name in architectures
            ],
        }
        tag = "-".join(architectures)
        cloud.client("ecr").put_image(
            repositoryName=stack["RepositoryUri"].partition("/")[2],
            imageManifest=json.dumps(index),
            imageTag=tag,
            imageManifestMediaType=index["mediaType"],
        )
        image = f"{stack['RepositoryUri']}:{tag}"
        result = check(image=image)["image platform"]
        if ok:
            assert (result.ok, result.message) == (True, "linux/amd64, linux/arm64")
        else:
            message = (
                f"image {image} is for linux/arm64, but machines are linux/amd64: build it with `make build` and "
                "push it under a new tag"
            )
            assert is_problem(result, message)

    @pytest.mark.parametrize(("architecture", "ok"), [("amd64", True), ("arm64", False)])
    def test_one_for_a_single_platform_names_it_in_its_configuration(
        self, check: Check, answers: FixAnswers, architecture: str, *, ok: bool
    ) -> None:
        manifest = json.dumps({"schemaVersion": 2, "config": {"digest": "sha256:1"}})
        by_path: dict[str, object] = {
            f"{ECR}.DescribeImages": {"imageDetails": [{"imageDigest": "sha256:2"}]},
            f"{ECR}.BatchGetImage": {"images": [{"imageManifest": manifest}]},
            f"{ECR}.GetDownloadUrlForLayer": {"downloadUrl": "ENDPOINT/config"},
            "/config": {"os": "linux", "architecture": architecture},
        }
        with answers(by_path):
            result = check(queue="q", image=IMAGE)["image platform"]
        assert (result.ok, f"linux/{architecture}" in result.message) == (ok, True)

    def test_an_image_that_does_not_name_it_is_no_problem(self, check: Check) -> None:
        result = check()["image platform"]
        assert (result.ok, result.message) == (True, "not checked: the image does not name its platform")

    def test_it_is_not_checked_without_permission(self, check: Check, answers: FixAnswers) -> None:
        with answers({f"{ECR}.DescribeImages": {"imageDetails": [{"imageDigest": "sha256:2"}]}}):
            result = check(queue="q", image=IMAGE)["image platform"]
        assert (result.ok, result.message) == (True, "not checked: you have no permission for BatchGetImage")
