"""The end of a sample: it is removed or renamed, and moves to the history; its results and their records stay."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.sample import Sample, check_sample_name
from bioinfo_assets.records.ledger import DamagedRecordError, Ledger
from bioinfo_assets.records.record import Record, user_name
from bioinfo_assets.records.samples import PastSample, has_sample, load_sample, save_sample, with_addresses
from bioinfo_assets.storage.store import join


def remove_samples(ledger: Ledger, names: Sequence[str]) -> None:
    """Remove samples from the project: all of them, or none if one does not exist. Results and records stay.

    Raises:
        InputError: there is no such sample.
    """
    samples = [load_sample(ledger, name) for name in dict.fromkeys(names)]
    for sample in samples:
        _withdraw_imports(ledger, sample.name)
        _save_past(ledger, PastSample(end="removed", at=datetime.now(UTC), by=user_name(), sample=sample))
        ledger.store.delete(ledger.layout.sample_file(sample.name))


def rename_sample(ledger: Ledger, old: str, new: str) -> Sample:
    """Give a sample's FASTQs a new name; results and records of the old name stay where they are.

    A library that was only named for the sample gets the new name too.

    Raises:
        InputError: there is no such sample, the new name is taken or invalid, or the sample has no FASTQs.
    """
    check_sample_name(new)
    before = load_sample(ledger, old)
    if has_sample(ledger, new):
        raise InputError(f"there already is a sample {new}: remove it first, or choose another name")
    if not before.lanes:
        raise InputError(
            f"sample {old} was imported, and its read groups name it: change their SM with `samtools reheader`, and "
            f"import the result as {new}"
        )
    lanes = (replace(lane, library=new) if lane.library == old else lane for lane in before.lanes)
    sample = replace(before, name=new, lanes=tuple(lanes), imported=False)
    # In this order, a process that is killed in between leaves one sample too many, never one too few.
    past = PastSample(end="renamed", new_name=new, at=datetime.now(UTC), by=user_name(), sample=before)
    _withdraw_imports(ledger, old)
    _save_past(ledger, past)
    save_sample(ledger, sample)
    ledger.store.delete(ledger.layout.sample_file(old))
    return sample


def _withdraw_imports(ledger: Ledger, name: str) -> None:
    """Move the records of imports to the history: no job would replace them for a later sample of that name.

    This comes before the end of a sample: if it fails, the sample is still there, and can be removed again.
    """
    for uri in ledger.store.list(ledger.layout.records(name)):
        if uri.endswith(".json"):
            try:
                record = ledger.read_any(uri)
            except DamagedRecordError:
                continue  # no import
            if isinstance(record, Record) and record.imported:
                ledger.withdraw(record)


def _save_past(ledger: Ledger, past: PastSample) -> None:
    recorded = past.model_copy(update={"sample": with_addresses(past.sample, ledger.layout.relative)})
    uri = join(ledger.layout.past_samples, f"{past.sample.name}.{past.at:%Y%m%dT%H%M%S%fZ}.json")
    ledger.store.write_bytes(uri, f"{recorded.model_dump_json(indent=2)}\n".encode())
