"""Settings as a user writes them: in the environment, and in the project's file."""

import re
import threading
import tomllib
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.settings import FILE_NAME, Settings, load, output_path_of, save
from bioinfo_assets.trimming_settings import TrimmingSettings


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def settings_of(home: Path) -> Settings:
    return load(home, output_path="/results")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/a.vcf.gz", ("/a.vcf.gz",)),
        ("/a.vcf.gz, s3://bucket/b.vcf.gz", ("/a.vcf.gz", "s3://bucket/b.vcf.gz")),
        ('["/a.vcf.gz", "/with, comma.vcf.gz"]', ("/a.vcf.gz", "/with, comma.vcf.gz")),
        ("[]", ()),
        ("", ()),
    ],
)
def test_known_sites_of_a_variable(
    value: str, expected: tuple[str, ...], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIOINFO_ASSETS_KNOWN_SITES", value)
    assert settings_of(home).known_sites == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("/bin", ("/bin",)), ("/bin:/opt/bin", ("/bin", "/opt/bin")), ('["/bin"]', ("/bin",))]
)
def test_tool_path_is_written_like_path(
    value: str, expected: tuple[str, ...], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIOINFO_ASSETS_TOOL_PATH", value)
    assert settings_of(home).tool_path == expected


def test_numbers_of_a_variable(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOINFO_ASSETS_QUANTIZED_QUALS", "10,20")
    assert settings_of(home).quantized_quals == (10, 20)


def test_limits_and_checks_of_variables(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOINFO_ASSETS_QUALITY__MEAN_DEPTH__WARN", "30")
    monkeypatch.setenv("BIOINFO_ASSETS_QUALITY__BLOCKING", "duplicates, mapped")
    quality = settings_of(home).quality
    assert (quality.mean_depth.warn, quality.mean_depth.fail) == (30, None)
    assert quality.blocking == ("duplicates", "mapped")


def test_limits_that_are_no_fractions_may_be_above_1_and_all_of_a_genome_may_have_to_be_covered(home: Path) -> None:
    quality = {"mean_depth": {"warn": 30}, "insert_size_at_most": {"fail": 600}, "covered_10x": {"warn": 1}}
    assert load(home, output_path="/results", quality=quality).quality.covered_10x.warn == 1


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("BIOINFO_ASSETS_QUALITY__BLOCKING", "duplicate", "setting quality.blocking: there is no check duplicate"),
        (
            "BIOINFO_ASSETS_QUALITY__MEAN_DEPT__WARN",
            "30",
            "unknown setting quality.mean_dept: did you mean mean_depth?",
        ),
        (
            "BIOINFO_ASSETS_QUALITY__DUPLICATES__FAIL",
            "30",
            "setting quality.duplicates: `fail` is a fraction: for 30 % write 0.3, not 30",
        ),
        ("BIOINFO_ASSETS_QUALITY__MAPPED__WARN", "98", "for 98 % write 0.98, not 98"),
        ("BIOINFO_ASSETS_QUALITY__COVERED_20X__WARN", "1.5", "for 1.5 % write 0.015, not 1.5"),
        ("BIOINFO_ASSETS_QUALITY__CONTAMINATION__FAIL", "1", "for 1 % write 0.01, not 1"),  # above 1 is no fraction
        ("BIOINFO_ASSETS_QUALITY__MEAN_DEPTH__FAIL", "inf", "quality.mean_depth.fail: input should be a finite number"),
        ("BIOINFO_ASSETS_TRIMMING", "foo", "BIOINFO_ASSETS_TRIMMING is not a JSON object"),
        ("BIOINFO_ASSETS_KNOWN_SITES", "[/a.vcf.gz", "setting known_sites: "),
        ("BIOINFO_ASSETS_QUANTIZED_QUALS", "ten", "setting quantized_quals.0: "),
        ("BIOINFO_ASSETS_REFRENCE", "/a.fa", "BIOINFO_ASSETS_REFRENCE: did you mean BIOINFO_ASSETS_REFERENCE?"),
        ("bioinfo_assets_refrence", "/a.fa", "unknown environment variable bioinfo_assets_refrence"),
        ("BIOINFO_ASSETS_TRIMING__TRUSEQ", "1", "did you mean BIOINFO_ASSETS_TRIMMING?"),
        ("BIOINFO_ASSETS_TRIMMING__TRUSEK", "1", "unknown setting trimming.trusek: did you mean truseq?"),
        ("BIOINFO_ASSETS_REFERENCE", "/caf\udce9/a.fa", "variable BIOINFO_ASSETS_REFERENCE is not UTF-8"),
        ("BIOINFO_ASSETS_ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ", "1", "unset it"),
    ],
)
def test_an_invalid_variable_gets_a_sentence(
    variable: str, value: str, message: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        settings_of(home)
    assert "\n" not in str(caught.value)


def test_a_program_overrides_the_environment_which_overrides_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / FILE_NAME).write_text('platform = "ONT"\n')
    assert settings_of(home).platform == "ONT"
    monkeypatch.setenv("BIOINFO_ASSETS_PLATFORM", "PACBIO")
    assert settings_of(home).platform == "PACBIO"
    assert load(home, output_path="/results", platform="ELEMENT").platform == "ELEMENT"


def test_settings_without_a_home_ignore_the_file_of_another_project(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / FILE_NAME).write_text('platform = "ONT"\n')
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    assert load(None, output_path="/results").platform == "ILLUMINA"


def test_lists_of_the_file_are_lists(home: Path) -> None:
    (home / FILE_NAME).write_text('known_sites = ["/a.vcf.gz"]\nquantized_quals = [10, 30]\n')
    settings = settings_of(home)
    assert (settings.known_sites, settings.quantized_quals) == (("/a.vcf.gz",), (10, 30))


def test_a_file_that_is_not_text_gets_a_sentence(home: Path) -> None:
    (home / FILE_NAME).write_bytes(b'platform = "\xe4"\n')
    with pytest.raises(InputError, match=f"^{FILE_NAME} in {home} is not TOML"):
        settings_of(home)


def test_concurrent_saves_leave_one_complete_file(home: Path) -> None:
    errors: list[Exception] = []

    def save_often(cpus: int) -> None:
        try:
            for _ in range(50):
                save(Settings(output_path="/results", cpus=cpus), home)
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=save_often, args=(cpus,)) for cpus in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [path.name for path in home.iterdir()] == [FILE_NAME]
    assert settings_of(home).cpus in {1, 2, 3, 4}


@pytest.mark.parametrize(
    ("name", "hint"), [("quue", "did you mean queue?"), ("zzzzzzzz", "remove it from bioinfo-assets.toml")]
)
def test_a_misspelt_option_in_the_file_gets_a_sentence(home: Path, name: str, hint: str) -> None:
    (home / FILE_NAME).write_text(f'[jobs]\n{name} = "x"\n')
    with pytest.raises(InputError) as error:
        settings_of(home)
    assert str(error.value) == f"unknown setting jobs.{name}: {hint}"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "cost center",
            "'cost center' is not a valid tag name: use letters, digits, `_`, `.` and `-`, and at most one `/`",
        ),
        ("dagster/priority", "'dagster/priority' would replace a tag of dagster: choose another name"),
        ("bioinfo-assets/user", "'bioinfo-assets/user' would replace a tag of bioinfo-assets: choose another name"),
    ],
)
def test_a_run_tag_that_dagster_does_not_take(home: Path, name: str, reason: str) -> None:
    (home / FILE_NAME).write_text(f'[run_tags]\n"{name}" = "x"\n')
    with pytest.raises(InputError) as error:
        settings_of(home)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


class TestAMovedProject:
    """Paths under the output path are relative in the file, so that it is valid after a move."""

    SETTINGS = (
        ("reference", "data/genome.fa"),
        ("known_sites", ["data/sites.vcf.gz", "/elsewhere/sites.vcf.gz", "s3://bucket/sites.vcf.gz"]),
        ("watch", "data/samples.csv"),
    )

    @pytest.fixture
    def project(self, tmp_path: Path) -> Path:
        project = tmp_path / "project"
        settings = Settings(
            output_path=str(project),
            reference=f"{project}/data/genome.fa",
            known_sites=(f"{project}/data/sites.vcf.gz", "/elsewhere/sites.vcf.gz", "s3://bucket/sites.vcf.gz"),
            watch=f"{project}/data/samples.csv",
            trimming=TrimmingSettings(three_prime_1=f"{project}/data/adapters.fa", three_prime_2="ACGT"),
        )
        save(settings, project / ".dagster")
        return project

    def test_the_file_names_no_path_of_the_project(self, project: Path) -> None:
        text = (project / ".dagster" / FILE_NAME).read_text()
        assert str(project) not in text
        assert tomllib.loads(text) == {
            **dict(self.SETTINGS),
            "trimming": {"three_prime_1": "data/adapters.fa", "three_prime_2": "ACGT"},
        }

    def test_its_settings_have_the_new_paths(self, project: Path, tmp_path: Path) -> None:
        moved = project.rename(tmp_path / "moved")
        for settings in (load(moved / ".dagster"), load(moved / ".dagster", output_path=str(moved))):
            assert settings.output_path == str(moved)
            assert settings.reference == f"{moved}/data/genome.fa"
            assert settings.watch == f"{moved}/data/samples.csv"
            assert settings.known_sites == (
                f"{moved}/data/sites.vcf.gz",
                "/elsewhere/sites.vcf.gz",
                "s3://bucket/sites.vcf.gz",
            )
            assert settings.trimming.three_prime_1 == f"{moved}/data/adapters.fa"
            assert settings.trimming.three_prime_2 == "ACGT"
        assert output_path_of(moved / ".dagster") == str(moved)

    def test_a_home_elsewhere_names_the_output_path(self, tmp_path: Path) -> None:
        save(Settings(output_path="s3://bucket/run7", reference="s3://bucket/run7/data/genome.fa"), tmp_path)
        assert tomllib.loads((tmp_path / FILE_NAME).read_text()) == {
            "output_path": "s3://bucket/run7",
            "reference": "data/genome.fa",
        }
        assert output_path_of(tmp_path) == "s3://bucket/run7"
        assert load(tmp_path).reference == "s3://bucket/run7/data/genome.fa"


class TestEngine:
    def test_that_of_a_step_goes_before_the_projects(self, home: Path) -> None:
        (home / FILE_NAME).write_text('engine = "native"\n[steps.marked_bam]\nengine = "gatk"\nvcpus = 3\n')
        settings = settings_of(home)
        assert [settings.engine_of(asset) for asset in ("marked_bam", "aligned_bam")] == ["gatk", "native"]
        assert settings.options_of("marked_bam").set_options() == {"vcpus": 3}

    def test_it_is_saved(self, home: Path) -> None:
        (home / FILE_NAME).write_text('[steps.marked_bam]\nengine = "native"\n')
        save(settings_of(home), home)
        assert tomllib.loads((home / FILE_NAME).read_text())["steps"] == {"marked_bam": {"engine": "native"}}

    def test_an_unknown_one(self, home: Path) -> None:
        (home / FILE_NAME).write_text('[steps.marked_bam]\nengine = "picard"\n')
        with pytest.raises(InputError, match=r"steps.marked_bam.engine: input should be 'gatk' or 'native'"):
            settings_of(home)
