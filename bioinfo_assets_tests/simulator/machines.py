"""The machines of a queue: what each has of CPUs, memory and disk, and which jobs it holds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bioinfo_assets_tests.simulator.job import Job

AGENT_SHARE: Final = 0.05
"""What the system and the container agent take of a machine's memory (Batch User Guide, memory management: a buffer of
some 5 % is recommended)."""


@dataclass(frozen=True)
class Machine:
    """An EC2 instance.

    Attributes:
        vcpus: Its CPUs.
        memory_mib: Its memory, before the agent's share.
        disk: The folder that its jobs find as `JOB_DISK`; None: what the job itself names.
    """

    vcpus: int
    memory_mib: int
    disk: Path | None = None

    @property
    def job_memory_mib(self) -> int:
        """The memory that jobs can have."""
        return int(self.memory_mib * (1 - AGENT_SHARE))

    def could_hold(self, job: Job) -> bool:
        """Whether the job fits onto an empty machine of this kind."""
        return _vcpus(job) <= self.vcpus and job.settings.memory_mib <= self.job_memory_mib


@dataclass
class Fleet:
    """The machines of one queue, all running; none: jobs run without any machine of theirs."""

    machines: Sequence[Machine]
    _held: dict[Job, int] = field(default_factory=dict)
    _next: int = 0

    def could_hold(self, job: Job) -> bool:
        """Whether the job would fit if nothing else ran."""
        return not self.machines or any(machine.could_hold(job) for machine in self.machines)

    def place(self, job: Job) -> bool:
        """Put a job onto a machine with enough CPUs and memory left, in turns; return whether there is one."""
        if not self.machines:
            return True
        for offset in range(len(self.machines)):
            index = (self._next + offset) % len(self.machines)
            machine = self.machines[index]
            jobs = [held for held, place in self._held.items() if place == index]
            vcpus = machine.vcpus - sum(map(_vcpus, jobs))
            memory_mib = machine.job_memory_mib - sum(held.settings.memory_mib for held in jobs)
            if _vcpus(job) <= vcpus and job.settings.memory_mib <= memory_mib:
                self._held[job], self._next = index, index + 1
                return True
        return False

    def release(self, job: Job) -> None:
        """Take a job off its machine."""
        self._held.pop(job, None)

    def machine_of(self, job: Job) -> Machine | None:
        """The machine that holds a job."""
        return self.machines[self._held[job]] if job in self._held else None


def _vcpus(job: Job) -> float:
    return float(job.settings.requirements["VCPU"])
