"""A list of an output path in S3 saves requests for intact files, and decides nothing about others."""

from collections.abc import Sequence
from io import BytesIO
from typing import NoReturn

import boto3
import pytest
from boto3.s3.transfer import TransferConfig

from bioinfo_assets.errors import BioinfoAssetsError, InputError, UnreachableError
from bioinfo_assets.launch.job import Input, Job, StoredFile
from bioinfo_assets.launch.transfer import HELD_BY_PROCESS
from bioinfo_assets.records import scope_lists
from bioinfo_assets.records.commit import withdraw_previous
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.record_set import RecordSet
from bioinfo_assets.records.reuse import NOT_COMPUTED, ReuseAction, ReuseDecision
from bioinfo_assets.records.scope_lists import have_records, list_scopes, with_listed_files
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.records.recorded_results import record_result
from bioinfo_assets_tests.servers import record_stats, s3, s3_server

__all__ = ["s3", "s3_server"]  # fixtures

STORE = Store()
SAMPLES = ("a", "a-1", "a.b", "b", "c", "d")
"""A dash and a dot come before a slash in the order of S3's keys, so that `a/x` is listed after `a-1/x` and `a.b/x`."""


@pytest.fixture
def ledger(s3: str) -> Ledger:
    """A result of two files for each of six samples."""
    ledger = Ledger(STORE, f"{s3}/run")
    for sample in SAMPLES:
        publish(ledger, sample)
    return ledger


def publish(ledger: Ledger, sample: str, text: str = "reads") -> Record:
    uris = [ledger.layout.sample(sample, suffix) for suffix in ("bam", "bai")]
    for uri in uris:
        STORE.write_bytes(uri, f"{text} in {uri}".encode())
    return record_result(ledger, "aligned_bam", sample, *uris)


@pytest.fixture(autouse=True)
def _list_any_number_of_scopes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope_lists, "MAX_UNLISTED_SCOPES", 0)


@pytest.fixture(params=[1, 2, 50])
def scopes_per_list(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope_lists, "SCOPES_PER_LIST", request.param)


@pytest.fixture
def requests(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are looked at one by one, with a request for each."""
    return record_stats(monkeypatch)


def read(ledger: Ledger, sample: str) -> Record:
    record = ledger.read(ResultKey("aligned_bam", sample))
    assert record is not None
    return record


@pytest.mark.usefixtures("scopes_per_list")
@pytest.mark.parametrize("chosen", [("a",), ("b", "a"), ("a-1", "c"), ("a", "d", "unknown"), SAMPLES])
def test_exactly_the_files_of_the_chosen_samples_are_listed(ledger: Ledger, chosen: Sequence[str]) -> None:
    for name in ("resource_usage.html", ".scratch/jobs/x.bam", "records/samples/a.json", "a/.hidden/x", "b/deeper/x"):
        STORE.write_bytes(f"{ledger.output_path}/{name}", b"x")

    found = dict(list_scopes(ledger, lambda uri: "deeper" not in uri, chosen))

    samples = [sample for sample in chosen if sample != "unknown"]
    uris = {f"{ledger.output_path}/{sample}/{sample}.{suffix}" for sample in samples for suffix in ("bam", "bai")}
    uris |= {ledger.uri(ResultKey("aligned_bam", sample)) for sample in samples}
    assert found == {uri: STORE.stat(uri) for uri in uris}


def test_all_scopes_are_listed_without_hidden_folders(ledger: Ledger) -> None:
    STORE.write_bytes(f"{ledger.output_path}/.scratch/jobs/x.bam", b"x")
    found = list_scopes(ledger, lambda uri: uri.endswith(".bam"))
    assert {uri for uri, _ in found} == {f"{ledger.output_path}/{sample}/{sample}.bam" for sample in SAMPLES}


@pytest.mark.usefixtures("scopes_per_list")
def test_intact_results_take_no_request_for_each_file(ledger: Ledger, requests: list[str]) -> None:
    listed = with_listed_files(ledger, SAMPLES)
    for sample in SAMPLES:
        record = read(ledger, sample)
        assert listed.check_files(record) == ledger.check_files(record)
    assert len(requests) == 2 * len(SAMPLES)  # of the ledger without a list


@pytest.mark.parametrize("max_unlisted_scopes", [0, 50], ids=["listed", "one by one"])
def test_records_are_looked_for(
    ledger: Ledger, requests: list[str], monkeypatch: pytest.MonkeyPatch, max_unlisted_scopes: int
) -> None:
    monkeypatch.setattr(scope_lists, "MAX_UNLISTED_SCOPES", max_unlisted_scopes)
    keys = [ResultKey("aligned_bam", sample) for sample in SAMPLES]
    assert have_records(ledger, keys)
    assert len(requests) == (len(keys) if max_unlisted_scopes else 0)
    ledger.withdraw(read(ledger, "b"))
    assert not have_records(ledger, keys)
    assert have_records(ledger, [key for key in keys if key.scope != "b"])


def test_damage_is_what_a_request_for_each_file_finds(ledger: Ledger) -> None:
    records = {sample: read(ledger, sample) for sample in SAMPLES}
    STORE.delete(records["a"].file("bam").uri)
    STORE.write_bytes(records["a-1"].file("bai").uri, b"short")
    STORE.write_bytes(records["b"].file("bam").uri, b"x" * records["b"].file("bam").size)
    listed = with_listed_files(ledger, SAMPLES)
    damage = {sample: listed.check_files(record).damage for sample, record in records.items()}
    assert damage == {sample: ledger.check_files(record).damage for sample, record in records.items()}
    assert {sample for sample, sentence in damage.items() if sentence} == {"a", "a-1", "b"}


def test_what_is_published_after_the_list_is_intact(ledger: Ledger) -> None:
    """As by another run, while a report reads the records of thousands of samples."""
    listed = with_listed_files(ledger, [*SAMPLES, "new"])
    assert listed.listed()
    publish(ledger, "new")
    publish(ledger, "a", "other reads")

    found = RecordSet.read(listed, "aligned_bam", [*SAMPLES, "new"])

    assert not found.problems
    assert set(found.records) == {*SAMPLES, "new"}
    assert found.of("a").outputs == read(ledger, "a").outputs


def test_a_file_that_was_uploaded_again_has_its_present_stamp(ledger: Ledger) -> None:
    """In parts, after the list was made: it has another ETag and the same bytes."""
    listed = with_listed_files(ledger, SAMPLES)
    assert not listed.check_files(read(ledger, "a")).damage
    file = read(ledger, "a").file("bam")
    data, (bucket, key) = STORE.read_bytes(file.uri), file.uri.removeprefix("s3://").split("/", 1)
    client = boto3.client("s3", region_name="us-east-1")
    client.upload_fileobj(BytesIO(data), bucket, key, Config=TransferConfig(multipart_threshold=1))
    assert STORE.stat(file.uri).stamp != file.stamp
    ledger.write(read(ledger, "a").model_copy(update={"outputs": ledger.check_files(read(ledger, "a")).record.outputs}))

    found = RecordSet.read(listed, "aligned_bam", ["a", "b"])

    assert not found.problems
    assert found.of("a").file("bam").stamp == STORE.stat(file.uri).stamp == read(ledger, "a").file("bam").stamp


def test_one_list_is_made_and_only_when_it_is_needed(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    lists: list[str] = []
    folders = Store.folders

    def record(store: Store, folder: str) -> tuple[str, ...]:
        lists.append(folder)
        return folders(store, folder)

    monkeypatch.setattr(Store, "folders", record)
    listed = with_listed_files(ledger, SAMPLES)
    assert with_listed_files(listed, ["a"]) is listed
    assert lists == []
    for sample in SAMPLES:
        listed.check_files(read(ledger, sample))
    assert lists == [ledger.output_path]


@pytest.mark.parametrize("error", [InputError, UnreachableError])
def test_an_output_path_that_cannot_be_listed_is_read_file_by_file(
    ledger: Ledger, requests: list[str], monkeypatch: pytest.MonkeyPatch, error: type[BioinfoAssetsError]
) -> None:
    def fail(*_: object) -> NoReturn:
        raise error("no")

    monkeypatch.setattr(Store, "folders", fail)
    record = read(ledger, "a")
    assert with_listed_files(ledger, SAMPLES).check_files(record).damage == ""
    assert requests == [file.uri for file in record.outputs]


def test_few_samples_are_not_listed(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope_lists, "MAX_UNLISTED_SCOPES", len(SAMPLES))
    assert with_listed_files(ledger, SAMPLES) is ledger
    assert with_listed_files(ledger, [*SAMPLES, "more"]) is not ledger


def test_files_of_this_machine_are_not_listed() -> None:
    ledger = Ledger(STORE, "/run")
    assert with_listed_files(ledger, SAMPLES) is ledger


def test_a_changed_input_is_noticed(ledger: Ledger, requests: list[str]) -> None:
    """Those of a report on thousands of samples are listed, once their jobs are over."""
    files = [read(ledger, sample).file("bam") for sample in SAMPLES]
    inputs = tuple(
        Input(f"{number}.bam", StoredFile(file.uri, file.size, file.content, file.stamp))
        for number, file in enumerate(files)
    )
    key = ResultKey("multiqc_report", "multiqc")
    decision = ReuseDecision(ReuseAction.RUN, NOT_COMPUTED, job=Job(key, "1", "", inputs=inputs))
    assert withdraw_previous(ledger, decision, HELD_BY_PROCESS) is None
    assert requests == []

    STORE.write_bytes(files[2].uri, b"X" * files[2].size)
    with pytest.raises(InputError, match=r"a\.b\.bam was rewritten since the run began"):
        withdraw_previous(ledger, decision, HELD_BY_PROCESS)
    STORE.delete(files[2].uri)
    with pytest.raises(InputError, match=r"a\.b\.bam does not exist"):
        withdraw_previous(ledger, decision, HELD_BY_PROCESS)
