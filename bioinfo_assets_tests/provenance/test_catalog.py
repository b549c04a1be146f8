"""The index agrees with the records, however they change and whatever happens to the index."""

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
from bioinfo_assets.provenance.catalog import (
    FILE_NAME,
    Branch,
    Catalog,
    Entry,
    downstream_tree,
    find_downstream,
    open_catalog,
)
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.provenance.small_pipeline import SmallPipeline, complete_pipeline
from bioinfo_assets_tests.servers import s3, s3_server

__all__ = ["s3", "s3_server"]  # fixtures


@pytest.fixture
def pipeline(tmp_path: Path) -> SmallPipeline:
    return complete_pipeline(str(tmp_path), "expt", "toy")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def catalog(pipeline: SmallPipeline) -> Iterator[Catalog]:
    with open_catalog(pipeline.ledger, None) as opened:
        yield opened


def hex_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def entries(ledger: Ledger, home: Path | None, *, include_replaced: bool = False) -> list[tuple[str, str, str]]:
    """All entries: the file's name, its role, and the asset of the record."""
    with open_catalog(ledger, home) as catalog:
        return [summary(entry) for entry in catalog.all_files(include_replaced=include_replaced)]


def summary(entry: Entry) -> tuple[str, str, str]:
    return entry.uri.rpartition("/")[2], entry.role, entry.record.rpartition("/")[2].partition(".")[0]


def test_records_that_could_not_be_read_are_read_when_they_can_be(
    pipeline: SmallPipeline, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after `chmod g+r`, which changes no time of the folder."""
    age_folders(tmp_path)
    real = Store.read_small

    def refuse(store: Store, uri: str, *limit: int) -> bytes:
        if "depth" in uri:
            raise InputError(f"{uri} may not be read: ask its owner")
        return real(store, uri, *limit)

    with monkeypatch.context() as patched:
        patched.setattr(Store, "read_small", refuse)
        assert "depth" not in {asset for *_, asset in entries(pipeline.ledger, home)}
    assert "depth" in {asset for *_, asset in entries(pipeline.ledger, home)}


def age_folders(folder: Path) -> None:
    """Set back the times of all folders, so that they are trusted."""
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            os.utime(path, ns=(10**18, 10**18))


def change_format(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP VIEW entries")
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


def test_all_files_come_in_the_order_of_their_addresses(tmp_path: Path, home: Path) -> None:
    pipeline = complete_pipeline(str(tmp_path), "expt")
    assert sorted(entries(pipeline.ledger, home)) == sorted(ONE_SAMPLE)
    with open_catalog(pipeline.ledger, home) as catalog:
        uris = [entry.uri for entry in catalog.all_files()]
    assert uris == sorted(uris)


def test_files_are_returned_without_sorting_all_of_them(pipeline: SmallPipeline, home: Path) -> None:
    with open_catalog(pipeline.ledger, home) as catalog:
        statements: list[str] = []
        catalog.connection.set_trace_callback(statements.append)
        assert next(catalog.all_files()).uri == pipeline.output("expt", "expt.1.fastq.gz")
        plan = catalog.connection.execute(f"EXPLAIN QUERY PLAN {statements[0]}").fetchall()
        assert plan
        assert not [step for *_, step in plan if "TEMP B-TREE" in step]  # by which SQLite would sort all of them


def test_replaced_results_are_included_on_request(pipeline: SmallPipeline, home: Path) -> None:
    before = len(entries(pipeline.ledger, home))
    pipeline.add_bam("expt", "other")
    assert len(entries(pipeline.ledger, home)) == before
    assert (
        len(entries(pipeline.ledger, home, include_replaced=True)) == before + 3
    )  # the previous BAM, and its two inputs
    with open_catalog(pipeline.ledger, home) as catalog:
        (old,) = catalog.by_digest(hex_of("aligned_bam of expt"))[:1]
        (new,) = catalog.by_digest(hex_of("other"))
    assert (old.replaced, new.replaced, old.uri, new.role) == (True, False, new.uri, "w")


def test_a_file_is_found_by_the_first_digits_of_its_digest_and_its_producer_comes_first(catalog: Catalog) -> None:
    found = catalog.by_digest(hex_of("aligned_bam of expt")[:8])
    assert [summary(entry) for entry in found] == [("expt.bam", "w", "aligned_bam"), ("expt.bam", "r", "depth")]
    assert [(entry.size, entry.sha256) for entry in found] == [(19, hex_of("aligned_bam of expt")), (19, None)]
    assert catalog.by_digest("0" * 8) == []


def test_a_file_is_found_by_its_address(catalog: Catalog, pipeline: SmallPipeline) -> None:
    found = catalog.by_uri(f"{pipeline.folder}/sources/toy.fastq.gz")
    assert [summary(entry) for entry in found] == [
        ("toy.fastq.gz", "s", "raw_reads"),
        ("toy.fastq.gz", "r", "merged_reads"),
    ]
    assert catalog.by_uri("/nowhere") == []


@pytest.mark.parametrize("are_old", [False, True])
def test_changes_are_indexed_by_the_next_query(
    pipeline: SmallPipeline, home: Path, tmp_path: Path, *, are_old: bool
) -> None:
    def current_entries() -> set[tuple[str, str, str]]:
        current = set(entries(pipeline.ledger, home, include_replaced=True))
        assert current == set(entries(pipeline.ledger, None, include_replaced=True))
        if are_old:
            age_folders(tmp_path / "out")
            assert set(entries(pipeline.ledger, home, include_replaced=True)) == set(
                entries(pipeline.ledger, None, include_replaced=True)
            )
        return current

    current_entries()
    pipeline.add_result("coverage", "expt", "expt.coverage.txt", pipeline.output("expt", "expt.bam"))
    assert ("expt.coverage.txt", "w", "coverage") in current_entries()
    pipeline.add_result("coverage", "expt", "expt.coverage.txt", pipeline.output("expt", "expt.depth.txt"))
    assert {("expt.depth.txt", "r", "coverage"), ("expt.bam", "r", "coverage")} <= current_entries()
    pipeline.add_reads("new")
    assert ("new.1.fastq.gz", "w", "merged_reads") in current_entries()
    for file in sorted((tmp_path / "out" / "toy").rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    (tmp_path / "out" / "toy").rmdir()
    assert not {name for name, role, _ in current_entries() if name.startswith("toy.") and role == "w"}


def test_unchanged_folders_are_not_read_again(pipeline: SmallPipeline, home: Path, tmp_path: Path) -> None:
    age_folders(tmp_path / "out")
    before = entries(pipeline.ledger, home)
    record = tmp_path / "out" / "expt" / "records" / "depth.json"
    with record.open("r+b") as file:  # in place: records are otherwise replaced by a rename
        file.truncate()
    assert entries(pipeline.ledger, home) == before
    assert entries(pipeline.ledger, None) != before


def test_a_change_within_two_seconds_is_indexed_although_the_folder_has_the_same_time(
    pipeline: SmallPipeline, home: Path, tmp_path: Path
) -> None:
    entries(pipeline.ledger, home)
    records = tmp_path / "out" / "expt" / "records"
    now = time.time_ns()
    os.utime(records, ns=(now, now))
    entries(pipeline.ledger, home)
    pipeline.add_result("coverage", "expt", "expt.coverage.txt")
    os.utime(records, ns=(now, now))
    assert ("expt.coverage.txt", "w", "coverage") in entries(pipeline.ledger, home)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"asset": 1}',
        '{"format": 2, "asset": "x", "scope": "y", "finished": "z", "outputs": [{"uri": ["x"]}]}',
    ],
)
def test_an_invalid_record_does_not_hide_others(pipeline: SmallPipeline, home: Path, tmp_path: Path, text: str) -> None:
    before = entries(pipeline.ledger, home)
    (tmp_path / "out" / "expt" / "records" / "notes.json").write_text(text)
    assert entries(pipeline.ledger, home) == before


def test_an_index_that_cannot_be_read_for_the_moment_is_kept(pipeline: SmallPipeline, home: Path) -> None:
    """SQLite reports a full disk like a statement that it cannot run."""
    with (
        pytest.raises(InputError, match=r"could not be read \(.*\): free some space"),
        open_catalog(pipeline.ledger, home) as catalog,
    ):
        catalog.connection.execute("SELECT * FROM no_such_table")
    assert (home / FILE_NAME).exists()


def test_an_index_that_is_missing_damaged_or_of_another_format_is_rebuilt(pipeline: SmallPipeline, home: Path) -> None:
    before = entries(pipeline.ledger, home)
    file = home / FILE_NAME
    for damage in (
        file.unlink,
        lambda: file.write_bytes(b"not a database, but some text that is longer than a header of SQLite would be" * 9),
        lambda: file.write_bytes(file.read_bytes()[:5000]),
        lambda: change_format(file),
        lambda: file.write_bytes(b""),
    ):
        damage()
        assert entries(pipeline.ledger, home) == before
        assert file.stat().st_size > 5000
        assert entries(pipeline.ledger, home) == before


def test_damage_that_a_query_reveals_is_reported_and_repaired_by_the_next_query(
    pipeline: SmallPipeline, home: Path, tmp_path: Path
) -> None:
    age_folders(tmp_path / "out")
    before = entries(pipeline.ledger, home)
    file = home / FILE_NAME
    data = bytearray(file.read_bytes())
    page = data.index(hex_of("aligned_bam of expt").encode()) // 4096 * 4096
    data[page : page + 4096] = b"\xff" * 4096
    file.write_bytes(data)
    try:
        found = entries(pipeline.ledger, home)
    except InputError as error:
        assert "repeat the command" in str(error)  # noqa: PT017 - which of both happens is SQLite's choice
        found = entries(pipeline.ledger, home)
    assert found == before


def test_the_index_is_in_memory_if_the_home_is_missing_or_not_writable(
    pipeline: SmallPipeline, home: Path, tmp_path: Path
) -> None:
    before = entries(pipeline.ledger, None)
    assert entries(pipeline.ledger, tmp_path / "nowhere") == before
    assert not (tmp_path / "nowhere").exists()
    (home / FILE_NAME).mkdir()
    assert entries(pipeline.ledger, home) == before


def test_a_missing_output_path_is_an_error(tmp_path: Path, home: Path) -> None:
    with (
        pytest.raises(InputError, match="does not exist: check --output-path"),
        open_catalog(Ledger(Store(), str(tmp_path / "nowhere")), home),
    ):
        pass


def test_saved_samples_and_hidden_folders_are_not_indexed(pipeline: SmallPipeline, home: Path, tmp_path: Path) -> None:
    before = entries(pipeline.ledger, home)
    record = (tmp_path / "out" / "expt" / "records" / "depth.json").read_text()
    for folder in ("records/records", ".dagster/records", "records/samples"):
        (tmp_path / "out" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / folder / "depth.json").write_text(record)
    (tmp_path / "out" / "expt" / "records" / ".depth.json.part.json").write_text(record)
    assert entries(pipeline.ledger, home) == before


def test_several_processes_can_update_it_at_the_same_time(tmp_path: Path, home: Path) -> None:
    pipeline = complete_pipeline(str(tmp_path), *(f"s{number}" for number in range(40)))
    program = f"""
from pathlib import Path
from bioinfo_assets.provenance.catalog import open_catalog
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.storage.store import Store
with open_catalog(Ledger(Store(), {pipeline.ledger.output_path!r}), Path({str(home)!r})) as catalog:
    print(sum(1 for _ in catalog.all_files()))
"""
    processes = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) for _ in range(4)]
    outputs = {process.communicate()[0] for process in processes}
    # Genome and report have 4 entries, each sample has ten.
    each = len(["reads: s, r", "merged: w, r", "BAM: w, r", "depth: w, r", "genome: r, r"]) * 2
    assert outputs == {f"{4 + 40 * each}\n".encode()}
    with open_catalog(pipeline.ledger, home) as catalog:
        assert catalog.connection.execute("SELECT count(*), count(DISTINCT uri) FROM records").fetchone() == (163, 163)


def test_results_downstream_of_a_file(catalog: Catalog, pipeline: SmallPipeline) -> None:
    fastq = f"{pipeline.folder}/sources/expt.fastq.gz"
    found = find_downstream(catalog, fastq, f"sha256:{hex_of('source expt.fastq.gz')}")
    assert [found.results[number].asset for number in found.direct] == ["merged_reads"]
    assert {(result.asset, result.scope) for result in found.results.values()} == {
        ("merged_reads", "expt"),
        ("aligned_bam", "expt"),
        ("depth", "expt"),
        ("multiqc_report", "multiqc"),
    }
    by_asset = {result.asset: result.id for result in found.results.values()}
    assert found.inputs()[by_asset["aligned_bam"]] == [by_asset["merged_reads"]]
    assert found.inputs()[by_asset["merged_reads"]] == []


def test_results_of_another_version_are_not_downstream(pipeline: SmallPipeline) -> None:
    bam = pipeline.output("expt", "expt.bam")
    pipeline.add_bam("expt", "other")
    with open_catalog(pipeline.ledger, None) as catalog:
        assert find_downstream(catalog, bam, f"sha256:{hex_of('other')}").results == {}
        old = find_downstream(catalog, bam, f"sha256:{hex_of('aligned_bam of expt')}")
        assert {result.asset for result in old.results.values()} == {"depth", "multiqc_report"}
        reads = find_downstream(catalog, pipeline.output("expt", "expt.1.fastq.gz"), f"sha256:{hex_of('merged expt ')}")
        assert {result.asset for result in reads.results.values()} == {"aligned_bam"}


def test_a_tree_shows_every_result_once_and_many_of_one_asset_together(
    catalog: Catalog, pipeline: SmallPipeline
) -> None:
    genome = pipeline.output("references", "genome.fa")
    found = find_downstream(catalog, genome, f"sha256:{hex_of('reference_genome of references')}")

    def shape(branches: tuple[Branch, ...]) -> list[object]:
        return [
            (
                branch.results[0].asset,
                [result.scope for result in branch.results],
                branch.is_repeated,
                shape(branch.branches),
            )
            for branch in branches
        ]

    report: tuple[object, ...] = ("multiqc_report", ["multiqc"], False, [])
    depths = ("depth", ["expt", "toy"], False, [report])
    assert shape(downstream_tree(found, 1)) == [
        ("aligned_bam", ["expt", "toy"], False, [depths]),
        ("depth", ["expt", "toy"], True, []),
    ]
    repeated_report: tuple[object, ...] = ("multiqc_report", ["multiqc"], True, [])
    assert shape(downstream_tree(found, 2)) == [
        ("aligned_bam", ["expt"], False, [("depth", ["expt"], False, [report])]),
        ("aligned_bam", ["toy"], False, [("depth", ["toy"], False, [repeated_report])]),
        ("depth", ["expt"], True, []),
        ("depth", ["toy"], True, []),
    ]


def test_another_process_can_write_while_records_are_read(
    pipeline: SmallPipeline, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of ten thousand samples in S3 take minutes."""
    read = Store.read_small
    reads = []

    def read_and_write(store: Store, uri: str, *size: int) -> bytes:
        with closing(sqlite3.connect(home / "catalog.sqlite", timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")
        reads.append(uri)
        return read(store, uri, *size)

    monkeypatch.setattr(Store, "read_small", read_and_write)
    with open_catalog(pipeline.ledger, home) as catalog:
        assert list(catalog.all_files())
    assert reads


def test_a_record_that_is_moved_while_its_folder_is_listed(pipeline: SmallPipeline, home: Path, tmp_path: Path) -> None:
    """As to the history by a run that replaces it: its name is there, and its file is not."""
    (record, *_) = sorted(Path(pipeline.ledger.output_path).glob("*/records/*.json"))
    record.with_name("moved.json").symlink_to("gone.json")
    with open_catalog(pipeline.ledger, home) as catalog:
        assert list(catalog.all_files())


def test_a_project_in_s3(s3: str, home: Path) -> None:
    pipeline = complete_pipeline(s3, "expt")
    assert sorted(entries(pipeline.ledger, home)) == sorted(ONE_SAMPLE)
    pipeline.add_bam("expt", "other")
    with open_catalog(pipeline.ledger, home) as catalog:
        assert [entry.replaced for entry in catalog.by_digest(hex_of("aligned_bam of expt"))] == [True, False]
        assert [entry.uri for entry in catalog.by_digest(hex_of("other"))] == [f"{s3}/out/expt/expt.bam"]
    store = pipeline.ledger.store
    store.write_bytes(f"{s3}/out/expt/deep/er/records/x.json", store.read_bytes(f"{s3}/out/expt/records/depth.json"))
    store.delete(f"{s3}/out/multiqc/records/multiqc_report.json")
    assert not [name for name, _, record in entries(pipeline.ledger, home) if record in {"multiqc_report", "x"}]


def test_samples_in_s3_are_listed_some_at_a_time(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = complete_pipeline(s3, "a", "a-1", "b", "c")
    store = pipeline.ledger.store
    store.write_bytes(f"{s3}/out/.scratch/records/x.json", store.read_bytes(f"{s3}/out/a/records/depth.json"))
    homes = [tmp_path / name for name in ("together", "apart")]
    for own in homes:
        own.mkdir()
    together = sorted(entries(pipeline.ledger, homes[0]))

    monkeypatch.setattr("bioinfo_assets.records.scope_lists.SCOPES_PER_LIST", 1)

    assert sorted(entries(pipeline.ledger, homes[1])) == together
    assert {record for _, _, record in together} >= {"depth", "multiqc_report"}
    assert "x" not in {record for _, _, record in together}
    assert [name for name, _, _ in together].count("a.bam") == [name for name, _, _ in together].count("a-1.bam") > 0
    pipeline.add_bam("c", "other")
    with open_catalog(pipeline.ledger, homes[1]) as catalog:
        assert [entry.uri for entry in catalog.by_digest(hex_of("other"))] == [f"{s3}/out/c/c.bam"]
