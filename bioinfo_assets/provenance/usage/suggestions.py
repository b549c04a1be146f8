"""What jobs asked for and never used, and which setting asks for less.

The measured memory is that of a job's largest process; processes that run at the same time are not added up. So the
margin is wide, and a suggestion is made only where it saves a lot.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from bioinfo_assets.provenance.usage.totals import UsageTotal

MIN_JOBS: Final = 10
"""Jobs of a step that are enough for a suggestion."""

MEMORY_FACTOR: Final = 1.5
MEMORY_MARGIN_MIB: Final = 512
MEMORY_STEP_MIB: Final = 256
"""The suggested memory is the measured maximum by the factor, with the margin, rounded up to a multiple of this."""

MAX_MEMORY_SHARE: Final = 0.8
"""Memory is suggested only if it is at most this share of what each job had."""

CPU_FACTOR: Final = 1.25
MAX_CPU_SHARE: Final = 0.5
"""As above, for CPUs: fewer of them make the parts of a step slower that use all."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A setting that asks for less.

    Attributes:
        asset: The step.
        setting: `memory_mib` or `vcpus`.
        value: Its suggested value.
        message: A sentence with the figures.
    """

    asset: str
    setting: str
    value: int
    message: str


def suggestions(steps: Iterable[UsageTotal], disk_mib_per_vcpu: int) -> Iterator[Suggestion]:
    """Suggest settings for steps with enough jobs.

    Args:
        steps: What each step used.
        disk_mib_per_vcpu: Scratch space that a machine has for each CPU: a job keeps the CPUs that hold its share.
    """
    for step in steps:
        if step.measured_jobs >= MIN_JOBS:
            yield from _memory(step)
            yield from _vcpus(step, disk_mib_per_vcpu)


def _memory(step: UsageTotal) -> Iterator[Suggestion]:
    used, smallest, largest = step.peak_memory_mib, step.min_memory_mib, step.max_memory_mib
    if used is None or smallest is None or largest is None:
        return
    enough = math.ceil((MEMORY_FACTOR * used + MEMORY_MARGIN_MIB) / MEMORY_STEP_MIB) * MEMORY_STEP_MIB
    if enough <= MAX_MEMORY_SHARE * smallest:
        requested = f"{largest:,}" if smallest == largest else f"{smallest:,} to {largest:,}"
        yield Suggestion(
            step.name,
            "memory_mib",
            enough,
            f"{step.name} asks for {requested} MiB of memory, and the largest process of {step.measured_jobs:,} jobs "
            f"used {used:,.0f}: set [steps.{step.name}] memory_mib = {enough}",
        )


def _vcpus(step: UsageTotal, disk_mib_per_vcpu: int) -> Iterator[Suggestion]:
    used, smallest, largest = step.max_busy_vcpus, step.min_vcpus, step.max_vcpus
    if used is None or smallest is None or largest is None:
        return
    enough = max(1, math.ceil(CPU_FACTOR * used), math.ceil((step.max_disk_mib or 0) / disk_mib_per_vcpu))
    if enough <= MAX_CPU_SHARE * smallest:
        requested = f"{largest}" if smallest == largest else f"{smallest} to {largest}"
        yield Suggestion(
            step.name,
            "vcpus",
            enough,
            f"{step.name} asks for {requested} vCPUs, and the busiest of {step.measured_jobs:,} jobs used {used:.1f} "
            f"on average: set [steps.{step.name}] vcpus = {enough}; what uses all CPUs takes longer then",
        )
