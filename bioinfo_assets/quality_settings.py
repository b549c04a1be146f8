"""The settings of quality control: the limits of each figure, and which checks stop a sample."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import NoDecode

CHECKS: Final = (
    *("intact_bam", "reads_accounted_for", "insert_size", "mapped", "duplicates", "coverage", "sex", "contamination"),
    "identity",
)
"""The quality checks of a sample."""


class AtLeast(BaseModel):
    """The limits of a figure that should not be small; without limits it is shown and not checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    warn: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="Warn if the figure is below it.")
    fail: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="Fail if the figure is below it.")

    @model_validator(mode="after")
    def _check_order(self) -> "AtLeast":
        if self.warn is not None and self.fail is not None and self.fail > self.warn:
            raise PydanticCustomError("limits", "`fail` must not be above `warn`")
        return self

    def is_broken(self, value: float, limit: float) -> bool:
        """Whether a figure breaks a limit."""
        return value < limit

    @property
    def words(self) -> str:
        """How a limit is broken."""
        return "below"


class AtMost(BaseModel):
    """The limits of a figure that should not be large; without limits it is shown and not checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    warn: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="Warn if the figure is above it.")
    fail: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="Fail if the figure is above it.")

    @model_validator(mode="after")
    def _check_order(self) -> "AtMost":
        if self.warn is not None and self.fail is not None and self.fail < self.warn:
            raise PydanticCustomError("limits", "`fail` must not be below `warn`")
        return self

    def is_broken(self, value: float, limit: float) -> bool:
        """Whether a figure breaks a limit."""
        return value > limit

    @property
    def words(self) -> str:
        """How a limit is broken."""
        return "above"


def _check_fractions(limits: AtLeast | AtMost) -> AtLeast | AtMost:
    """A limit in percent would hold for every sample, or for none; that a fraction is above 1 is never so."""
    for name, value in (("warn", limits.warn), ("fail", limits.fail)):
        if value is not None and (value > 1 or (value == 1 and isinstance(limits, AtMost))):
            words = {"name": name, "value": f"{value:g}", "fraction": f"{value / 100:g}"}
            message = "`{name}` is a fraction: for {value} % write {fraction}, not {value}"
            raise PydanticCustomError("limits", message, words)
    return limits


FractionAtLeast = Annotated[AtLeast, AfterValidator(_check_fractions)]
FractionAtMost = Annotated[AtMost, AfterValidator(_check_fractions)]


def _split(value: object) -> object:
    """Names in an environment variable are separated by commas."""
    return tuple(item.strip() for item in value.split(",") if item.strip()) if isinstance(value, str) else value


def _check_names(value: Any) -> Any:  # noqa: ANN401 - whatever the file or the environment has
    names = _split(value)
    for name in names if isinstance(names, list | tuple) else ():
        if name not in CHECKS:
            raise PydanticCustomError("check", "there is no check {name}: the checks are {checks}",
                                      {"name": name, "checks": ", ".join(CHECKS)})  # fmt: skip
        if name == "identity":
            raise PydanticCustomError(
                "check", "identity cannot stop a sample: it is checked only when the MultiQC report is made"
            )
    return names


class QualitySettings(BaseModel):
    """The limits of quality control, and which checks stop a sample that fails them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mapped: FractionAtLeast = Field(default=AtLeast(), description="Fraction of the reads that are aligned.")
    duplicates: FractionAtMost = Field(default=AtMost(), description="Fraction of the reads that are duplicates.")
    mean_depth: AtLeast = Field(default=AtLeast(), description="Mean depth over the whole genome.")
    covered_10x: FractionAtLeast = Field(default=AtLeast(), description="Fraction of the genome at depth 10 or more.")
    covered_20x: FractionAtLeast = Field(default=AtLeast(), description="Fraction of the genome at depth 20 or more.")
    covered_30x: FractionAtLeast = Field(default=AtLeast(), description="Fraction of the genome at depth 30 or more.")
    insert_size: AtLeast = Field(default=AtLeast(), description="Median insert size in bases.")
    insert_size_at_most: AtMost = Field(
        default=AtMost(), description="Upper limits of the median insert size in bases."
    )
    contamination: FractionAtMost = Field(default=AtMost(), description="Estimated fraction of another person's DNA.")
    blocking: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_check_names)] = Field(
        default=(),
        description="The checks after which a sample that fails goes no further, unless somebody accepts it with "
        "`bioinfo-assets qc --accept`.",
    )
