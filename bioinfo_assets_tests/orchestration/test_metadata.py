"""The metadata of a materialization in Dagit shows what a result was computed from, all the way back."""

import hashlib
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from bioinfo_assets.launch.accounting import Accounting
from bioinfo_assets.orchestration.metadata import MAX_INPUTS, MAX_TEXT, record_metadata
from bioinfo_assets.provenance.lineage import Lineage, TracedFile, TracedJob
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.orchestration.toy_project import ToyProject
from bioinfo_assets_tests.records.recorded_results import record_result


def rows(table: dg.MetadataValue) -> list[dict[str, object]]:
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(row.data) for row in table.records]


def digest_of(number: int) -> str:
    """The digest of a file of the toy project, which has one number in it."""
    return hashlib.sha256(b"%d\n" % number).hexdigest()


def test_inputs_are_shown_with_digests(toy: ToyProject) -> None:
    toy.run()

    inputs = rows(toy.materialization("product", "b").metadata["inputs"])

    assert inputs == [
        {"file": f"{toy.output}/references/factor.txt", "bytes": 2, "digest": digest_of(3)},
        {"file": f"{toy.root}/b.txt", "bytes": 2, "digest": f"sha256:{digest_of(3)}"},
    ]


def test_outputs_are_shown_with_digests(toy: ToyProject) -> None:
    toy.run()

    assert rows(toy.materialization("product", "b").metadata["files"]) == [
        {"file": f"{toy.output}/b/b.product.txt", "bytes": 2, "sha256": digest_of(9)}
    ]


def test_the_provenance_goes_back_to_the_sources(toy: ToyProject) -> None:
    """A nested list: each job below the file that it wrote, down to the source files."""
    toy.run()

    shown = toy.materialization("parity", "b").metadata["provenance"]

    assert isinstance(shown, dg.MarkdownMetadataValue)
    lines = [line for line in shown.value.splitlines() if line]
    levels = [(len(line) - len(line.lstrip())) // 2 for line in lines]
    items = [line.strip().removeprefix("- ") for line in lines]
    assert [item.split(":")[0] for item in items if item.startswith("**")] == [
        "**parity of b**",
        "**product of b**",
        "**factor of references**",
    ]
    assert [level for level, item in zip(levels, items, strict=True) if item.startswith("**")] == [0, 2, 4]
    assert f"`b.product.txt` {digest_of(9)[:8]} from" in items
    assert f"`factor.txt` {digest_of(3)[:8]} from" in items
    assert f"`{toy.root}/factor.txt` {digest_of(3)[:8]}, its origin is unknown" in items


def test_a_reused_result_has_the_same_metadata(toy: ToyProject) -> None:
    toy.run()
    first = toy.materialization("parity", "b").metadata
    toy.run()
    again = toy.materialization("parity", "b").metadata

    assert again["reused"].value is True
    for name in ("inputs", "provenance", "files", "record", "command", "tools", "finished"):
        assert again[name] == first[name]


@pytest.mark.parametrize("content", [b"", b'{"asset": "factor"}', b"no JSON"], ids=["empty", "no record", "no JSON"])
def test_a_damaged_record_upstream_does_not_fail_the_result(toy: ToyProject, content: bytes) -> None:
    """The result is intact: only its provenance ends at the files that were read."""
    toy.run()
    Path(toy.output, "b", "records", "unknown.json").write_bytes(content)

    assert toy.run(keys=["parity", "product"]).success

    metadata = toy.materialization("parity", "b").metadata
    assert [row["file"] for row in rows(metadata["inputs"])] == [f"{toy.output}/b/b.product.txt"]
    assert str(metadata["provenance"].value).startswith("- **parity of b**")
    assert "factor of references" in str(toy.materialization("parity", "a").metadata["provenance"].value)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(Store(), str(tmp_path / "output"))


def shown(ledger: Ledger, *, reused: bool = False, **changes: Any) -> dict[str, dg.MetadataValue]:
    uri = f"{ledger.output_path}/expt/expt.txt"
    Store().write_bytes(uri, b"result")
    record = record_result(ledger, "depth", "expt", uri, **changes)
    return record_metadata(Lineage(ledger).of_record(record), reused=reused)


def test_the_md5s_of_contigs_are_shown_in_one_table(ledger: Ledger) -> None:
    """Hundreds of contigs would be hundreds of rows of the page, and as many plots."""
    metadata = shown(ledger, facts={"m5.chr1": "aa", "m5.HLA-A*01:01": "1" * 32, "genome_length": "42"})

    assert rows(metadata["contigs_md5"]) == [
        {"contig": "chr1", "md5": "aa"},
        {"contig": "HLA-A*01:01", "md5": "1" * 32},  # not a number, although it has only digits
    ]
    assert metadata["genome_length"] == dg.MetadataValue.int(42)
    assert not [name for name in metadata if name.startswith("m5.")]


def test_a_result_without_contigs_has_no_table_of_them(ledger: Ledger) -> None:
    assert "contigs_md5" not in shown(ledger, facts={"genome_length": "42"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", dg.MetadataValue.int(42)),
        ("0.25", dg.MetadataValue.float(0.25)),
        ("yes", dg.MetadataValue.text("yes")),
    ],
)
def test_a_numeric_fact_is_a_number(ledger: Ledger, text: str, value: dg.MetadataValue) -> None:
    assert shown(ledger, facts={"fact": text})["fact"] == value


@pytest.mark.parametrize(
    ("changes", "name", "value"),
    [
        ({"imported": True}, "imported", dg.MetadataValue.bool(True)),
        ({"copied_from": "s3://there/x.json"}, "copied_from", dg.MetadataValue.path("s3://there/x.json")),
        ({"image": "ubuntu@sha256:1"}, "image", dg.MetadataValue.text("ubuntu@sha256:1")),
        ({"warnings": ("few reads",)}, "warnings", dg.MetadataValue.md("- few reads")),
        ({"attempts": 2}, "attempts", dg.MetadataValue.int(2)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_unusual_properties_are_shown_only_where_they_apply(
    ledger: Ledger, changes: dict[str, Any], name: str, value: dg.MetadataValue
) -> None:
    assert shown(ledger, **changes)[name] == value
    assert name not in shown(ledger)


@pytest.mark.parametrize("reused", [False, True])
def test_the_cost_of_a_result_is_that_of_the_job_that_computed_it(ledger: Ledger, *, reused: bool) -> None:
    """Dagit plots the newest event of each sample: a reused one without its cost would be missing in the plot."""
    metadata = shown(ledger, wall_s=2.5, cpu_s=1.25, peak_memory_mib=100.0, reused=reused)
    assert metadata["reused"].value is reused
    assert [metadata[name].value for name in ("wall_s", "cpu_s", "peak_memory_mib")] == [2.5, 1.25, 100.0]


def test_figures_of_read_groups_are_a_table_and_their_sum_is_a_number(ledger: Ledger) -> None:
    """As numbers each would have a plot, with a point for the samples of this lane and barcode."""
    facts = {"pairs.FC1.1.ACGT": "10", "pairs.FC1.2.ACGT": "20", "pairs": "30", "observed_bases.FC1.1.ACGT": "7"}
    metadata = shown(ledger, facts=facts)

    assert metadata["pairs"] == dg.MetadataValue.int(30)
    assert rows(metadata["pairs_by_read_group"]) == [
        {"read_group": "FC1.1.ACGT", "pairs": 10},
        {"read_group": "FC1.2.ACGT", "pairs": 20},
    ]
    assert rows(metadata["observed_bases_by_read_group"]) == [{"read_group": "FC1.1.ACGT", "observed_bases": 7}]
    assert not [name for name in metadata if "." in name]


def test_what_a_job_had_and_waited_for_is_shown(ledger: Ledger) -> None:
    metadata = shown(ledger, accounting=Accounting(vcpus=8, memory_mib=1024, queued_s=2.5))
    assert metadata["vcpus"] == dg.MetadataValue.int(8)
    assert metadata["queued_s"] == dg.MetadataValue.float(2.5)
    assert "uploaded_bytes" not in metadata


def test_long_scripts_and_parameters_are_shown_in_part(ledger: Ledger) -> None:
    script = "\n".join(f"echo {number}" for number in range(10_000))
    metadata = shown(ledger, script=script, parameters={"samples": tuple(map(str, range(1000))), "note": "a" * 50_000})
    command, parameters = metadata["command"].value, metadata["parameters"].value
    assert isinstance(command, str)
    assert command.startswith("```bash\necho 0\necho 1\n")
    assert command.endswith(f"(the record has all {len(script):,} characters)\n```")
    assert len(command) < 2 * MAX_TEXT
    assert isinstance(parameters, dict)
    assert parameters["samples"][:2] == ["0", "1"]
    assert parameters["samples"][MAX_INPUTS:] == ["… (the record has all 1,000)"]
    assert len(parameters["note"]) < 2 * MAX_TEXT


def test_only_the_first_of_many_inputs_are_shown(ledger: Ledger) -> None:
    uri = f"{ledger.output_path}/expt/expt.txt"
    Store().write_bytes(uri, b"result")
    record = record_result(ledger, "depth", "expt", uri)
    inputs = tuple(TracedFile(f"/data/{number}", 1, None, f"sha256:{number}") for number in range(MAX_INPUTS + 1))

    metadata = record_metadata(TracedJob(record, uri, replaced=False, inputs=inputs), reused=False)

    assert [row["file"] for row in rows(metadata["inputs"])] == [f"/data/{number}" for number in range(MAX_INPUTS)]
