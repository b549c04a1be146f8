"""Estimated prices, from a table that the user gives."""

import tomllib
from datetime import date as date_of_day
from importlib.resources import files
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bioinfo_assets.errors import InputError, suggest
from bioinfo_assets.provenance.usage.totals import UsageTotal

FILE_NAME: Final = "prices.toml"
"""The table of prices in a project's home."""

GB: Final = 2**30
"""Bytes of a GB in the bills of Amazon S3 (its FAQ, "How will I be charged and billed for my use of Amazon S3?")."""


class PriceTable(BaseModel):
    """What CPUs, memory and storage cost.

    Attributes:
        currency: The currency, such as `USD`.
        date: When the prices were read.
        source: Where they were read.
        vcpu_hour: The price of a vCPU for an hour.
        gib_hour: The price of a GiB of memory for an hour; 0 where it is included in that of the vCPU.
        storage_gb_month: The price of storing a GB (2**30 bytes) for a month.
        sample: Whether this is the sample that ships with the program, with nobody's prices.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: str = Field(min_length=1, max_length=20)
    date: date_of_day
    source: str = Field(min_length=1)
    vcpu_hour: float = Field(ge=0, allow_inf_nan=False)
    gib_hour: float = Field(ge=0, allow_inf_nan=False)
    storage_gb_month: float = Field(ge=0, allow_inf_nan=False)
    sample: bool = False

    def compute(self, total: UsageTotal) -> float | None:
        """The price of the time for which jobs had their CPUs and memory; None if that is unknown."""
        if total.vcpu_hours is None or total.gib_hours is None:
            return None
        return total.vcpu_hours * self.vcpu_hour + total.gib_hours * self.gib_hour

    def storage_per_month(self, total: UsageTotal) -> float:
        """The price of storing the outputs for a month."""
        return total.stored_bytes / GB * self.storage_gb_month


def sample_prices() -> str:
    """The text of the sample table."""
    return files(__package__).joinpath("prices.toml").read_text(encoding="utf-8")


def read_prices(file: Path) -> PriceTable:
    """Read a table of prices.

    Raises:
        InputError: the file cannot be read, or is no such table.
    """
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"the table of prices {file} cannot be read ({error.strerror}): check its path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"the table of prices {file} is not TOML ({error}): correct it") from error
    try:
        return PriceTable.model_validate(values)
    except ValidationError as error:
        raise InputError(f"the table of prices {file} is wrong: {_problem(error)}") from error


def project_prices(home: Path | None) -> PriceTable | None:
    """The table of prices in a project's home; None if there is none.

    Raises:
        InputError: the file cannot be read, or is no such table.
    """
    file = home / FILE_NAME if home is not None else None
    return read_prices(file) if file is not None and file.exists() else None


def _problem(error: ValidationError) -> str:
    """The first problem and what to do about it."""
    problem = error.errors()[0]
    name = ".".join(map(str, problem["loc"]))
    if problem["type"] == "missing":
        return f"{name} is missing: add it, as in the table that --sample-prices prints"
    if problem["type"] == "extra_forbidden":
        similar = suggest(name, PriceTable.model_fields)
        return f"{name} is unknown: {f'did you mean {similar}?' if similar else 'remove it'}"
    return f"{name} is {problem['input']!r}: {problem['msg'][:1].lower()}{problem['msg'][1:]}"
