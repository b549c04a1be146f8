import json
from pathlib import Path

import pytest

from bioinfo_assets_tests.cli.commands import call


def test_all_that_jobs_need_is_here() -> None:
    result = call("doctor", "--json")
    found = {one["name"]: one for one in json.loads(result.stdout)}
    assert result.exit_code == 0, result
    assert {"bwa", "samtools", "gatk", "picard", "java", "Rscript", "cutadapt", "multiqc", "dagster"} <= set(found)
    assert all(one["version"] for one in found.values() if not one["optional"])
    assert found["gatk"]["version"].startswith("4.6.")


def test_what_is_missing_and_what_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = call("doctor")
    rows = [line.strip().split(maxsplit=2) for line in result.stdout.splitlines()]
    assert result.exit_code == 1
    assert ["samtools", "MISSING", "apt-get install samtools"] in rows
    assert "Traceback" not in result.stdout + result.stderr


def test_a_project_on_batch_has_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    result = call("doctor", "--backend", "batch")
    assert result.exit_code == 2
    assert "no project is named: give --output-path" in result.stderr


def test_an_image_that_cannot_be_had_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    result = call("doctor", "--backend", "docker", "--image", "tools:1", "--output-path", tmp_path)
    assert result.exit_code == 1
    assert result.stdout.count("no.sock") == 1
