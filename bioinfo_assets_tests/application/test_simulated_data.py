"""Simulated data, which `demo` and `prepare-samples` share."""

import json
from pathlib import Path

from bioinfo_assets.application.simulated_data import provide_simulated_data


def test_data_of_a_seed_are_simulated_once(tmp_path: Path) -> None:
    first = provide_simulated_data(tmp_path, 7)
    stamp, text = first.reference.stat().st_mtime_ns, first.reference.read_bytes()
    assert provide_simulated_data(tmp_path, 7) == first
    assert first.reference.stat().st_mtime_ns == stamp
    assert provide_simulated_data(tmp_path, 8).reference.read_bytes() != text


def test_incomplete_simulated_data_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "simulated.fa.gz").write_bytes(b"half")
    assert provide_simulated_data(tmp_path, 7).reference.read_bytes() != b"half"


def test_the_manifest_contains_the_seed(tmp_path: Path) -> None:
    provide_simulated_data(tmp_path, 9)
    assert json.loads((tmp_path / "simulated.json").read_text())["seed"] == 9
