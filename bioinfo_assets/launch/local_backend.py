"""Jobs on this machine: each in a session and a scratch folder of its own, sharing its CPUs and memory in turn."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from bioinfo_assets.launch.backend import NO_OPTIONS
from bioinfo_assets.launch.host_backend import HostBackend
from bioinfo_assets.launch.host_job import HostJob
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.launch.process import Process
from bioinfo_assets.launch.tool_version_cache import cached_tool_versions
from bioinfo_assets.storage.store import Store

_PASSED_ON: Final = ("JAVA_HOME", "LD_LIBRARY_PATH")  # where tools that are not the system's own find their parts


class LocalBackend(HostBackend):
    """Runs jobs as processes of this machine; memory is counted as asked for, not enforced.

    Args:
        scratch: The folder for attempts; as large as the inputs, outputs and temporary files of the jobs at work.
        store: Where inputs come from.
        cpus: How many CPUs jobs share; all of this machine's if None.
        memory_mib: How much memory they share; all of it if None.
        tool_path: Folders in which tools are looked for before `$PATH`.
    """

    name: Final = "local"

    def __init__(
        self,
        scratch: Path,
        store: Store,
        cpus: int | None = None,
        memory_mib: int | None = None,
        tool_path: tuple[Path, ...] = (),
    ) -> None:
        super().__init__(scratch, store, cpus, memory_mib)
        self._path = os.pathsep.join([*map(str, tool_path), os.environ.get("PATH", os.defpath)])

    def tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str]:  # noqa: ARG002
        """The versions of these tools as jobs meet them here.

        Raises:
            ResourceError: a tool is missing; the sentence names the command that installs it.
        """
        return cached_tool_versions(tools, self._path)

    def _start(self, run: HostJob) -> Process:
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return Process(run.attempt, {**passed_on, "PATH": self._path, **run.variables()})
