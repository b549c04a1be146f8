"""Who accepted a sample that failed a quality check, and why. One small file for each sample, next to the samples'."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from bioinfo_assets.errors import InputError, NotFoundError
from bioinfo_assets.records.ledger import Ledger


class Acceptance(BaseModel):
    """The decision of a person about one check of one sample; it holds for the result that was checked.

    Attributes:
        check: The check.
        data_version: Of the result that the check assessed: a result with other content is checked again.
        by: The user.
        at: When.
        reason: Why.
        finding: What the check reported.
        failures: What failed: figures by name, other samples, or a damage in words. The decision holds for no others.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    check: str
    data_version: str
    by: str
    at: datetime
    reason: str
    finding: str
    failures: tuple[str, ...] = ()


_ACCEPTANCES: Final = TypeAdapter(tuple[Acceptance, ...])


def read_acceptances(ledger: Ledger, sample: str) -> tuple[Acceptance, ...]:
    """The decisions about a sample, in chronological order.

    Raises:
        InputError: the file is damaged.
    """
    uri = ledger.layout.accepted_quality(sample)
    try:
        return _ACCEPTANCES.validate_json(ledger.store.read_small(uri))
    except NotFoundError:
        return ()
    except ValidationError as error:
        raise InputError(f"{uri} is damaged: remove it, and accept the sample again") from error


def add_acceptances(ledger: Ledger, sample: str, new: Sequence[Acceptance]) -> None:
    """Add decisions about a sample; earlier ones stay."""
    with ledger.publishing(sample):
        everything = (*read_acceptances(ledger, sample), *new)
        ledger.store.write_bytes(
            ledger.layout.accepted_quality(sample), _ACCEPTANCES.dump_json(everything, indent=2) + b"\n"
        )
