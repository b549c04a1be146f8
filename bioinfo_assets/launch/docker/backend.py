"""The docker backend: a job in a container of this machine, with the image, the limits and the tools of the cloud."""

import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from docker import DockerClient

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.backend import NO_OPTIONS, Submission
from bioinfo_assets.launch.docker.container import Container, remove_orphans
from bioinfo_assets.launch.docker.engine import connect
from bioinfo_assets.launch.docker.images import Images
from bioinfo_assets.launch.host_backend import HostBackend
from bioinfo_assets.launch.host_job import HostJob, NotStartedError
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.launch.outcome import Outcome
from bioinfo_assets.storage.store import Store


class DockerBackend(HostBackend):
    """Runs each job in a container of its own, held to its CPUs and memory, without a network.

    The container sees its attempt's folder, and its inputs, which it can only read; inputs from elsewhere are fetched
    by the host. What it makes belongs to whoever runs the host.

    Args:
        scratch: The folder for attempts; the engine must be on this machine, or see the folder under the same path.
        store: Where inputs come from.
        image: The container image of jobs that name none.
        cpus: How many CPUs jobs share; all of this machine's if None.
        memory_mib: How much memory they share; all of it if None.
    """

    name: Final = "docker"

    def __init__(
        self,
        scratch: Path,
        store: Store,
        image: str | None = None,
        cpus: int | None = None,
        memory_mib: int | None = None,
    ) -> None:
        super().__init__(scratch, store, cpus, memory_mib)
        self._image = image
        self._connecting = threading.Lock()
        self._client: DockerClient | None = None
        self._images: Images | None = None

    def tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str]:
        """The versions of these tools, as the image lists them; it is fetched first if it is not here.

        Raises:
            InputError: no image is set.
            ResourceError: the engine does not answer, the image cannot be had, or a tool is not in it.
        """
        return self._engine()[1].tool_versions(self._image_of(options), tools)

    def submit(self, job: Job, fingerprint: str = "") -> Submission:
        """Takes a job and starts it as soon as there is room and its image is here.

        Raises:
            InputError: no image is set.
            ResourceError: it asks for more memory than there is, the disk is full, or the engine does not answer.
        """
        self._image_of(job.options)
        self._engine()
        return super().submit(job, fingerprint)

    def close(self) -> None:
        """Ends whatever still runs, and leaves the engine alone."""
        super().close()
        with self._connecting:
            if self._client is not None:
                self._client.close()
            self._client = self._images = None

    def _prepare(self, run: HostJob) -> None:
        self._engine()[1].fetched(self._image_of(run.job.options), lambda what: self._waits_for(run, what))

    def _start(self, run: HostJob) -> Container:
        client, images = self._engine()
        name = self._image_of(run.job.options)
        image = images.find(name)
        if image is None:
            raise NotStartedError(f"the image {name} was removed meanwhile: run it again", Outcome.IMAGE_MISSING)
        return Container(client, run, name, image)

    def _image_of(self, options: JobOptions) -> str:
        name = options.image or self._image
        if name is None:
            raise InputError("no container image is set: name one by the setting image, or use the local backend")
        return name

    def _engine(self) -> tuple[DockerClient, Images]:
        with self._connecting:
            if self._client is None or self._images is None:
                client = connect(at_once=2 * self._shares.cpus + 8)  # a line and a question for each job
                remove_orphans(client)
                self._client, self._images = client, Images(client)
            return self._client, self._images
