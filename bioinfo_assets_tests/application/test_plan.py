"""The precedence of settings: options, the environment, the project's home, the defaults of `run`."""

from pathlib import Path

import pytest

from bioinfo_assets.application.plan import DEFAULT_KNOWN_SITES, DEFAULT_REFERENCE, Request, home_of, settings_of
from bioinfo_assets.settings import save


def request(tmp_path: Path, **overrides: object) -> Request:
    return Request(str(tmp_path), overrides=overrides)


def test_run_has_a_default_reference_and_default_known_sites(tmp_path: Path) -> None:
    settings = settings_of(request(tmp_path), tmp_path / ".dagster")
    assert settings.reference == DEFAULT_REFERENCE
    assert settings.known_sites == DEFAULT_KNOWN_SITES


def test_options_override_the_environment_and_that_overrides_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / ".dagster"
    save(settings_of(request(tmp_path, reference="/1.fa", platform="ONT", cpus=1), home), home)
    monkeypatch.setenv("BIOINFO_ASSETS_PLATFORM", "ELEMENT")
    monkeypatch.setenv("BIOINFO_ASSETS_CPUS", "2")
    settings = settings_of(request(tmp_path, cpus=3), home)
    assert (settings.reference, settings.platform, settings.cpus) == ("/1.fa", "ELEMENT", 3)


def test_the_choice_of_no_known_sites_is_saved(tmp_path: Path) -> None:
    home = tmp_path / ".dagster"
    save(settings_of(request(tmp_path, known_sites=()), home), home)
    assert settings_of(request(tmp_path), home).known_sites == ()


def test_trimming_settings_are_saved_individually(tmp_path: Path) -> None:
    home = tmp_path / ".dagster"
    save(settings_of(request(tmp_path, trimming={"truseq": True, "three_prime_1": "ACGT"}), home), home)
    trimming = settings_of(request(tmp_path, trimming={"poly_g": True, "three_prime_1": None}), home).trimming
    assert (trimming.truseq, trimming.poly_g, trimming.three_prime_1) == (True, True, None)


def test_the_home_is_in_the_output_path_unless_it_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home_of(str(tmp_path)) == tmp_path / ".dagster"
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    assert home_of("s3://bucket/run7") == tmp_path / "home"


def test_a_moved_project_keeps_its_home(tmp_path: Path) -> None:
    home = tmp_path / "new" / ".dagster"
    save(settings_of(Request(str(tmp_path / "old")), home), home)
    assert home_of(str(tmp_path / "new")) == home
