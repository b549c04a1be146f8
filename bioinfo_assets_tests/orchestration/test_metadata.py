"""A materialization in Dagit answers what a result was made from, all the way back, without leaving the page."""

import hashlib
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets.orchestration.metadata import MAX_INPUTS, record_metadata
from bioinfo_assets.provenance.lineage import Lineage, TracedFile, TracedJob
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.orchestration.toy_project import ToyProject
from bioinfo_assets_tests.records.recorded_results import record_result


def rows(table: dg.MetadataValue) -> list[dict[str, object]]:
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(row.data) for row in table.records]


def digest_of(number: int) -> str:
    """Of a file of the toy, which holds one number."""
    return hashlib.sha256(b"%d\n" % number).hexdigest()


def test_it_shows_what_it_was_made_from_with_digests(toy: ToyProject) -> None:
    toy.run()

    inputs = rows(toy.materialization("product", "b").metadata["inputs"])

    assert inputs == [
        {"file": f"{toy.output}/references/factor.txt", "bytes": 2, "digest": digest_of(3)},
        {"file": f"{toy.place}/b.txt", "bytes": 2, "digest": f"sha256:{digest_of(3)}"},
    ]


def test_it_shows_its_own_files_with_digests(toy: ToyProject) -> None:
    toy.run()

    assert rows(toy.materialization("product", "b").metadata["files"]) == [
        {"file": f"{toy.output}/b/b.product.txt", "bytes": 2, "sha256": digest_of(9)}
    ]


def test_its_provenance_goes_back_to_the_source(toy: ToyProject) -> None:
    """A list for people: each job below the file that it made, down to the files that nobody here made."""
    toy.run()

    shown = toy.materialization("parity", "b").metadata["provenance"]

    assert isinstance(shown, dg.MarkdownMetadataValue)
    lines = [line for line in shown.value.splitlines() if line]
    levels = [(len(line) - len(line.lstrip())) // 2 for line in lines]
    said = [line.strip().removeprefix("- ") for line in lines]
    assert [words.split(":")[0] for words in said if words.startswith("**")] == [
        "**parity of b**",
        "**product of b**",
        "**factor of references**",
    ]
    assert [level for level, words in zip(levels, said, strict=True) if words.startswith("**")] == [0, 2, 4]
    assert f"`b.product.txt` {digest_of(9)[:8]} from" in said
    assert f"`factor.txt` {digest_of(3)[:8]} from" in said
    assert f"`{toy.place}/factor.txt` {digest_of(3)[:8]}, nothing is known of it" in said


def test_a_result_that_was_found_shows_the_same(toy: ToyProject) -> None:
    toy.run()
    first = toy.materialization("parity", "b").metadata
    toy.run()
    again = toy.materialization("parity", "b").metadata

    assert again["reused"].value is True
    for name in ("inputs", "provenance", "files", "record", "command", "tools", "finished"):
        assert again[name] == first[name]


@pytest.mark.parametrize("harm", [b"", b'{"step": "factor"}', b"no JSON"], ids=["empty", "no record", "no JSON"])
def test_a_broken_record_upstream_does_not_fail_the_result(toy: ToyProject, harm: bytes) -> None:
    """What was made is whole; what cannot be told is left out, and the files that were read are named all the same."""
    toy.run()
    Path(toy.output, "b", "records", "unheard_of.json").write_bytes(harm)

    assert toy.run(keys=["parity", "product"]).success

    metadata = toy.materialization("parity", "b").metadata
    assert [row["file"] for row in rows(metadata["inputs"])] == [f"{toy.output}/b/b.product.txt"]
    assert str(metadata["provenance"].value).startswith("- **parity of b**")
    assert "factor of references" in str(toy.materialization("parity", "a").metadata["provenance"].value)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(Store(), str(tmp_path / "output"))


def shown(ledger: Ledger, *, reused: bool = False, **changes: object) -> dict[str, dg.MetadataValue]:
    uri = f"{ledger.output_path}/expt/expt.txt"
    Store().write_bytes(uri, b"made")
    record = record_result(ledger, "depth", "expt", uri, **changes)
    return record_metadata(Lineage(ledger).of_record(record), reused=reused)


def test_the_md5s_of_contigs_are_one_table(ledger: Ledger) -> None:
    """Hundreds of contigs would be hundreds of rows of the page, and as many plots."""
    metadata = shown(ledger, facts={"m5.chr1": "aa", "m5.HLA-A*01:01": "1" * 32, "genome_length": "42"})

    assert rows(metadata["contigs_md5"]) == [
        {"contig": "chr1", "md5": "aa"},
        {"contig": "HLA-A*01:01", "md5": "1" * 32},  # digits alone are no number here
    ]
    assert metadata["genome_length"] == dg.MetadataValue.int(42)
    assert not [name for name in metadata if name.startswith("m5.")]


def test_without_contigs_there_is_no_table_of_them(ledger: Ledger) -> None:
    assert "contigs_md5" not in shown(ledger, facts={"genome_length": "42"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", dg.MetadataValue.int(42)),
        ("0.25", dg.MetadataValue.float(0.25)),
        ("yes", dg.MetadataValue.text("yes")),
    ],
)
def test_a_fact_is_a_number_where_it_is_one(ledger: Ledger, text: str, value: dg.MetadataValue) -> None:
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
def test_what_is_unusual_is_shown_where_it_is(
    ledger: Ledger, changes: dict[str, object], name: str, value: dg.MetadataValue
) -> None:
    assert shown(ledger, **changes)[name] == value
    assert name not in shown(ledger)


def test_what_an_earlier_run_cost_is_not_shown_again(ledger: Ledger) -> None:
    """Else a plot over time would count it twice."""
    assert shown(ledger, wall_s=2.5)["wall_s"] == dg.MetadataValue.float(2.5)
    assert "wall_s" not in shown(ledger, wall_s=2.5, reused=True)


def test_of_very_many_inputs_the_first_are_shown(ledger: Ledger) -> None:
    uri = f"{ledger.output_path}/expt/expt.txt"
    Store().write_bytes(uri, b"made")
    record = record_result(ledger, "depth", "expt", uri)
    inputs = tuple(TracedFile(f"/data/{number}", 1, None, f"sha256:{number}") for number in range(MAX_INPUTS + 1))

    shown_inputs = rows(record_metadata(TracedJob(record, uri, replaced=False, inputs=inputs), reused=False)["inputs"])

    assert [row["file"] for row in shown_inputs] == [f"/data/{number}" for number in range(MAX_INPUTS)]
