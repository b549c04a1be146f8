"""Container images: finding them on this machine, pulling them, and reading the list of their tools."""

import io
import tarfile
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from docker import DockerClient
from docker.errors import APIError, ImageNotFound, NotFound
from docker.models.images import Image
from docker.utils import parse_repository_tag

from bioinfo_assets.errors import MissingToolError, ResourceError
from bioinfo_assets.launch.backend import Outcome
from bioinfo_assets.launch.docker.engine import error_message, translate_engine_errors
from bioinfo_assets.launch.host_job import NotStartedError
from bioinfo_assets.launch.tools import IMAGE_LIST

_PULL_POLL_INTERVAL_S: Final = 0.2


@dataclass(slots=True)
class _Pull:
    """A pull in progress; many jobs may wait for it."""

    layers: dict[str, tuple[int, int]] = field(default_factory=dict)
    problem: str = ""
    is_over: threading.Event = field(default_factory=threading.Event)

    def update(self, line: Mapping[str, Any]) -> None:
        """Take in one line of the engine's progress (API reference, ImageCreate)."""
        if "error" in line:
            self.problem = " ".join(str(line["error"]).split())
        layer, detail = line.get("id", ""), line.get("progressDetail") or {}
        if line.get("status") == "Downloading" and "total" in detail:
            self.layers[layer] = (detail.get("current", 0), detail["total"])  # the engine leaves 0 out
        elif line.get("status") == "Download complete" and layer in self.layers:
            self.layers[layer] = (self.layers[layer][1], self.layers[layer][1])

    def progress(self) -> str:
        if not self.layers:
            return ""
        downloaded, total = (sum(size) / 1e6 for size in zip(*self.layers.values(), strict=True))
        return f" ({downloaded:.0f} of {total:.0f} MB)" if total else ""


class Images:
    """The images of an engine; safe for threads.

    A name is one image for good, from the first look at it: the versions of its tools are in fingerprints, so that jobs
    have to run in it although another image is built or pulled under its name meanwhile.

    Args:
        client: To the engine.
    """

    def __init__(self, client: DockerClient) -> None:
        self._client = client
        self._pulls: dict[str, _Pull] = {}
        self._tools: dict[str, Mapping[str, str]] = {}
        self._ids: dict[str, str] = {}
        self._lock = threading.Lock()

    def find(self, name: str) -> Image | None:
        """Return the image if it is on this machine."""
        with translate_engine_errors(), self._lock:
            try:
                image = self._client.images.get(self._ids.get(name, name))
            except ImageNotFound:
                return None
            self._ids[name] = str(image.id)
            return image

    def pull(self, name: str, on_progress: Callable[[str], bool]) -> Image | None:
        """Return the image, pulled from its registry if it is not on this machine.

        Args:
            name: Its name.
            on_progress: Called every moment with the progress in words; returns False to stop waiting.

        Returns:
            The image; None if `on_progress` returned False. The engine then continues the pull.

        Raises:
            NotStartedError: it cannot be pulled.
        """
        image = self.find(name)
        if image is not None:
            return image
        pull = self._pull_in_background(name)
        while not pull.is_over.wait(_PULL_POLL_INTERVAL_S):
            if not on_progress(f"pulling its image {name}{pull.progress()}"):
                return None
        image = None if pull.problem else self.find(name)
        if image is None:
            raise NotStartedError(
                f"the image {name} is not on this machine and cannot be pulled "
                f"({pull.problem or 'the pulled image has another name'}): build it (make build-local), or set image "
                "to another",
                Outcome.IMAGE_MISSING,
            )
        return image

    def tool_versions(self, name: str, tools: Collection[str]) -> Mapping[str, str]:
        """Return the version of each of these tools, as the image lists them; no container is started for that.

        Raises:
            ResourceError: the image cannot be pulled, has no list of its tools, or does not contain one of these.
        """
        image = self.pull(name, lambda _: True)
        if image is None or image.id is None:
            raise ResourceError(f"the image {name} has no id")
        if image.id not in self._tools:
            self._tools[image.id] = self._read_tool_list(name, image.id)
        versions = self._tools[image.id]
        for tool in tools:
            if tool not in versions:
                raise MissingToolError(
                    f"the image {name} does not contain {tool}: set image to one that does, or build it again "
                    "(make build-local)"
                )
        return {tool: versions[tool] for tool in sorted(set(tools))}

    def _pull_in_background(self, name: str) -> _Pull:
        with self._lock:
            if name not in self._pulls:
                self._pulls[name] = _Pull()
                threading.Thread(target=self._run_pull, args=(name, self._pulls[name]), daemon=True).start()
            return self._pulls[name]

    def _run_pull(self, name: str, pull: _Pull) -> None:
        try:
            repository, tag = parse_repository_tag(name)
            for line in self._client.api.pull(repository, tag or "latest", stream=True, decode=True):
                pull.update(line)
        except APIError as error:
            pull.problem = error_message(error)
        except Exception as error:  # noqa: BLE001 - of docker, requests, urllib3 or JSON: jobs wait for the end of the pull
            pull.problem = str(error) or repr(error)
        finally:
            with self._lock:
                del self._pulls[name]
            pull.is_over.set()

    def _read_tool_list(self, name: str, image_id: str) -> Mapping[str, str]:
        with translate_engine_errors():
            container = self._client.api.create_container(image_id, ["true"])["Id"]
            try:
                chunks, _ = self._client.api.get_archive(container, IMAGE_LIST)
                archive = b"".join(chunks)
            except NotFound as error:
                raise ResourceError(
                    f"the image {name} has no list of its tools ({IMAGE_LIST}): build it by make build-local, or "
                    "set image to one that was"
                ) from error
            finally:
                self._client.api.remove_container(container, v=True, force=True)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            file = tar.extractfile(tar.getmembers()[0])
            text = file.read().decode() if file else ""
        return dict(line.split("\t", 1) for line in text.splitlines() if "\t" in line)


def image_reference(name: str, image: Image) -> str:
    """Return what identifies an image's content: repository and digest if it came from a registry, else name and id."""
    repository, _ = parse_repository_tag(name)
    digests = image.attrs.get("RepoDigests") or []
    own = [digest for digest in digests if digest.startswith(f"{repository}@")]
    return own[0] if own else f"{name}@{image.id}"
