"""A record's data version follows the contents; its files are another job's inputs."""

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.records.ledger import DamagedRecordError
from bioinfo_assets.records.record import data_version_of
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets_tests.records.bench import Bench


def test_order_does_not_change_the_data_version() -> None:
    assert data_version_of([("a", "1"), ("b", "2")]) == data_version_of([("b", "2"), ("a", "1")])


def test_a_file_under_another_key_is_another_version() -> None:
    assert data_version_of([("a", "1"), ("b", "2")]) != data_version_of([("a", "2"), ("b", "1")])


def test_a_rerun_with_the_same_contents_has_the_same_version(bench: Bench) -> None:
    first = bench.make(bench.job()).record
    again = bench.make(bench.job(version="2")).record

    assert again.fingerprint != first.fingerprint
    assert again.data_version == first.data_version


def test_its_files_go_on_by_key(bench: Bench) -> None:
    record = bench.make(bench.job()).record

    assert record.file("text").uri == str(bench.greeting)
    assert record.file("text").content == record.outputs[0].content


def test_a_file_it_has_not_is_a_sentence(bench: Bench) -> None:
    record = bench.make(bench.job()).record

    with pytest.raises(InputError, match=r"greeting of expt has no 'bam' \(it has text\): materialize greeting again"):
        record.file("bam")


def test_a_broken_record_is_a_sentence(bench: Bench) -> None:
    bench.make(bench.job())
    place = bench.folder / "output" / "expt" / "records" / "greeting.json"
    place.write_text("{")

    with pytest.raises(DamagedRecordError, match=r"greeting\.json is not a record of this version"):
        bench.ledger.read(ResultKey("greeting", "expt"))
    with pytest.raises(DamagedRecordError, match=r"greeting\.json is not a record of this version"):
        bench.ledger.read_any(str(place))
