"""`kill -9` at a random moment: of the process of a run, and of what it starts."""

import time
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from random import Random

import psutil

from bioinfo_assets_tests.faults.hosts import Ended, Host
from bioinfo_assets_tests.faults.operations import Kind, Moment
from bioinfo_assets_tests.faults.project import RESULTS, FaultProject
from bioinfo_assets_tests.waiting import wait_until

OPERATIONS = {Kind.FILES: 500, Kind.RESULTS: 160, Kind.SQL: 1100}
"""How many a whole run has, measured with `Moment.counts` on 2026-11-27: 472, 153 and 1,075."""

MAX_DELAY_S = 1.0


class Victim(Enum):
    """What is killed."""

    HOST = "the process of the run"
    JOB = "a job"
    SUPERVISOR = "a job's supervisor"
    STARTER = "the process that starts supervisors"


@dataclass(frozen=True, slots=True)
class Strike:
    """A kill.

    Attributes:
        victim: What is killed.
        moment: Of a host: the operation before which it dies; if None, it dies after a start.
        after_starts: How many jobs have been started then.
        delay_s: Seconds after that.
    """

    victim: Victim
    moment: Moment | None
    after_starts: int
    delay_s: float


def random_strike(rng: Random, victim: Victim, output: str) -> Strike:
    """Choose the moment of a kill; three of four of those of a host are counted in its operations."""
    after_starts, delay_s = rng.randint(1, len(RESULTS)), rng.uniform(0, MAX_DELAY_S)
    moment = None
    if victim is Victim.HOST and rng.random() < 3 / 4:
        kind = rng.choice(list(Kind))
        moment = Moment(kind, rng.randint(1, OPERATIONS[kind]), output)
    return Strike(victim, moment, after_starts, delay_s)


def run_with(strike: Strike, project: FaultProject) -> Ended:
    """Run a project with this kill; it may come too late."""
    host = project.start(moment=strike.moment)
    if strike.moment is not None:
        return host.wait()
    wait_until(lambda: len(project.starts()) >= strike.after_starts or not host.is_alive, what="a job to start")
    time.sleep(strike.delay_s)
    for process in _find(strike.victim, host):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return host.wait()


def _find(victim: Victim, host: Host) -> list[psutil.Process]:
    if victim is Victim.HOST:
        return [psutil.Process(host.pid)] if host.is_alive else []
    starters = _children(host.pid)
    if victim is Victim.STARTER:
        return starters
    supervisors = [child for own in starters for child in _children(own.pid)]
    if victim is Victim.JOB:
        supervisors = [child for own in supervisors for child in _children(own.pid)]
    return supervisors[-1:]


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children()
    except psutil.NoSuchProcess:
        return []
