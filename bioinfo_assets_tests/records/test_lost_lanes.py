"""A saved sample loses nothing because a samples file has only a part of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.sample import Lane, Sample
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.lost_lanes import check_nothing_is_lost
from bioinfo_assets.records.samples import save_sample
from bioinfo_assets.storage.store import Store


def lane(number: int, flowcell: str = "FC1", folder: str = "/reads", library: str = "expt") -> Lane:
    name = f"{folder}/expt_{flowcell}_L{number}"
    return Lane(flowcell, number, f"{name}_1.fastq.gz", f"{name}_2.fastq.gz", library)


SAVED = Sample("expt", (lane(1), lane(2)), sex="XX", patient="p1")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger(Store(), str(tmp_path))
    save_sample(ledger, SAVED)
    return ledger


@pytest.mark.parametrize(
    ("sample", "losses"),
    [
        (replace(SAVED, lanes=(lane(1, "FC2"),)), "lane 1 of flow cell FC1, lane 2 of flow cell FC1"),
        (replace(SAVED, lanes=(lane(1), lane(2, library="other"))), "lane 2 of flow cell FC1"),
        (replace(SAVED, sex=None), "its sex XX"),
        (replace(SAVED, lanes=(lane(1),), patient=None), "lane 2 of flow cell FC1, its patient p1"),
    ],
    ids=["new reads alone", "another library", "no sex", "fewer lanes and no patient"],
)
def test_what_a_sample_would_lose_is_named_with_both_ways_out(ledger: Ledger, sample: Sample, losses: str) -> None:
    with pytest.raises(InputError) as error:
        check_nothing_is_lost(ledger, [Sample("new", (lane(7),)), sample])
    assert f"sample expt would lose {losses}: " in str(error.value)
    assert "in one samples file" in str(error.value)
    assert "samples add --replace" in str(error.value)


def test_a_library_of_another_name_is_named(ledger: Ledger) -> None:
    save_sample(ledger, replace(SAVED, lanes=(lane(1), lane(1, folder="/b", library="lib2"))))
    with pytest.raises(InputError, match=r"would lose lane 1 of flow cell FC1 \(library lib2\): "):
        check_nothing_is_lost(ledger, [replace(SAVED, lanes=(lane(1),))])


@pytest.mark.parametrize(
    "sample",
    [
        SAVED,
        replace(SAVED, lanes=(lane(1), lane(2), lane(1, "FC2"))),
        replace(SAVED, lanes=(lane(1, folder="/archive"), lane(2, folder="/archive"))),
        replace(SAVED, sex="XY", patient="p2"),
    ],
    ids=["the same", "more lanes", "moved FASTQs", "a corrected sex and patient"],
)
def test_other_changes_are_updates(ledger: Ledger, sample: Sample) -> None:
    check_nothing_is_lost(ledger, [sample])


def test_a_damaged_sample_can_be_added_again(ledger: Ledger) -> None:
    ledger.store.write_bytes(ledger.layout.sample_file("expt"), b"damaged")
    check_nothing_is_lost(ledger, [replace(SAVED, lanes=(lane(1),))])
