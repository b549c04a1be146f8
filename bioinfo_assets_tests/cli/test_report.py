"""`bioinfo-assets report`: totals, prices, the page, and output for programs."""

import csv
import io
import json
from pathlib import Path

import pytest

from bioinfo_assets.launch.accounting import Accounting
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.cli.commands import call
from bioinfo_assets_tests.provenance.usage_project import record_job
from bioinfo_assets_tests.records.greeting_project import open_greeting_project


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A project of twelve samples, each with two hours on 4 CPUs and 1 GiB."""
    ledger = Ledger(Store(), str(tmp_path / "out"))
    for number in range(12):
        requested = Accounting(vcpus=4, memory_mib=1024)
        record_job(ledger, "depth", f"s{number:02d}", hours=2, stored=2**30, accounting=requested)
    return tmp_path / "out"


def prices_file(folder: Path) -> Path:
    file = folder / "prices.toml"
    file.write_text(
        'currency = "EUR"\ndate = 2026-01-02\nsource = "our contract"\n'
        "vcpu_hour = 0.5\ngib_hour = 0.25\nstorage_gb_month = 2\n"
    )
    return file


def test_totals_prices_and_the_largest_samples_are_printed(output: Path, tmp_path: Path) -> None:
    result = call("report", "--output-path", output, "--prices", prices_file(tmp_path))
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    # 12 times 8 vCPU hours at 0.5, 12 times 2 GiB hours at 0.25, 12 GB at 2.
    assert [line[:5] for line in lines if line[:2] == ["all", "results"]] == [["all", "results", "12", "96.00", "EUR"]]
    (cohort,) = [line for line in lines if line[:2] == ["all", "results"]]
    assert cohort[5] == "54.00"
    assert cohort[-1] == "24.00"
    assert "10 of 12 samples, by vCPU hours; --json has all" in result.stdout
    assert "Their table is of 2026-01-02: our contract." in result.stdout
    assert f"timeline: {output}/resource_usage.html" in result.stdout


def test_the_document_has_all_samples(output: Path, tmp_path: Path) -> None:
    result = call("report", "--output-path", output, "--json", "--prices", prices_file(tmp_path))
    document = json.loads(result.stdout)
    assert len(document["samples"]) == 12
    assert document["samples"][0]["price"] == 4.5
    assert document["samples"][0]["storage_price_per_month"] == 2.0
    assert document["prices"]["currency"] == "EUR"
    assert document["page"] == f"{output}/resource_usage.html"
    assert document["cohort"]["jobs"] == document["steps"][0]["jobs"] == 12


def test_there_is_a_csv_line_for_each_result(output: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(call("report", "--output-path", output, "--csv").stdout)))
    assert [row["scope"] for row in rows] == [f"s{number:02d}" for number in range(12)]
    assert {(row["asset"], row["vcpus"], row["wall_s"], row["stored_bytes"]) for row in rows} == {
        ("depth", "4", "7200.0", str(2**30))
    }


def test_no_page_is_written_if_none_is_wanted(output: Path) -> None:
    assert "timeline" not in call("report", "--output-path", output, "--no-page").stdout
    assert not (output / "resource_usage.html").exists()


def test_verify_does_not_report_the_page(output: Path) -> None:
    call("report", "--output-path", output)
    assert "resource_usage" not in call("verify", "--output-path", output).stdout
    assert "resource_usage" not in call("gc", "--output-path", output, "--dry-run").stdout


def test_the_sample_table_is_printed_as_a_sample() -> None:
    result = call("report", "--sample-prices")
    assert result.exit_code == 0
    assert result.stdout.startswith("# A SAMPLE of a table of prices")


def test_a_job_that_ran_is_reported(tmp_path: Path) -> None:
    with open_greeting_project(tmp_path) as project:
        project.run(project.job())
    document = json.loads(call("report", "--output-path", tmp_path / "output", "--json").stdout)
    (step,) = document["steps"]
    assert (step["name"], step["jobs"], step["jobs_without_accounting"], step["max_vcpus"]) == ("greeting", 1, 0, 1)
    assert step["stored_bytes"] == len(b"hello world")
    assert step["vcpu_hours"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output-path", "/nowhere/at/all"], "/nowhere/at/all does not exist: check --output-path"),
        ([], "give --output-path"),
        (["--output-path", "OUTPUT", "--csv", "--json"], "--csv and --json exclude each other"),
        (["--output-path", "OUTPUT", "--prices", "/no/prices.toml"], "/no/prices.toml cannot be read (No such file"),
        (["--output-path", "OUTPUT", "--prices", "BAD"], "vcpu_hour is -1: input should be greater than or equal to 0"),
        (["--output-path", "EMPTY"], "there are no results in"),
        (["--output-path", "EMPTY", "--csv"], "there are no results in"),
    ],
)
def test_a_wrong_argument_is_one_sentence(output: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "empty").mkdir()
    bad = prices_file(tmp_path)
    bad.write_text(bad.read_text().replace("vcpu_hour = 0.5", "vcpu_hour = -1"))
    places = {"OUTPUT": str(output), "BAD": str(bad), "EMPTY": str(tmp_path / "empty")}
    result = call("report", *(places.get(word, word) for word in arguments))
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
