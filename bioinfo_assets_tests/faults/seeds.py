"""The seeds of rounds: printed, and given back to repeat one."""

import os
import secrets
from collections.abc import Sequence
from random import Random
from typing import Final

SEED_VARIABLE: Final = "FAULTS_SEED"
"""The environment variable with the seed of the one round that is repeated."""

ROUNDS_VARIABLE: Final = "FAULTS_ROUNDS"
"""The environment variable with the number of rounds of the long form; 5 by default, 50 in `make faults`."""


def fixed_seeds(count: int) -> Sequence[int]:
    """Seeds of the short form: the same each time, or the one that is repeated."""
    return _repeated() or range(1, count + 1)


def random_seeds() -> Sequence[int]:
    """Seeds of the long form: new ones each time, or the one that is repeated."""
    return _repeated() or [secrets.randbelow(1_000_000_000) for _ in range(int(os.environ.get(ROUNDS_VARIABLE, "5")))]


def random_of(seed: int, part: str) -> Random:
    """The choices of one round of a part."""
    print(f"{part}: {SEED_VARIABLE}={seed}")  # noqa: T201 - pytest shows it if the round fails
    return Random(f"{part} {seed}")  # noqa: S311 - reproducible, and not for cryptography


def _repeated() -> Sequence[int]:
    given = os.environ.get(SEED_VARIABLE)
    return [int(given)] if given else []
