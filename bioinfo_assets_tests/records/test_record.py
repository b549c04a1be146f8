"""A record's data version follows the contents; its files are another job's inputs."""

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.records.record import data_version_of
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets_tests.records.greeting_project import GreetingProject


def test_order_does_not_change_the_data_version() -> None:
    assert data_version_of([("a", "1"), ("b", "2")]) == data_version_of([("b", "2"), ("a", "1")])


def test_a_file_under_another_key_is_another_version() -> None:
    assert data_version_of([("a", "1"), ("b", "2")]) != data_version_of([("a", "2"), ("b", "1")])


def test_a_rerun_with_the_same_contents_has_the_same_version(project: GreetingProject) -> None:
    first = project.run(project.job()).record
    again = project.run(project.job(version="2")).record

    assert again.fingerprint != first.fingerprint
    assert again.data_version == first.data_version


def test_its_files_go_on_by_key(project: GreetingProject) -> None:
    record = project.run(project.job()).record

    assert record.file("text").uri == str(project.greeting)
    assert record.file("text").content == record.outputs[0].content


def test_a_file_it_has_not_is_a_sentence(project: GreetingProject) -> None:
    record = project.run(project.job()).record

    with pytest.raises(InputError, match=r"greeting of expt has no 'bam' \(it has text\): materialize greeting again"):
        record.file("bam")


def test_a_broken_record_is_a_sentence(project: GreetingProject) -> None:
    project.run(project.job())
    place = project.folder / "output" / "expt" / "records" / "greeting.json"
    place.write_text("{")

    with pytest.raises(InputError, match=r"greeting\.json is not a record of this project"):
        project.ledger.read(ResultKey("greeting", "expt"))
