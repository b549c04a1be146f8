"""The index of all records tells what the records tell, however they changed, and whatever became of it."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.provenance.catalog import FILE_NAME, Catalog, Entry, open_catalog
from bioinfo_assets.provenance.downstream import branches, downstream
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.conftest import s3, s3_server
from bioinfo_assets_tests.provenance.small_pipeline import SmallPipeline, complete_pipeline

__all__ = ["s3", "s3_server"]  # the servers of `launch`, asked for by name below


@pytest.fixture
def flow(tmp_path: Path) -> SmallPipeline:
    return complete_pipeline(str(tmp_path), "expt", "toy")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def catalog(flow: SmallPipeline) -> Iterator[Catalog]:
    with open_catalog(flow.ledger, None) as opened:
        yield opened


def hex_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def told(ledger: Ledger, home: Path | None, *, past: bool = False) -> list[tuple[str, str, str]]:
    """All that is told: the file's name, its role, and whose record says so."""
    with open_catalog(ledger, home) as catalog:
        return [_of(entry) for entry in catalog.all_files(past=past)]


def _of(entry: Entry) -> tuple[str, str, str]:
    return entry.uri.rpartition("/")[2], entry.role, entry.record.rpartition("/")[2].partition(".")[0]


def long_ago(folder: Path) -> None:
    """Has the times of all folders lie so far back that they are trusted."""
    for place in (folder, *folder.rglob("*")):
        if place.is_dir():
            os.utime(place, ns=(10**18, 10**18))


def of_another_format(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TABLE files")
        connection.execute("PRAGMA user_version = 1")


ONE_SAMPLE = [
    ("multiqc_report.html", "w", "multiqc_report"),
    ("expt.1.fastq.gz", "r", "aligned_bam"),
    ("expt.1.fastq.gz", "w", "merged_reads"),
    ("expt.bam", "r", "depth"),
    ("expt.bam", "w", "aligned_bam"),
    ("expt.depth.txt", "r", "multiqc_report"),
    ("expt.depth.txt", "w", "depth"),
    ("expt.fastq.gz", "r", "merged_reads"),
    ("expt.fastq.gz", "s", "raw_reads"),
    ("genome.fa", "r", "aligned_bam"),
    ("genome.fa", "r", "depth"),
    ("genome.fa", "w", "reference_genome"),
    ("genome.fa.gz", "r", "reference_genome"),
    ("genome.fa.gz", "s", "reference_source"),
]


def test_all_files_are_told_in_the_order_of_their_paths(tmp_path: Path, home: Path):
    flow = complete_pipeline(str(tmp_path), "expt")
    assert sorted(told(flow.ledger, home)) == sorted(ONE_SAMPLE)
    with open_catalog(flow.ledger, home) as catalog:
        uris = [entry.uri for entry in catalog.all_files()]
    assert uris == sorted(uris)


def test_the_first_files_are_told_before_the_last_are_looked_for(flow: SmallPipeline, home: Path):
    with open_catalog(flow.ledger, home) as catalog:
        asked: list[str] = []
        catalog.connection.set_trace_callback(asked.append)
        assert next(catalog.all_files()).uri == flow.output("expt", "expt.1.fastq.gz")
        plan = catalog.connection.execute(f"EXPLAIN QUERY PLAN {asked[0]}").fetchall()
        assert plan
        assert not [step for *_, step in plan if "TEMP B-TREE" in step]  # which SQLite would sort all of them by


def test_what_was_replaced_is_told_when_the_past_is_asked_for(flow: SmallPipeline, home: Path):
    before = len(told(flow.ledger, home))
    flow.add_bam("expt", "other")
    assert len(told(flow.ledger, home)) == before
    assert len(told(flow.ledger, home, past=True)) == before + 3  # the BAM that was, and the two files it was made from
    with open_catalog(flow.ledger, home) as catalog:
        (old,) = catalog.by_digest(hex_of("aligned_bam of expt"))[:1]
        (new,) = catalog.by_digest(hex_of("other"))
    assert (old.past, new.past, old.uri, new.role) == (True, False, new.uri, "w")


def test_a_file_is_found_by_the_first_digits_of_its_digest_and_what_made_it_comes_first(catalog: Catalog):
    found = catalog.by_digest(hex_of("aligned_bam of expt")[:8])
    assert [_of(entry) for entry in found] == [("expt.bam", "w", "aligned_bam"), ("expt.bam", "r", "depth")]
    assert [(entry.size, entry.sha256) for entry in found] == [(19, hex_of("aligned_bam of expt")), (19, None)]
    assert catalog.by_digest("0" * 8) == []


def test_a_file_is_found_by_its_address(catalog: Catalog, flow: SmallPipeline):
    found = catalog.by_uri(f"{flow.folder}/sources/toy.fastq.gz")
    assert [_of(entry) for entry in found] == [
        ("toy.fastq.gz", "s", "raw_reads"),
        ("toy.fastq.gz", "r", "merged_reads"),
    ]
    assert catalog.by_uri("/nowhere") == []


@pytest.mark.parametrize("are_old", [False, True])
def test_what_changed_is_seen_the_next_time(flow: SmallPipeline, home: Path, tmp_path: Path, *, are_old: bool):
    def look() -> set[tuple[str, str, str]]:
        found = set(told(flow.ledger, home, past=True))
        assert found == set(told(flow.ledger, None, past=True))
        if are_old:
            long_ago(tmp_path / "out")
            assert set(told(flow.ledger, home, past=True)) == set(told(flow.ledger, None, past=True))
        return found

    look()
    flow.add_result("coverage", "expt", "expt.coverage.txt", flow.output("expt", "expt.bam"))
    assert ("expt.coverage.txt", "w", "coverage") in look()
    flow.add_result("coverage", "expt", "expt.coverage.txt", flow.output("expt", "expt.depth.txt"))
    assert {("expt.depth.txt", "r", "coverage"), ("expt.bam", "r", "coverage")} <= look()
    flow.add_reads("new")
    assert ("new.1.fastq.gz", "w", "merged_reads") in look()
    for file in sorted((tmp_path / "out" / "toy").rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    (tmp_path / "out" / "toy").rmdir()
    assert not {name for name, role, _ in look() if name.startswith("toy.") and role == "w"}


def test_what_did_not_change_is_not_read_again(flow: SmallPipeline, home: Path, tmp_path: Path):
    long_ago(tmp_path / "out")
    before = told(flow.ledger, home)
    record = tmp_path / "out" / "expt" / "records" / "depth.json"
    with record.open("r+b") as file:  # in place, which no writer of records does
        file.truncate()
    assert told(flow.ledger, home) == before
    assert told(flow.ledger, None) != before


def test_a_change_of_the_last_two_seconds_is_seen_although_the_folders_time_is_the_same(
    flow: SmallPipeline, home: Path, tmp_path: Path
):
    told(flow.ledger, home)
    records = tmp_path / "out" / "expt" / "records"
    now = time.time_ns()
    os.utime(records, ns=(now, now))
    told(flow.ledger, home)
    flow.add_result("coverage", "expt", "expt.coverage.txt")
    os.utime(records, ns=(now, now))
    assert ("expt.coverage.txt", "w", "coverage") in told(flow.ledger, home)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"step": 1}', '{"format": 1, "outputs": [{"uri": ["x"]}]}'])
def test_a_record_that_is_none_hides_no_other(flow: SmallPipeline, home: Path, tmp_path: Path, text: str):
    before = told(flow.ledger, home)
    (tmp_path / "out" / "expt" / "records" / "notes.json").write_text(text)
    assert told(flow.ledger, home) == before


def test_one_that_was_deleted_damaged_or_of_another_format_is_made_anew(flow: SmallPipeline, home: Path):
    before = told(flow.ledger, home)
    file = home / FILE_NAME
    for spoil in (
        file.unlink,
        lambda: file.write_bytes(b"no database, but some text that is longer than a header of SQLite would be" * 9),
        lambda: file.write_bytes(file.read_bytes()[:5000]),
        lambda: of_another_format(file),
        lambda: file.write_bytes(b""),
    ):
        spoil()
        assert told(flow.ledger, home) == before
        assert file.stat().st_size > 5000
        assert told(flow.ledger, home) == before


def test_damage_that_shows_while_it_is_asked_is_told_and_gone_the_next_time(
    flow: SmallPipeline, home: Path, tmp_path: Path
):
    long_ago(tmp_path / "out")
    before = told(flow.ledger, home)
    file = home / FILE_NAME
    data = bytearray(file.read_bytes())
    page = data.index(hex_of("aligned_bam of expt").encode()) // 4096 * 4096
    data[page : page + 4096] = b"\xff" * 4096
    file.write_bytes(data)
    try:
        found = told(flow.ledger, home)
    except InputError as error:
        assert "ask again" in str(error)  # noqa: PT017 - which of both happens is SQLite's choice
        found = told(flow.ledger, home)
    assert found == before


def test_without_a_home_or_with_one_that_cannot_be_written_it_is_in_memory(
    flow: SmallPipeline, home: Path, tmp_path: Path
):
    before = told(flow.ledger, None)
    assert told(flow.ledger, tmp_path / "nowhere") == before
    assert not (tmp_path / "nowhere").exists()
    (home / FILE_NAME).mkdir()
    assert told(flow.ledger, home) == before


def test_an_output_path_that_is_not_there_is_an_error(tmp_path: Path, home: Path):
    with (
        pytest.raises(InputError, match="does not exist: check --output-path"),
        open_catalog(Ledger(Store(), str(tmp_path / "nowhere")), home),
    ):
        pass


def test_the_samples_themselves_and_hidden_folders_are_not_looked_at(flow: SmallPipeline, home: Path, tmp_path: Path):
    before = told(flow.ledger, home)
    record = (tmp_path / "out" / "expt" / "records" / "depth.json").read_text()
    for place in ("records/records", ".dagster/records", "records/samples"):
        (tmp_path / "out" / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / place / "depth.json").write_text(record)
    (tmp_path / "out" / "expt" / "records" / ".depth.json.part.json").write_text(record)
    assert told(flow.ledger, home) == before


def test_several_processes_fill_it_at_once(tmp_path: Path, home: Path):
    flow = complete_pipeline(str(tmp_path), *(f"s{number}" for number in range(40)))
    program = f"""
from pathlib import Path
from bioinfo_assets.launch.store import Store
from bioinfo_assets.records.catalog import open_catalog
from bioinfo_assets.records.ledger import Ledger
with open_catalog(Ledger(Store(), {flow.ledger.output_path!r}), Path({str(home)!r})) as catalog:
    print(sum(1 for _ in catalog.all_files()))
"""
    processes = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) for _ in range(4)]
    said = {process.communicate()[0] for process in processes}
    # Of genome and report 4 entries, of each sample ten.
    each = len(["reads: s, r", "merged: w, r", "BAM: w, r", "depth: w, r", "genome: r, r"]) * 2
    assert said == {f"{4 + 40 * each}\n".encode()}
    with open_catalog(flow.ledger, home) as catalog:
        assert catalog.connection.execute("SELECT count(*), count(DISTINCT uri) FROM records").fetchone() == (163, 163)


def test_what_was_made_of_a_file(catalog: Catalog, flow: SmallPipeline):
    fastq = f"{flow.folder}/sources/expt.fastq.gz"
    found = downstream(catalog, fastq, f"sha256:{hex_of('source expt.fastq.gz')}")
    assert [found.results[number].asset for number in found.first] == ["merged_reads"]
    assert {(one.asset, one.scope) for one in found.results.values()} == {
        ("merged_reads", "expt"),
        ("aligned_bam", "expt"),
        ("depth", "expt"),
        ("multiqc_report", "multiqc"),
    }
    by_asset = {one.asset: one.id for one in found.results.values()}
    assert found.sources_of()[by_asset["aligned_bam"]] == [by_asset["merged_reads"]]
    assert found.sources_of()[by_asset["merged_reads"]] == []


def test_what_was_made_of_another_version_of_a_file_was_not_made_of_it(flow: SmallPipeline):
    bam = flow.output("expt", "expt.bam")
    flow.add_bam("expt", "other")
    with open_catalog(flow.ledger, None) as catalog:
        assert downstream(catalog, bam, f"sha256:{hex_of('other')}").results == {}
        old = downstream(catalog, bam, f"sha256:{hex_of('aligned_bam of expt')}")
        assert {one.asset for one in old.results.values()} == {"depth", "multiqc_report"}
        reads = downstream(catalog, flow.output("expt", "expt.1.fastq.gz"), f"sha256:{hex_of('merged expt ')}")
        assert {one.asset for one in reads.results.values()} == {"aligned_bam"}


def test_a_tree_tells_every_result_once_and_many_alike_together(catalog: Catalog, flow: SmallPipeline):
    genome = flow.output("references", "genome.fa")
    found = downstream(catalog, genome, f"sha256:{hex_of('reference_genome of references')}")

    def shape(most_alike: int) -> list[object]:
        def of(made) -> list[object]:
            return [
                (one.results[0].asset, [result.scope for result in one.results], one.again, of(one.branches))
                for one in made
            ]

        return of(branches(found, most_alike))

    report = ("multiqc_report", ["multiqc"], False, [])
    depths = ("depth", ["expt", "toy"], False, [report])
    assert shape(1) == [
        ("aligned_bam", ["expt", "toy"], False, [depths]),
        ("depth", ["expt", "toy"], True, []),
    ]
    told_before = ("multiqc_report", ["multiqc"], True, [])
    assert shape(2) == [
        ("aligned_bam", ["expt"], False, [("depth", ["expt"], False, [report])]),
        ("aligned_bam", ["toy"], False, [("depth", ["toy"], False, [told_before])]),
        ("depth", ["expt"], True, []),
        ("depth", ["toy"], True, []),
    ]


def test_a_project_in_s3_is_listed_and_only_what_changed_is_read(s3: str, home: Path):
    flow = complete_pipeline(s3, "expt")
    assert sorted(told(flow.ledger, home)) == sorted(ONE_SAMPLE)
    flow.add_bam("expt", "other")
    with open_catalog(flow.ledger, home) as catalog:
        assert [entry.past for entry in catalog.by_digest(hex_of("aligned_bam of expt"))] == [True, False]
        assert [entry.uri for entry in catalog.by_digest(hex_of("other"))] == [f"{s3}/out/expt/expt.bam"]
    store = flow.ledger.store
    store.write_bytes(f"{s3}/out/expt/deep/er/records/x.json", store.read_bytes(f"{s3}/out/expt/records/depth.json"))
    store.delete(f"{s3}/out/multiqc/records/multiqc_report.json")
    assert not [name for name, _, record in told(flow.ledger, home) if record in {"multiqc_report", "x"}]
