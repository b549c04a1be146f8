"""Tables of a result as Dagit shows them."""

from pathlib import Path

import dagster as dg

from bioinfo_assets.assets.metrics_metadata import metrics_metadata
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.result_key import COHORT
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.records.recorded_results import record_result


def general_statistics(folder: Path, *lines: str) -> dg.MetadataValue | None:
    """What Dagit gets of a table of MultiQC."""
    ledger = Ledger(Store(), str(folder))
    uris = [f"{folder}/multiqc/multiqc.{key}" for key in ("report", "table")]
    for uri in uris:
        ledger.store.write_bytes(uri, "".join(f"{line}\n" for line in lines).encode())
    return metrics_metadata(ledger, record_result(ledger, "multiqc_report", COHORT, *uris)).get("general_statistics")


def test_a_sample_that_lacks_a_statistic_has_an_empty_cell(tmp_path: Path) -> None:
    """Such as one that a blocking check has stopped; MultiQC leaves its cells empty."""
    shown = general_statistics(tmp_path, "Sample\tDepth\tNote", "a\t30.25\tx", "b\t\t")
    assert isinstance(shown, dg.TableMetadataValue)
    assert [record.data for record in shown.records] == [
        {"sample": "a", "depth": 30.25, "note": "x"},
        {"sample": "b", "depth": None, "note": None},
    ]
    assert [(column.name, column.type) for column in shown.schema.columns] == [
        ("sample", "string"),
        ("depth", "float"),
        ("note", "string"),
    ]


def test_a_name_that_is_a_number_stays_as_it_is(tmp_path: Path) -> None:
    names = ["1234567", "1234568", "007", "1_000", "1e3"]
    shown = general_statistics(tmp_path, "Sample\tDepth", *(f"{name}\t30" for name in names))
    assert isinstance(shown, dg.TableMetadataValue)
    assert [record.data["sample"] for record in shown.records] == names


def test_a_table_without_rows_is_not_shown(tmp_path: Path) -> None:
    assert general_statistics(tmp_path, "Sample") is None
