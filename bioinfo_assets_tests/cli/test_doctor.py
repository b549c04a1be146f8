import json
from pathlib import Path

import pytest

from bioinfo_assets_tests.cli.commands import call


def test_all_that_jobs_need_is_here() -> None:
    said = call("doctor", "--json")
    found = {one["name"]: one for one in json.loads(said.stdout)}
    assert said.exit_code == 0, said
    assert {"bwa", "samtools", "gatk", "picard", "java", "Rscript", "cutadapt", "multiqc", "dagster"} <= set(found)
    assert all(one["version"] for one in found.values() if not one["optional"])
    assert found["gatk"]["version"].startswith("4.6.")


def test_what_is_missing_and_what_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = call("doctor")
    rows = [line.strip().split(maxsplit=2) for line in said.stdout.splitlines()]
    assert said.exit_code == 1
    assert ["samtools", "MISSING", "apt-get install samtools"] in rows
    assert "Traceback" not in said.stdout + said.stderr
