"""`doctor` on this machine and for containers; for AWS Batch see `test_batch`."""

import json
from pathlib import Path

import pytest

from bioinfo_assets_tests.cli.commands import call


def test_all_tools_are_found_on_this_machine() -> None:
    result = call("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(result.stdout)}
    assert result.exit_code == 0, result
    assert {"bwa", "samtools", "gatk", "picard", "java", "Rscript", "cutadapt", "multiqc", "dagster"} <= set(checks)
    assert all(check["version"] for check in checks.values() if not check["optional"])
    assert checks["gatk"]["version"].startswith("4.6.")
    optional = {name for name, check in checks.items() if check["optional"]}
    assert optional == {"bwa-mem2", "bwa-mem3", "gatk", "picard", "java", "fastp"}


def test_with_gatk_as_engine_java_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOINFO_ASSETS_ENGINE", "gatk")
    checks = {check["name"]: check for check in json.loads(call("doctor", "--json").stdout)}
    optional = {name for name, check in checks.items() if check["optional"]}
    assert optional == {"bwa-mem2", "bwa-mem3", "bioinfo-assets-engine", "fastp"}


def test_a_tool_of_an_asset_that_the_settings_ask_for_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOINFO_ASSETS_CONTAMINATION_SITES", "/common.vcf.gz")
    checks = {check["name"]: check for check in json.loads(call("doctor", "--json").stdout)}
    assert not checks["gatk"]["optional"]
    assert not checks["java"]["optional"]
    assert checks["fastp"]["optional"]


def test_the_aligner_of_the_settings_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOINFO_ASSETS_ALIGNER", "bwa-mem3")
    monkeypatch.setenv("BIOINFO_ASSETS_REFERENCE_INDEX", "/ref/genome.fa")
    checks = {check["name"]: check for check in json.loads(call("doctor", "--json").stdout)}
    assert checks["bwa-mem2"]["optional"]
    assert not checks["bwa-mem3"]["optional"]
    assert checks["bwa-mem3"]["version"].startswith("0.4.4+")


def test_a_missing_tool_is_shown_with_its_install_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = call("doctor")
    rows = [line.strip().split(maxsplit=2) for line in result.stdout.splitlines()]
    assert result.exit_code == 1
    assert ["samtools", "MISSING", "apt-get install samtools"] in rows
    assert "Traceback" not in result.stdout + result.stderr


def test_tools_are_searched_in_the_configured_folders_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samtools = tmp_path / "samtools"
    samtools.write_text("#!/bin/sh\necho samtools 1.99\n", encoding="utf-8")
    samtools.chmod(0o755)
    monkeypatch.setenv("BIOINFO_ASSETS_TOOL_PATH", str(tmp_path))
    checks = {check["name"]: check for check in json.loads(call("doctor", "--json").stdout)}
    assert (checks["samtools"]["version"], checks["samtools"]["path"]) == ("1.99", str(samtools))


def test_batch_needs_an_output_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    result = call("doctor", "--backend", "batch")
    assert result.exit_code == 2
    assert "AWS Batch needs a project: give --output-path" in result.stderr


def test_an_unavailable_container_engine_is_reported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    result = call("doctor", "--backend", "docker", "--image", "tools:1", "--output-path", tmp_path)
    assert result.exit_code == 1
    assert result.stdout.count("no.sock") == 1
