"""A file of a gigabyte where a record, a sample or a samples file belongs is refused before it is read."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.records.accepted_quality import read_acceptances
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.samples import load_sample, past_samples, read_samples_file
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store

KEY = ResultKey("depth", "expt")
READS: dict[str, tuple[Callable[[Ledger], str], Callable[[Ledger], object]]] = {
    "record": (lambda ledger: ledger.uri(KEY), lambda ledger: ledger.read(KEY)),
    "observation": (lambda ledger: ledger.uri(KEY), lambda ledger: ledger.read_observation(KEY)),
    "any record": (lambda ledger: ledger.uri(KEY), lambda ledger: ledger.read_any(ledger.uri(KEY))),
    "sample": (lambda ledger: ledger.layout.sample_file("expt"), lambda ledger: load_sample(ledger, "expt")),
    "past sample": (lambda ledger: f"{ledger.layout.past_samples}/x.json", past_samples),
    "decision": (
        lambda ledger: ledger.layout.accepted_quality("expt"),
        lambda ledger: read_acceptances(ledger, "expt"),
    ),
    "samples file": (
        lambda ledger: f"{ledger.output_path}/samples.csv",
        lambda ledger: read_samples_file(ledger.store, f"{ledger.output_path}/samples.csv"),
    ),
}


@pytest.mark.parametrize("kind", READS)
def test_it_is_refused_in_a_sentence(kind: str, tmp_path: Path) -> None:
    ledger = Ledger(Store(), str(tmp_path))
    uri_of, read = READS[kind]
    path = Path(uri_of(ledger))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.truncate(path, 1 << 30)  # without any blocks on the disk
    with pytest.raises(
        InputError, match=rf"^{path} is larger than 128 MiB, so it is not what belongs there: replace it$"
    ):
        read(ledger)
