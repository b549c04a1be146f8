"""Which image jobs run in, and which tools are in it.

Tool versions belong to a result's fingerprint, so that they must be known before a job is made. The image lists them in
a file of its own; a small job reads it, once for each image, and leaves it in scratch. Images in ECR are asked for
their digest and run by it: a tag that is moved meanwhile changes nothing.
"""

import re
from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bioinfo_assets.errors import InputError, ResourceError
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.batch.single_flight import SingleFlight
from bioinfo_assets.launch.batch.tool_probe import ToolsProbe
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.storage.store import Store, join

IN_ECR: Final = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr(-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/"
    r"(?P<repository>[^:@]+)(:(?P<tag>[^@]+))?(@(?P<digest>sha256:[0-9a-f]{64}))?"
)
"""An image in ECR (AWS user guide, private registry)."""


class Images:
    """The images of jobs, by their options; safe for threads.

    Args:
        client: To Batch.
        store: Where lists of tools are kept.
        scratch: Under which prefix.
        probe: Reads the lists.
    """

    def __init__(self, client: Client, store: Store, scratch: str, probe: ToolsProbe) -> None:
        self._client = client
        self._store = store
        self._scratch = scratch
        self._probe = probe
        self._references: SingleFlight[str] = SingleFlight()
        self._tools: SingleFlight[Mapping[str, str]] = SingleFlight()

    def of(self, options: JobOptions) -> str:
        """The image of jobs with these options, by its digest where that can be asked for.

        Raises:
            InputError: there is none, or the given definition is not there.
        """
        if options.job_definition:
            return self._references.get(options.job_definition, self._defined)
        if options.image is None:
            raise InputError(
                "no container image is set for AWS Batch: set `image` in [jobs] of bioinfo-assets.toml, or by --image"
            )
        return self._references.get(options.image, by_digest)

    def tools(self, options: JobOptions) -> Mapping[str, str]:
        """The version of each tool in the image of jobs with these options.

        Raises:
            BioinfoAssetsError: the image cannot be had, or has no list.
        """
        return self._tools.get(self.of(options), lambda image: self._listed(options, image))

    def versions(self, tools: Collection[str], options: JobOptions) -> Mapping[str, str]:
        """The versions of these tools in the image of jobs with these options.

        Raises:
            ResourceError: the image has no such tool.
        """
        listed = self.tools(options) if tools else {}
        for tool in tools:
            if tool not in listed:
                raise ResourceError(f"the container image {self.of(options)} has no {tool}: use one that has it")
        return {tool: listed[tool] for tool in tools}

    def forget(self, options: JobOptions) -> None:
        """Has the list of tools read anew: the image's tag was moved."""
        image = self.of(options)
        self._references.forget(options.job_definition or options.image or "")
        self._tools.forget(image)
        self._store.delete(self._list_of(image))

    def _defined(self, definition: str) -> str:
        found = self._client.definition(definition)
        if found is None:
            raise InputError(f"job definition {definition} is not there or not active: register it, or check its name")
        return found.get("containerProperties", {}).get("image", "")

    def _listed(self, options: JobOptions, image: str) -> Mapping[str, str]:
        uri = self._list_of(image)
        if not self._store.exists(uri):
            self._probe.copy_list(options, image, uri)
        rows = (line.split("\t", 1) for line in self._store.read_bytes(uri).decode().splitlines() if "\t" in line)
        return dict(rows)

    def _list_of(self, image: str) -> str:
        return join(self._scratch, "images", f"{sha256(image.encode()).hexdigest()}.tsv")


def by_digest(image: str) -> str:
    """An ECR image by its digest, as far as that may be asked for; any other as it is."""
    named = IN_ECR.fullmatch(image)
    if named is None or named["digest"]:
        return image
    tag = named["tag"] or "latest"
    ecr = boto3.Session().client("ecr", region_name=named["region"], config=Config(retries={"mode": "standard"}))
    try:
        found = ecr.describe_images(
            registryId=named["account"], repositoryName=named["repository"], imageIds=[{"imageTag": tag}]
        )
    except (ClientError, BotoCoreError):
        return image  # not allowed, or not there: the job's own failure tells which
    finally:
        ecr.close()
    digest = found["imageDetails"][0]["imageDigest"]
    return f"{image.removesuffix(f':{tag}')}@{digest}"
