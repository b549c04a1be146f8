"""How the runs of this machine share its CPUs and memory, and the work on common results, whoever started them.

Each backend has a file in a folder of the user. It is locked while the backend is open, and states what its jobs
hold, which results they compute, and since when the first of its queue has waited. A file that nobody has locked
belongs to a process that died: what it held is free. There is no server, and nothing to clean up after a crash.
"""

import json
import logging
import os
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import uuid4

from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.launch.job import Resources
from bioinfo_assets.launch.machine_limits import cpu_ids, memory_limit
from bioinfo_assets.storage.atomic import translate_disk_errors
from bioinfo_assets.storage.file_lock import file_lock, is_held

_log = logging.getLogger(__name__)

FOLDER_VARIABLE: Final = "BIOINFO_MACHINE_FOLDER"
"""The environment variable that names another folder, for example one of a group of users."""

_LOCK: Final = "lock"

_BLOCK: Final = 4096
"""Bytes by which a file grows: usual file systems overwrite a block that they have given."""

TICKET_TIMEOUT_S: Final = 30.0
"""Seconds after which a process that waits and no longer asks, such as a suspended one, loses its turn."""


@dataclass(frozen=True, slots=True)
class _Use:
    """What the jobs of one backend hold.

    Attributes:
        cpus: CPUs.
        memory_mib: Memory.
        waiting_since: Since when the first job of its queue has waited; 0 if none does.
        last_request: When it asked for the last time.
        results: Those that its jobs compute, and that are not published yet.
        cpu_ids: The CPUs that it may use.
        memory_group: The control group whose memory it shares; empty if it is the machine's.
    """

    cpus: int = 0
    memory_mib: int = 0
    waiting_since: float = 0.0
    last_request: float = 0.0
    results: Sequence[str] = ()
    cpu_ids: Sequence[int] = ()
    memory_group: str = ""

    def waits_longer_than(self, since: float, now: float) -> bool:
        """Whether its first job has waited since before a time, and is still asked for."""
        return 0.0 < self.waiting_since < since and now - self.last_request < TICKET_TIMEOUT_S


@dataclass(slots=True)
class MachineShare:
    """What the jobs of one backend hold of this machine; not thread-safe by itself.

    A job gets resources if they are free in addition to what all others hold, and if no other backend's first job has
    waited longer: the small jobs of one run do not starve a big one of another.

    Attributes:
        cpus: CPUs of this machine that its processes may use.
        memory_mib: The memory that they may use.
        folder: Where the backends of this machine have their files.
        cpu_ids: The CPUs by their numbers: a scheduler such as Slurm gives others to other allocations.
        memory_group: The control group whose memory that is; empty if it is the machine's.
    """

    cpus: int
    memory_mib: int
    folder: Path
    cpu_ids: Collection[int] = field(default_factory=cpu_ids)
    memory_group: str = field(default_factory=lambda: memory_limit().group)
    _held: dict[str, Resources] = field(default_factory=dict)
    _claimed: dict[str, str] = field(default_factory=dict)
    _waiting_since: float = 0.0
    _file: Path | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    def claim(self, results: Mapping[str, str]) -> bool:
        """Claim the results of jobs that are about to start; return False if another backend has claimed one of them.

        Args:
            results: By the id of each job: its result. They are claimed until `end_claim`.

        Raises:
            InputError: the folder cannot be written to.
            ResourceError: its disk is full.
        """
        if results.keys() <= self._claimed.keys():
            return True
        own = self.open()
        with self._all_locked():
            if any(not set(results.values()).isdisjoint(use.results) for use in self._others(own)):
                return False
            claimed = {**self._claimed, **results}
            self._write(own, self._held, claimed, self._waiting_since)
            self._claimed = claimed
        return True

    def end_claim(self, job_id: str) -> None:
        """Let others compute a job's result: it is published, or the job has failed."""
        if self._claimed.pop(job_id, None) is not None:
            self._update()

    def try_hold(self, job_id: str, resources: Resources) -> bool:
        """Hold resources for a job and return True if they are free; otherwise wait in turn, until it is asked again.

        Raises:
            InputError: the folder cannot be written to.
            ResourceError: its disk is full.
        """
        own = self.open()
        with self._all_locked():
            now = time.time()
            since = self._waiting_since or now
            others = self._others(own)
            is_granted = self._is_free(resources, others) and not any(
                use.waits_longer_than(since, now) for use in others if self._shares_cpus(use)
            )
            held = {**self._held, job_id: resources} if is_granted else self._held
            waiting_since = 0.0 if is_granted else since
            self._write(own, held, self._claimed, waiting_since)
            self._held, self._waiting_since = held, waiting_since
            return is_granted

    def release(self, job_id: str) -> None:
        """Give back what a job held."""
        if self._held.pop(job_id, None) is not None:
            self._update()

    def stop_waiting(self) -> None:
        """Leave the queue of the machine: no job of this backend waits for others any more."""
        if self._waiting_since:
            self._waiting_since = 0.0
            self._update()

    def close(self) -> None:
        """Give back everything."""
        self._stack.close()
        self._held.clear()
        self._claimed.clear()
        self._waiting_since, self._file = 0.0, None

    def open(self) -> Path:
        """Take part in sharing; returns this backend's file.

        Raises:
            InputError: the folder cannot be written to.
            ResourceError: its disk is full.
        """
        if self._file is not None and not self._file.exists():  # somebody has emptied the folder, as of old files
            self._stack.close()
            self._file = None
        if self._file is None:
            with translate_disk_errors(self.folder):
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = self.folder / f"{os.getpid()}-{uuid4().hex[:8]}.use"
            with self._all_locked(), ExitStack() as stack:  # others take a file that nobody has locked for a dead one's
                stack.enter_context(file_lock(file))
                stack.callback(file.unlink, missing_ok=True)
                self._share_with_users(file)
                self._write(file, self._held, self._claimed, self._waiting_since)
                self._file, self._stack = file, stack.pop_all()
        return self._file

    def _share_with_users(self, file: Path) -> None:
        """Let whoever may write to the folder lock and read its files, whatever the umask."""
        mode = self.folder.stat().st_mode & 0o666
        file.chmod(mode)
        with suppress(PermissionError):  # another user's
            (self.folder / _LOCK).chmod(mode)

    def _all_locked(self) -> AbstractContextManager[None]:
        return file_lock(self.folder / _LOCK)

    def _others(self, own: Path) -> list[_Use]:
        """What the other backends of this machine hold; the files of processes that died are removed."""
        uses = []
        for file in self.folder.glob("*.use"):
            if file == own:
                continue
            if is_held(file):
                uses.append(_read(file))
            else:
                with suppress(PermissionError):  # another user's, in a folder where only its owner removes a file
                    file.unlink(missing_ok=True)
        return uses

    def _is_free(self, resources: Resources, others: Sequence[_Use]) -> bool:
        """Whether the machine has these resources in addition to what its own jobs and those of others hold."""
        own = (*self._held.values(), resources)
        others_memory = sum(use.memory_mib for use in others if use.memory_group == self.memory_group)
        cpus = sum(held.cpus for held in own) + sum(use.cpus for use in others if self._shares_cpus(use))
        memory_mib = sum(held.memory_mib for held in own) + others_memory
        return cpus <= self.cpus and memory_mib <= self.memory_mib

    def _shares_cpus(self, other: _Use) -> bool:
        return not other.cpu_ids or not set(other.cpu_ids).isdisjoint(self.cpu_ids)

    def _update(self) -> None:
        """State what the jobs hold now that it is less; if that fails, others learn of it with the next change."""
        if self._file is None:
            return
        try:
            with self._all_locked():
                self._write(self._file, self._held, self._claimed, self._waiting_since)
        except (BioinfoAssetsError, OSError) as error:
            _log.warning("other runs wait longer than they need to: %s", error)

    def _write(
        self, file: Path, held: Mapping[str, Resources], claimed: Mapping[str, str], waiting_since: float
    ) -> None:
        """Write in place, and at least as many bytes as before: a disk that is full since has room for them.

        If it has no room for more, the file is as before.
        """
        cpus = sum(resources.cpus for resources in held.values())
        memory_mib = sum(resources.memory_mib for resources in held.values())
        use = [cpus, memory_mib, waiting_since, time.time(), list(claimed.values()), [*self.cpu_ids], self.memory_group]
        data = json.dumps(use).encode("ascii")
        size = max(file.stat().st_size, -(-len(data) // _BLOCK) * _BLOCK)
        with translate_disk_errors(self.folder), file.open("r+b") as handle:
            os.posix_fallocate(handle.fileno(), 0, size)
            handle.write(data.ljust(size))


def machine_folder() -> Path:
    """The folder in which this user's backends share this machine.

    It is on a disk of the machine, since a home may be shared by several, and the same whatever session, service or
    schedule a process belongs to.

    Raises:
        InputError: another user made a folder of that name.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    folder = Path(f"/tmp/bioinfo-assets-{os.getuid()}")  # noqa: S108 - its mode is 0700
    with suppress(FileNotFoundError):
        if folder.lstat().st_uid != os.getuid():  # of a link, its own: where it leads is not looked at
            raise InputError(f"{folder} belongs to another user: remove it, or set {FOLDER_VARIABLE} to another folder")
    return folder


def _read(file: Path) -> _Use:
    """What a backend's file states; nothing if it is just being created."""
    with suppress(OSError, ValueError, TypeError):
        return _Use(*json.loads(file.read_text(encoding="ascii")))
    return _Use()
