"""A record's data version depends on the contents only; its files are inputs of other jobs."""

import os
import subprocess
import sys

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.records.ledger import DamagedRecordError
from bioinfo_assets.records.record import data_version_of
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets_tests.records.greeting_project import GreetingProject


def test_a_user_without_a_name_is_a_number() -> None:
    """As in containers and on clusters, whose user ids are in no list of users."""
    code = "import os, bioinfo_assets.records.record as r; os.setuid(54321); print(r.user_name())"
    names = {"USER", "LOGNAME", "LNAME", "USERNAME"}
    environment = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "54321\n"


def test_the_order_of_files_does_not_change_the_data_version() -> None:
    assert data_version_of([("a", "1"), ("b", "2")]) == data_version_of([("b", "2"), ("a", "1")])


def test_a_file_with_another_key_changes_the_data_version() -> None:
    assert data_version_of([("a", "1"), ("b", "2")]) != data_version_of([("a", "2"), ("b", "1")])


def test_another_run_with_the_same_contents_has_the_same_data_version(project: GreetingProject) -> None:
    first = project.run(project.job()).record
    again = project.run(project.job(version="2")).record

    assert again.fingerprint != first.fingerprint
    assert again.data_version == first.data_version


def test_a_file_is_found_by_its_key(project: GreetingProject) -> None:
    record = project.run(project.job()).record

    assert record.file("text").uri == str(project.greeting)
    assert record.file("text").content == record.outputs[0].content


def test_a_file_that_a_result_lacks_is_an_input_error(project: GreetingProject) -> None:
    record = project.run(project.job()).record

    with pytest.raises(InputError, match="greeting of expt has no 'bam', only text: materialize greeting again"):
        record.file("bam")


def test_an_invalid_record_is_an_input_error(project: GreetingProject) -> None:
    project.run(project.job())
    file = project.folder / "output" / "expt" / "records" / "greeting.json"
    file.write_text("{")

    with pytest.raises(DamagedRecordError, match=r"greeting\.json is not a record of this version"):
        project.ledger.read(ResultKey("greeting", "expt"))
