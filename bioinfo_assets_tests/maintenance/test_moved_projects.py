"""A moved or copied project works with its new addresses, and the original is neither read nor changed."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bioinfo_assets.genomics.sample import Lane, Sample
from bioinfo_assets.launch.job import Output
from bioinfo_assets.maintenance.garbage import delete_items, find_garbage
from bioinfo_assets.maintenance.verification import Audit
from bioinfo_assets.provenance.catalog import find_downstream, open_catalog
from bioinfo_assets.provenance.comparison import Comparer
from bioinfo_assets.provenance.lineage import Lineage, TracedFile
from bioinfo_assets.records.ended_samples import remove_samples
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.observations import observe
from bioinfo_assets.records.reuse import ReuseAction
from bioinfo_assets.records.samples import load_sample, past_samples, save_sample
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.provenance.crate_project import write_test_crate
from bioinfo_assets_tests.provenance.small_pipeline import SmallPipeline, complete_pipeline
from bioinfo_assets_tests.records.greeting_project import GREETING, GreetingProject, open_greeting_project
from bioinfo_assets_tests.records.recorded_results import digest
from bioinfo_assets_tests.servers import s3, s3_server

__all__ = ["s3", "s3_server"]  # fixtures

ASSETS = {
    "reference_genome": "references",
    "merged_reads": None,
    "aligned_bam": None,
    "depth": None,
    "multiqc_report": "multiqc",
}
OUTPUT_FILES = 10  # of genome and report one, of `expt` and `toy` three each, of `inner` two FASTQs


def build(folder: str) -> SmallPipeline:
    """A project with a replaced BAM, a removed sample, and a sample whose FASTQs are under the output path."""
    pipeline = complete_pipeline(folder, "expt", "toy")
    pipeline.add_bam("toy")
    pipeline.add_depth("toy")
    pipeline.add_report("expt", "toy")
    ledger = pipeline.ledger
    inner = [pipeline.output("inner", f"raw_{read}.fastq.gz") for read in (1, 2)]
    for uri in inner:
        ledger.store.write_bytes(uri, f"reads of {uri.rpartition('/')[2]}".encode())
    observe(ledger, ResultKey("raw_reads", "inner"), {"1": inner[0], "2": inner[1]})
    save_sample(ledger, Sample("inner", (Lane("FC1", 1, inner[0], inner[1], "inner"),)))
    for name in ("expt", "toy", "gone"):
        read1, read2 = (f"{folder}/sources/{name}{read}.fastq.gz" for read in ("", "_2"))
        save_sample(ledger, Sample(name, (Lane("FC1", 1, read1, read2, name),)))
    remove_samples(ledger, ["gone"])
    return pipeline


def move(source: Path, target: Path) -> None:
    source.rename(target)


def copy_with_times(source: Path, target: Path) -> None:
    shutil.copytree(source, target)


def copy_without_times(source: Path, target: Path) -> None:
    """As `rsync` without `-t`: the copies have new modification times."""
    shutil.copytree(source, target, copy_function=shutil.copyfile)


def copy_and_overwrite_original(source: Path, target: Path) -> None:
    """The original keeps its files, sizes and times, with other bytes: whoever reads it notices."""
    shutil.copytree(source, target)
    data = [path for path in source.rglob("*") if path.is_file() and path.suffix != ".json"]
    assert len(data) == OUTPUT_FILES
    for path in data:
        path.write_bytes(b"x" * path.stat().st_size)


WAYS = (move, copy_with_times, copy_without_times, copy_and_overwrite_original)


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def moved(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    """A project whose output path was moved or copied, and whose sources stayed."""
    original = build(str(tmp_path / "old"))
    relocate: Callable[[Path, Path], None] = request.param
    (tmp_path / "records" / "new").mkdir(parents=True)  # the new path contains the name of the folders of records
    target = tmp_path / "records" / "new" / "results"
    relocate(Path(original.ledger.output_path), target)
    return Ledger(Store(), str(target))


def addresses(file: TracedFile) -> set[str]:
    """The addresses of a file and of everything upstream."""
    if file.producer is None:
        return {file.uri}
    upstream = [addresses(item) for item in file.producer.inputs]
    return {file.uri, file.producer.record_uri}.union(*upstream)


def test_it_verifies_clean(moved: Ledger) -> None:
    for deep in (False, True):
        audit = Audit(moved, deep=deep)
        assert list(audit.findings()) == []
        assert audit.checked["files"] == OUTPUT_FILES + 3  # and the observed FASTQs of two samples, and the FASTA


def test_changes_after_the_move_are_found(moved: Ledger) -> None:
    Path(moved.output_path, "expt", "expt.bam").write_bytes(b"x" * len(b"aligned_bam of expt"))
    Path(moved.output_path, "inner", "raw_1.fastq.gz").unlink()

    findings = sorted((finding.problem.value, finding.uri) for finding in Audit(moved).findings())

    assert findings == [
        ("changed", f"{moved.output_path}/expt/expt.bam"),
        ("missing", f"{moved.output_path}/inner/raw_1.fastq.gz"),
    ]


def test_results_are_intact_and_their_stamps_are_refreshed(moved: Ledger) -> None:
    record = moved.read(ResultKey("depth", "expt"))
    assert record is not None

    checked = moved.check_files(record)

    assert checked.damage == ""
    assert [file.uri for file in checked.record.outputs] == [f"{moved.output_path}/expt/expt.depth.txt"]
    assert moved.refresh_stamps(record, checked.record)
    assert moved.read(record.key) == checked.record


def test_lineage_has_the_new_addresses_and_those_of_the_sources(moved: Ledger, tmp_path: Path) -> None:
    lineage = Lineage(moved)

    found = addresses(lineage.of_file(f"{moved.output_path}/toy/toy.depth.txt"))

    out, sources = moved.output_path, tmp_path / "old" / "sources"
    assert found == {
        *(f"{out}/toy/{name}" for name in ("toy.depth.txt", "toy.bam", "toy.1.fastq.gz")),
        *(f"{out}/toy/records/{asset}.json" for asset in ("depth", "aligned_bam", "merged_reads")),
        f"{out}/references/genome.fa",
        f"{out}/references/records/reference_genome.json",
        f"{sources}/toy.fastq.gz",
        f"{sources}/genome.fa.gz",
    }


def test_the_history_has_the_new_addresses(moved: Ledger) -> None:
    records = [moved.read_any(uri) for uri in moved.store.list(moved.layout.history("toy"))]

    assert {file.uri for record in records for file in getattr(record, "outputs", ())} == {
        f"{moved.output_path}/toy/{name}" for name in ("toy.bam", "toy.depth.txt")
    }


def test_samples_have_the_new_addresses_of_fastqs_that_moved_with_them(moved: Ledger, tmp_path: Path) -> None:
    (inner,) = load_sample(moved, "inner").lanes
    (outer,) = load_sample(moved, "expt").lanes
    (past,) = past_samples(moved)

    assert (inner.read1, inner.read2) == tuple(f"{moved.output_path}/inner/raw_{read}.fastq.gz" for read in (1, 2))
    assert outer.read1 == f"{tmp_path}/old/sources/expt.fastq.gz"
    assert past.sample.lanes[0].read1 == f"{tmp_path}/old/sources/gone.fastq.gz"


def test_a_crate_has_the_new_addresses(moved: Ledger, tmp_path: Path) -> None:
    crate = write_test_crate(moved, tmp_path / "crate", "expt", "toy", "multiqc", with_small_files=True)

    metadata = (crate.folder / "ro-crate-metadata.json").read_text()
    records = list((crate.folder / "records").rglob("*.json"))
    assert f"{tmp_path}/old/sources/expt.fastq.gz" in metadata
    assert f"{moved.output_path}/expt/expt.bam" in metadata
    assert len(records) >= 8
    assert not [text for text in (metadata, *(path.read_text() for path in records)) if f"{tmp_path}/old/out" in text]


def test_nothing_is_garbage(moved: Ledger) -> None:
    garbage = find_garbage(moved, ASSETS)

    assert (garbage.items, garbage.problems) == ((), ())


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_the_index_that_moved_with_the_project_is_updated(tmp_path: Path, way: Callable[[Path, Path], None]) -> None:
    original = build(str(tmp_path / "old")).ledger
    target = tmp_path / "new"
    Path(original.layout.home).mkdir()
    with open_catalog(original, Path(original.layout.home)) as catalog:
        before = [(original.layout.relative(entry.uri), entry.role) for entry in catalog.all_files()]
    database = Path(original.layout.home) / "catalog.sqlite"
    data = database.read_bytes()
    database.unlink()
    way(Path(original.output_path), target)
    ledger = Ledger(Store(), str(target))
    Path(ledger.layout.home, "catalog.sqlite").write_bytes(data)

    with open_catalog(ledger, Path(ledger.layout.home)) as catalog:
        entries = list(catalog.all_files(include_replaced=True))
        bam = catalog.by_digest(digest("aligned_bam of expt").removeprefix("sha256:"))
        downstream = find_downstream(catalog, bam[0].uri, bam[0].content)
        current = [(ledger.layout.relative(entry.uri), entry.role) for entry in catalog.all_files()]

    assert sorted(current) == sorted(before)
    assert not [entry for entry in entries if original.output_path in entry.uri + entry.record]
    assert bam[0].uri == f"{target}/expt/expt.bam"
    assert {result.asset for result in downstream.results.values()} == {"depth", "multiqc_report"}


def test_a_copy_does_not_differ_from_the_original(tmp_path: Path) -> None:
    original = build(str(tmp_path / "old")).ledger
    copy_without_times(Path(original.output_path), tmp_path / "new")
    copy = Ledger(Store(), str(tmp_path / "new"))
    before, after = Lineage(original), Lineage(copy)
    key = ResultKey("depth", "expt")
    first, second = original.read(key), copy.read(key)
    assert first is not None
    assert second is not None

    comparison = Comparer(before, after).compare(before.of_record(first), after.of_record(second))

    assert comparison.is_same
    assert comparison.contents == {"txt": True}


def contents(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """All files of a folder, with their bytes and times."""
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def test_garbage_collection_of_a_copy_deletes_nothing_of_the_original(tmp_path: Path) -> None:
    original = build(str(tmp_path / "old")).ledger
    copy_with_times(Path(original.output_path), tmp_path / "new")
    copy = Ledger(Store(), str(tmp_path / "new"))
    before = contents(tmp_path / "old")
    remove_samples(copy, ["toy"])
    garbage = find_garbage(copy, ASSETS)

    deleted = list(delete_items(copy, ASSETS, garbage, [item.uri for item in garbage.items]))

    assert {copy.layout.relative(item.uri) for item in deleted} == {
        f"toy/records/{asset}.json" for asset in ("merged_reads", "aligned_bam", "depth")
    }
    assert not (tmp_path / "new" / "toy" / "toy.bam").exists()
    assert contents(tmp_path / "old") == before


def copy_of(project: GreetingProject, folder: Path) -> tuple[GreetingProject, Output]:
    """A copy of a project's results, and the output of its job there."""
    shutil.copytree(project.ledger.output_path, folder)
    output = Output("text", "greeting.txt", str(folder / "expt" / "expt.greeting.txt"))
    return replace(project, ledger=Ledger(Store(), str(folder))), output


def test_results_of_a_copy_are_reused_without_reading_the_original(tmp_path: Path) -> None:
    with open_greeting_project(tmp_path) as project:
        project.run(project.job())
        copy, output = copy_of(project, tmp_path / "copy")
        project.greeting.write_text("HELLO WORLD")

        decision = copy.decide(copy.job(outputs=(output,)))

        assert decision.action is ReuseAction.REUSE
        assert decision.record is not None
        assert decision.record.file("text").uri == output.uri


def test_a_run_in_a_copy_changes_nothing_of_the_original(tmp_path: Path) -> None:
    with open_greeting_project(tmp_path) as project:
        table = Output("table", "table.txt", str(project.greeting.with_name("expt.table.txt")))
        script = "cp name.txt greeting.txt; cp name.txt table.txt"
        project.run(project.job(script=script, outputs=(*project.job().outputs, table)))
        copy, output = copy_of(project, tmp_path / "copy")
        before = contents(tmp_path / "output")

        result = copy.run(copy.job(version="2", outputs=(output,)))

        assert not result.reused
        assert copy.ledger.read(GREETING) == result.record
        assert not (tmp_path / "copy" / "expt" / "expt.table.txt").exists()
        assert contents(tmp_path / "output") == before


@pytest.mark.parametrize("keep_original", [True, False])
def test_a_project_that_was_copied_to_another_prefix_of_s3(s3: str, *, keep_original: bool) -> None:
    original = build(s3).ledger
    store, copy = Store(), Ledger(Store(), f"{s3}/archive/records/run7")
    objects = store.list(original.output_path, recursive=True)
    assert len(objects) > OUTPUT_FILES
    for uri in objects:
        store.copy(uri, f"{copy.output_path}/{original.layout.relative(uri)}")
        if not keep_original:
            store.delete(uri)
        elif not uri.endswith(".json"):
            store.write_bytes(uri, b"other bytes")

    assert list(Audit(copy).findings()) == list(Audit(copy, deep=True).findings()) == []
    garbage = find_garbage(copy, ASSETS)
    assert (garbage.items, garbage.problems) == ((), ())
    found = addresses(Lineage(copy).of_file(f"{copy.output_path}/toy/toy.depth.txt"))
    assert f"{s3}/sources/toy.fastq.gz" in found
    assert not [uri for uri in found if original.layout.contains(uri)]
    with open_catalog(copy, None) as catalog:
        entries = list(catalog.all_files(include_replaced=True))
    assert len(entries) > OUTPUT_FILES
    assert not [entry for entry in entries if original.layout.contains(entry.uri)]
