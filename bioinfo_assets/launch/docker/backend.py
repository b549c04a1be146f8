"""Jobs in containers of this machine, with the image, the limits and the tools that they have on AWS Batch."""

import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from docker import DockerClient

from bioinfo_assets.errors import InputError, ResourceError
from bioinfo_assets.launch.backend import NO_OPTIONS, IsPublished, Outcome, Submission, never_published
from bioinfo_assets.launch.docker.container import Container, remove_orphans
from bioinfo_assets.launch.docker.engine import connect
from bioinfo_assets.launch.docker.images import Images
from bioinfo_assets.launch.host_backend import HostBackend
from bioinfo_assets.launch.host_job import HostJob, NotStartedError
from bioinfo_assets.launch.job import Job, JobOptions
from bioinfo_assets.storage.store import Store


class DockerBackend(HostBackend):
    """Runs each job in a container of its own, limited to its CPUs and memory, without a network.

    The container sees its attempt's folder, and its inputs read-only; the host downloads remote inputs. The outputs
    belong to the user who runs the host.

    Args:
        scratch: The folder for attempts; the engine must be on this machine, or see the folder under the same path.
        store: Where inputs come from.
        image: The container image of jobs whose options name none.
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
        """Return the versions of these tools, as the image lists them; pull the image first if it is not local.

        Raises:
            InputError: no image is set.
            ResourceError: the engine does not answer, the image cannot be pulled, or does not contain a tool.
        """
        return self._engine()[1].tool_versions(self._image_of(options), tools)

    def known_tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str] | None:
        """Return the versions that a local image lists; None if the image is not local, or no engine answers.

        Raises:
            InputError: no image is set.
            ResourceError: the image does not contain a tool.
        """
        name = self._image_of(options)
        try:
            images = self._engine()[1]
            if images.find(name) is None:
                return None
        except ResourceError:
            return None
        return images.tool_versions(name, tools)

    def submit(
        self,
        job: Job,
        fingerprint: str = "",
        is_published: IsPublished = never_published,
        followers: Sequence[Job] = (),
    ) -> Submission:
        """Queue a job, which starts as soon as there are resources for it and its image is local.

        Raises:
            InputError: no image is set.
            ResourceError: it needs more memory than the pool has, the disk is full, or the engine does not answer.
        """
        for own in (job, *followers):
            self._image_of(own.options)
        self._engine()
        return super().submit(job, fingerprint, is_published, followers)

    def close(self, *, leave_jobs: bool = False) -> None:
        """End all running jobs and close the connections to the engine."""
        super().close(leave_jobs=leave_jobs)
        with self._connecting:
            if self._client is not None:
                self._client.close()
            self._client = self._images = None

    def _prepare(self, job: HostJob) -> None:
        self._engine()[1].pull(self._image_of(job.job.options), lambda message: self._report_progress(job, message))

    def _start(self, job: HostJob) -> Container:
        client, images = self._engine()
        name = self._image_of(job.job.options)
        image = images.find(name)
        if image is None:
            raise NotStartedError(f"the image {name} was removed meanwhile: run the job again", Outcome.IMAGE_MISSING)
        return Container(client, job, name, image)

    def _image_of(self, options: JobOptions) -> str:
        name = options.image or self._image
        if name is None:
            raise InputError("no container image is set: set image to one, or use the local backend")
        return name

    def _engine(self) -> tuple[DockerClient, Images]:
        with self._connecting:
            if self._client is None or self._images is None:
                client = connect(max_connections=2 * self._pool.cpus + 8)  # two per job: its streams, its end
                remove_orphans(client)
                self._client, self._images = client, Images(client)
            return self._client, self._images
