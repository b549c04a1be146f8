"""Container images: whether they are here, how they are fetched, and which tools are in them."""

import io
import tarfile
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from docker import DockerClient
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.images import Image
from docker.utils import parse_repository_tag
from requests.exceptions import RequestException

from bioinfo_assets.errors import ResourceError
from bioinfo_assets.launch.docker.engine import error_message, translate_engine_errors
from bioinfo_assets.launch.host_job import NotStartedError
from bioinfo_assets.launch.outcome import Outcome
from bioinfo_assets.launch.tools import IMAGE_LIST

_GLANCE_S: Final = 0.2  # between two looks at a pull


@dataclass(slots=True)
class _Pull:
    """An image on its way; many jobs may wait for it."""

    layers: dict[str, tuple[int, int]] = field(default_factory=dict)
    problem: str = ""
    over: threading.Event = field(default_factory=threading.Event)

    def read(self, line: Mapping[str, Any]) -> None:
        """One line of the engine's progress (API reference, ImageCreate)."""
        if "error" in line:
            self.problem = " ".join(str(line["error"]).split())
        layer, detail = line.get("id", ""), line.get("progressDetail") or {}
        if line.get("status") == "Downloading" and "total" in detail:
            self.layers[layer] = (detail["current"], detail["total"])
        elif line.get("status") == "Download complete" and layer in self.layers:
            self.layers[layer] = (self.layers[layer][1], self.layers[layer][1])

    def progress(self) -> str:
        here, total = (sum(size) / 1e6 for size in zip(*self.layers.values(), strict=True)) if self.layers else (0, 0)
        return f" ({here:.0f} of {total:.0f} MB)" if total else ""


class Images:
    """The images of an engine; safe for threads.

    Args:
        client: To the engine.
    """

    def __init__(self, client: DockerClient) -> None:
        self._client = client
        self._pulls: dict[str, _Pull] = {}
        self._tools: dict[str, Mapping[str, str]] = {}
        self._lock = threading.Lock()

    def find(self, name: str) -> Image | None:
        """The image if it is on this machine."""
        with translate_engine_errors():
            try:
                return self._client.images.get(name)
            except ImageNotFound:
                return None

    def fetched(self, name: str, go_on: Callable[[str], bool]) -> Image | None:
        """The image, from its registry if it is not here.

        Args:
            name: Its name.
            go_on: Told how far it is, every moment; False leaves the engine alone with it.

        Returns:
            The image; None if `go_on` said so.

        Raises:
            NotStartedError: it cannot be had.
        """
        image = self.find(name)
        if image is not None:
            return image
        pull = self._pull_of(name)
        while not pull.over.wait(_GLANCE_S):
            if not go_on(f"its image {name} is being fetched{pull.progress()}"):
                return None
        image = None if pull.problem else self.find(name)
        if image is None:
            raise NotStartedError(
                f"the image {name} is not on this machine and cannot be fetched "
                f"({pull.problem or 'what came has another name'}): build it (make build-local), or name another by "
                "the setting image",
                Outcome.IMAGE_MISSING,
            )
        return image

    def tool_versions(self, name: str, tools: Collection[str]) -> Mapping[str, str]:
        """The version of each of these tools, as the image lists them; no container is run for that.

        Raises:
            ResourceError: the image cannot be had, has no list of its tools, or one of these is not in it.
        """
        image = self.fetched(name, lambda _: True)
        if image is None or image.id is None:
            raise ResourceError(f"the image {name} has no id")
        if image.id not in self._tools:
            self._tools[image.id] = self._listed(name, image.id)
        listed = self._tools[image.id]
        for tool in tools:
            if tool not in listed:
                raise ResourceError(
                    f"the image {name} has no {tool}: name one that has it by the setting image, or build it anew "
                    "(make build-local)"
                )
        return {tool: listed[tool] for tool in sorted(set(tools))}

    def _pull_of(self, name: str) -> _Pull:
        with self._lock:
            if name not in self._pulls:
                self._pulls[name] = _Pull()
                threading.Thread(target=self._fetch, args=(name, self._pulls[name]), daemon=True).start()
            return self._pulls[name]

    def _fetch(self, name: str, pull: _Pull) -> None:
        repository, tag = parse_repository_tag(name)
        try:
            for line in self._client.api.pull(repository, tag or "latest", stream=True, decode=True):
                pull.read(line)
        except APIError as error:
            pull.problem = error_message(error)
        except (DockerException, RequestException) as error:
            pull.problem = str(error)
        with self._lock:
            del self._pulls[name]
        pull.over.set()

    def _listed(self, name: str, image_id: str) -> Mapping[str, str]:
        with translate_engine_errors():
            container = self._client.api.create_container(image_id, ["true"])["Id"]
            try:
                chunks, _ = self._client.api.get_archive(container, IMAGE_LIST)
                archive = b"".join(chunks)
            except NotFound as error:
                raise ResourceError(
                    f"the image {name} has no list of its tools ({IMAGE_LIST}): build it by make build-local, or name "
                    "one that was by the setting image"
                ) from error
            finally:
                self._client.api.remove_container(container, v=True, force=True)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            file = tar.extractfile(tar.getmembers()[0])
            text = file.read().decode() if file else ""
        return dict(line.split("\t", 1) for line in text.splitlines() if "\t" in line)


def reference(name: str, image: Image) -> str:
    """What names an image's content: repository and digest where it came from one, else its name and its id."""
    repository, _ = parse_repository_tag(name)
    digests = image.attrs.get("RepoDigests") or []
    own = [digest for digest in digests if digest.startswith(f"{repository}@")]
    return own[0] if own else f"{name}@{image.id}"
