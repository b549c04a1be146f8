"""Checks of the container image in Amazon ECR."""

import json
import urllib.request
from re import Match
from typing import TYPE_CHECKING, Any, Final

import boto3

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.batch.check_machines import CONFIG
from bioinfo_assets.launch.batch.images import ECR_IMAGE

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient

_PLATFORM: Final = ("linux", "amd64")
_NOT_IN_ECR: Final = "not checked: it is not in Amazon ECR"
_MEDIA_TYPES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""An image for several platforms, or for one (OCI image specification; Docker's manifest, version 2)."""


def check_image(session: boto3.Session, image: str | None) -> str:
    """Return the digest of an image.

    Raises:
        InputError: it is not set, or not in its repository.
    """
    if image is None:
        raise InputError("no container image is set: set jobs.image to what `make push` printed")
    match = ECR_IMAGE.fullmatch(image)
    if match is None:
        return _NOT_IN_ECR
    client = _client(session, match)
    try:
        images = client.describe_images(
            registryId=match["account"], repositoryName=match["repository"], imageIds=[_image_id(match)]
        )["imageDetails"]
    except client.exceptions.RepositoryNotFoundException as error:
        raise InputError(f"the repository of image {image} does not exist: create it (`make create-repo`)") from error
    except client.exceptions.ImageNotFoundException as error:
        raise InputError(f"image {image} is not in its repository: push it (`make push`)") from error
    return images[0]["imageDigest"]


def check_platform(session: boto3.Session, image: str) -> str:
    """Return the platform of an image.

    Raises:
        InputError: it is not that of the machines, so that each job would end with "exec format error".
    """
    match = ECR_IMAGE.fullmatch(image)
    if match is None:
        return _NOT_IN_ECR
    platforms = _platforms(_client(session, match), match)
    names = ", ".join(sorted("/".join(platform) for platform in platforms))
    if not platforms:
        return "not checked: the image does not name its platform"
    if _PLATFORM not in platforms:
        raise InputError(
            f"image {image} is for {names}, but machines are {'/'.join(_PLATFORM)}: build it with `make build` "
            "and push it under a new tag"
        )
    return names


def _client(session: boto3.Session, match: Match[str]) -> "ECRClient":
    return session.client("ecr", region_name=match["region"], config=CONFIG)


def _image_id(match: Match[str]) -> Any:  # noqa: ANN401 - a dictionary with one of two keys
    return {"imageDigest": match["digest"]} if match["digest"] else {"imageTag": match["tag"] or "latest"}


def _platforms(client: "ECRClient", match: Match[str]) -> set[tuple[str, str]]:
    answer = client.batch_get_image(
        registryId=match["account"],
        repositoryName=match["repository"],
        imageIds=[_image_id(match)],
        acceptedMediaTypes=list(_MEDIA_TYPES),
    )
    found = set()
    for image in answer["images"]:
        manifest = json.loads(image["imageManifest"])
        if "manifests" in manifest:
            found |= {_platform(item.get("platform", {})) for item in manifest["manifests"]}
        elif "digest" in manifest.get("config", {}):
            found.add(_platform(_config(client, match, manifest["config"]["digest"])))
    return {platform for platform in found if "unknown" not in platform}  # attestations of BuildKit


def _platform(about: dict[str, Any]) -> tuple[str, str]:
    return about.get("os", "unknown"), about.get("architecture", "unknown")


def _config(client: "ECRClient", match: Match[str], digest: str) -> dict[str, Any]:
    url = client.get_download_url_for_layer(
        registryId=match["account"], repositoryName=match["repository"], layerDigest=digest
    )["downloadUrl"]
    with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - a URL from AWS
        config: dict[str, Any] = json.load(answer)
    return config
