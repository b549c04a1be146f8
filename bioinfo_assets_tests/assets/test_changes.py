"""What changes makes stale what depends on it, and nothing else; what is wrong fails its sample only."""

import gzip
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets.assets.sensors import observe_sources
from bioinfo_assets.definitions import build_definitions
from bioinfo_assets.orchestration.job_updates import JobState
from bioinfo_assets.pipeline.code_versions import code_version
from bioinfo_assets.pipeline.graph import ASSETS
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets_tests.assets.graph import Graph, open_graph

READS = ("merged_reads", "trimmed_reads")


def write_reads(folder: Path, sample: str, lane: int, pairs: int = 5) -> tuple[Path, Path]:
    """A lane of made-up reads, all of them different."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for read in (1, 2):
        records = (
            f"@M1:7:FC1:{lane}:1101:{number}:2000 {read}:N:0:ACGTACGT\n{'ACGT' * 9}\n+\n{'F' * 36}\n"
            for number in range(1, pairs + 1)
        )
        file = folder / f"{sample}_FC1_L{lane}_{read}.fastq.gz"
        file.write_bytes(gzip.compress("".join(records).encode(), mtime=0))
        files.append(file)
    return files[0], files[1]


@pytest.fixture
def two_samples(project: Graph) -> Graph:
    for sample, lane in (("a", 1), ("a", 2), ("b", 1)):
        write_reads(project.folder / "fastq", sample, lane)
    project.add([project.folder / "fastq"])
    return project


def test_a_changed_fastq_makes_its_sample_stale_and_no_other(two_samples: Graph) -> None:
    assert two_samples.run(READS)
    write_reads(two_samples.folder / "fastq", "b", 1, pairs=7)

    two_samples.look()

    assert two_samples.stale() == {("merged_reads", "b")}
    assert two_samples.run(READS)
    assert {update.partition for update in two_samples.updates if update.state is JobState.DONE} == {"b"}
    assert two_samples.stale() == set()


def test_a_fastq_written_again_with_the_same_bytes_makes_nothing_stale(two_samples: Graph) -> None:
    assert two_samples.run(READS)
    write_reads(two_samples.folder / "fastq", "b", 1)

    two_samples.look()

    assert two_samples.stale() == set()


def test_a_fastq_compressed_anew_stops_at_the_merged_reads(two_samples: Graph) -> None:
    """Other bytes, the same reads: the lanes are merged again, and nothing after that."""
    assert two_samples.run(READS)
    for file in (two_samples.folder / "fastq").glob("b_*"):
        file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()), compresslevel=1, mtime=5))

    assert two_samples.run(READS)

    states = {(update.asset, update.partition): update.state for update in two_samples.updates}
    assert states["merged_reads", "b"] is JobState.DONE
    assert states["trimmed_reads", "b"] is JobState.CACHED


def test_a_changed_parameter_makes_its_step_stale(two_samples: Graph) -> None:
    assert two_samples.run(READS)

    changed = open_graph(two_samples.folder, two_samples.instance, trimming={"max_n": 0.2})

    assert changed.stale() == {("trimmed_reads", "a"), ("trimmed_reads", "b")}
    assert changed.run(READS)
    assert changed.record("trimmed_reads", "a").parameters["max_n"] == 0.2


@pytest.mark.parametrize(
    ("setting", "assets"),
    [
        ({"platform": "ELEMENT"}, {"merged_reads", "aligned_bam"}),
        ({"optical_distance": 100}, {"marked_bam"}),
        ({"quantized_quals": (10, 20)}, {"recalibrated_bam"}),
        ({"depth_as_text": True}, {"depth"}),
        ({"cpus": 1, "memory_mib": 4096, "scratch": "/scratch"}, set()),
    ],
    ids=lambda value: next(iter(value), "none") if isinstance(value, dict) else "",
)
def test_a_setting_changes_the_code_version_of_what_it_shapes(
    project: Graph, setting: dict[str, object], assets: set[str]
) -> None:
    before = project.project.settings
    after = before.model_copy(update=setting)
    assert {asset for asset in ASSETS if code_version(asset, before, {}) != code_version(asset, after, {})} == assets


def test_a_truncated_fastq_fails_its_sample_and_no_other(two_samples: Graph) -> None:
    reads, _ = write_reads(two_samples.folder / "fastq", "b", 1, pairs=20_000)
    write_reads(two_samples.folder / "fastq", "b", 1, pairs=20_000)
    reads.write_bytes(reads.read_bytes()[:-200])

    assert not two_samples.run(READS)

    sentence = two_samples.failures()["merged_reads"]
    assert sentence.startswith("b: ")
    assert reads.name in sentence
    assert two_samples.record("trimmed_reads", "a")
    assert two_samples.project.ledger.read(ResultKey("merged_reads", "b")) is None
    assert not (two_samples.folder / "output" / "b" / "b.1.fastq.gz").exists()


def test_a_fastq_that_is_gone_is_named(two_samples: Graph) -> None:
    gone, _ = write_reads(two_samples.folder / "fastq", "b", 1)
    gone.unlink()

    assert not two_samples.run(["merged_reads"])

    assert str(gone) in two_samples.failures()["merged_reads"]
    assert two_samples.record("merged_reads", "a")


def test_the_sensor_adds_samples_and_observes_what_is_new(two_samples: Graph) -> None:
    context = dg.build_sensor_context(instance=two_samples.instance, resources={"project": two_samples.project})
    write_reads(two_samples.folder / "fastq", "c", 1)
    two_samples.register([two_samples.folder / "fastq"])

    first, again = observe_sources(context), None
    for event in first.asset_events:
        two_samples.instance.report_runless_asset_event(event)
    again = observe_sources(context)

    assert [request.partition_keys for request in first.dynamic_partitions_requests or ()] == [["c"]]
    seen = [(event.asset_key.path[-1], event.partition) for event in first.asset_events]
    assert sorted(seen, key=str) == [("known_sites_source", None)] + [("raw_reads", name) for name in "abc"]
    assert not again.asset_events


def test_all_assets_have_what_a_biologist_reads(project: Graph) -> None:
    for asset in build_definitions(project.project.settings).resolve_asset_graph().asset_nodes:
        assert asset.description, asset.key
        assert asset.group_name != "default"
        assert asset.kinds
