"""Container images in the terms of the profile: registry, name, tag and digest."""

import re
from typing import Final

from bioinfo_assets.provenance.crate.entities import Entities, Ref
from bioinfo_assets.provenance.crate.iri import local_id

_REFERENCE: Final = re.compile(
    r"(?:(?P<registry>[^/]+[.:][^/]*|localhost)/)?(?P<name>[^:@]+)(?::(?P<tag>[^@]+))?(?:@sha256:(?P<sha256>[0-9a-f]{64}))?"
)
"""A reference to an image (https://pkg.go.dev/github.com/distribution/reference): the first part is a registry if it
has a dot or a port; else the image is Docker Hub's."""

_DOCKER: Final = "https://w3id.org/ro/terms/workflow-run#DockerImage"


def parts_of(image: str) -> dict[str, str | None]:
    """The parts of an image's name.

    >>> parts_of("localhost:5000/genomics/tools:2@sha256:" + 64 * "a")["registry"]
    'localhost:5000'
    >>> parts_of("ubuntu")
    {'registry': 'docker.io', 'name': 'ubuntu', 'tag': None, 'sha256': None}
    """
    found = _REFERENCE.fullmatch(image)
    parts = found.groupdict() if found else {"registry": None, "name": image, "tag": None, "sha256": None}
    return parts | {"registry": parts["registry"] or "docker.io"}


def image_of(entities: Entities, image: str) -> Ref | None:
    """The image that a job ran in; None where it ran in none."""
    if not image:
        return None
    properties = {"additionalType": {"@id": _DOCKER}, **parts_of(image)}
    return entities.describe(local_id("images", image), "ContainerImage", properties)
