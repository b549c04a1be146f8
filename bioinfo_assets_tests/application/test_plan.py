"""The precedence of settings: options, the environment, the project's home, the defaults of `run`."""

import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bioinfo_assets.application.plan import (
    DEFAULT_KNOWN_SITES,
    DEFAULT_REFERENCE,
    Request,
    home_of,
    open_project,
    plan_everything,
    settings_of,
    with_defaults_of_run,
)
from bioinfo_assets.errors import InputError
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.observations import observe
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.settings import load, save
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.other_user import as_nobody, needs_root


def request(tmp_path: Path, **overrides: object) -> Request:
    return Request(str(tmp_path), overrides=overrides)


def test_run_has_a_default_reference_and_default_known_sites(tmp_path: Path) -> None:
    settings = with_defaults_of_run(settings_of(request(tmp_path), tmp_path / ".dagster"))
    assert settings.reference == DEFAULT_REFERENCE
    assert settings.known_sites == DEFAULT_KNOWN_SITES


def test_other_commands_choose_no_genome(tmp_path: Path) -> None:
    """`sync` saves the settings: human variants would recalibrate a mouse."""
    project, _ = open_project(str(tmp_path))
    assert (project.settings.reference, project.settings.known_sites) == (None, ())


def test_only_what_is_missing_has_a_default(tmp_path: Path) -> None:
    own = settings_of(request(tmp_path, reference="/mouse.fa", known_sites=()), tmp_path / ".dagster")
    assert with_defaults_of_run(own) == own


def test_reference_and_known_sites_of_the_environment_stay_those_of_the_project_without_it(tmp_path: Path) -> None:
    """Variables are not saved: the next shell may not have them, and would align to chromosome 22."""
    genome = tmp_path / "genome.fa"
    genome.write_text(">chr1\nACGT\n")
    sites = [tmp_path / name for name in ("snps.vcf.gz", "indels.vcf.gz")]
    for path in sites:
        path.write_text(path.name)
    ledger = Ledger(Store(), str(tmp_path))
    observe(ledger, ResultKey("reference_source", "references"), {"fasta": str(genome)})
    observe(ledger, ResultKey("known_sites_source", "references"), {path.name: str(path) for path in sites})
    home = tmp_path / ".dagster"
    settings = settings_of(request(tmp_path), home)
    assert (settings.reference, settings.known_sites) == (str(genome), tuple(map(str, sites)))
    assert settings_of(request(tmp_path, reference=DEFAULT_REFERENCE), home).reference == DEFAULT_REFERENCE
    assert settings_of(request(tmp_path, known_sites=()), home).known_sites == ()


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


def test_a_slash_at_the_end_of_a_remote_output_path_makes_no_second_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither on the command line, nor in the environment, nor in a file that an earlier version wrote."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "bioinfo-assets.toml").write_text('output_path = "s3://bucket/run7/"\n')
    assert home_of("s3://bucket/run7") == tmp_path
    assert load(tmp_path).output_path == "s3://bucket/run7"
    monkeypatch.setenv("BIOINFO_ASSETS_OUTPUT_PATH", "s3://bucket/run7/")
    assert load(tmp_path).output_path == "s3://bucket/run7"


def test_an_adapter_file_in_the_output_path_is_found_by_the_next_run(tmp_path: Path) -> None:
    """Relative to the output path, it has a slash, or it would be a sequence."""
    adapters, home = tmp_path / "adapters.fa", tmp_path / ".dagster"
    adapters.write_text(">a\nACGTACGT\n")
    first = settings_of(request(tmp_path, trimming={"three_prime_1": str(adapters)}), home)
    assert (home / "bioinfo-assets.toml") == save(first, home)
    assert 'three_prime_1 = "./adapters.fa"' in (home / "bioinfo-assets.toml").read_text()
    again = settings_of(request(tmp_path), home)
    assert again.trimming.three_prime_1 == str(adapters)
    ((_, adapter),) = Project(again).trimming().adapters()
    assert not isinstance(adapter, str)
    assert adapter.uri == str(adapters)


def test_an_output_path_whose_name_is_too_long_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"bioinfo-assets.toml cannot be read \(File name too long\)"):
        plan_everything(str(tmp_path / ("a" * 300)))


@needs_root
def test_an_output_path_in_a_private_folder_is_refused_in_a_sentence() -> None:
    def is_refused() -> bool:
        try:
            plan_everything(f"{name}/private/out")
        except InputError as error:
            return "cannot be read (Permission denied): check the path and its permissions" in str(error)
        return False

    with tempfile.TemporaryDirectory() as name:  # others may enter its parents
        Path(name).chmod(0o755)
        Path(name, "private").mkdir(mode=0o700)
        assert as_nobody(is_refused)


class TestTheEnvironmentIsNotSaved:
    """It holds for one process: a project that is run once with another engine stays as it was."""

    def save_and_read(self, folder: Path, **overrides: object) -> dict[str, Any]:
        home = folder / ".dagster"
        file = save(settings_of(request(folder, **overrides), home), home)
        return tomllib.loads(file.read_text())

    def test_a_setting_that_the_file_has_stays(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = self.save_and_read(tmp_path, reference="/1.fa", platform="ONT", trimming={"max_n": 0.5}, cpus=3)
        monkeypatch.setenv("BIOINFO_ASSETS_PLATFORM", "ELEMENT")
        monkeypatch.setenv("BIOINFO_ASSETS_TRIMMING__MAX_N", "0.2")
        assert self.save_and_read(tmp_path) == before

    def test_a_setting_that_the_file_has_not_stays_out(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = self.save_and_read(tmp_path, reference="/1.fa", known_sites=(), trimming={"poly_g": True})
        for name, value in {
            "ENGINE": "gatk", "SCRATCH": "/scratch", "TRIMMING__TRUSEQ": "true", "TRIMMING__MAX_N": "0.2",
            "JOBS__QUEUE": "spot", "STEPS__DEPTH__VCPUS": "2", "quality__mean_depth__warn": "20",
        }.items():  # fmt: skip
            monkeypatch.setenv(f"BIOINFO_ASSETS_{name}", value)
        assert self.save_and_read(tmp_path) == before
        settings = settings_of(request(tmp_path), tmp_path / ".dagster")
        assert (settings.engine, settings.trimming.truseq, settings.trimming.poly_g) == ("gatk", True, True)

    def test_an_option_is_saved_whatever_the_environment_has(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BIOINFO_ASSETS_PLATFORM", "ONT")
        monkeypatch.setenv("BIOINFO_ASSETS_TRIMMING__TRUSEQ", "true")
        saved = self.save_and_read(tmp_path, reference="/1.fa", platform="ONT", trimming={"truseq": True, "max_n": 0.2})
        assert (saved["platform"], saved["trimming"]) == ("ONT", {"truseq": True, "max_n": 0.2})

    def test_a_first_run_with_settings_of_the_environment_works_where_that_is_inherited(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As in Dagit's processes, which load the settings by the home alone."""
        monkeypatch.setenv("BIOINFO_ASSETS_REFERENCE", "/1.fa")
        monkeypatch.setenv("BIOINFO_ASSETS_KNOWN_SITES", "/a.vcf.gz,/b.vcf.gz")
        assert self.save_and_read(tmp_path) == {}
        settings = load(tmp_path / ".dagster")
        assert settings == settings_of(request(tmp_path), tmp_path / ".dagster")
        assert (settings.reference, settings.known_sites) == ("/1.fa", ("/a.vcf.gz", "/b.vcf.gz"))
