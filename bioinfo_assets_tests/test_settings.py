"""Settings as a user writes them: in the environment, and in the project's file."""

import re
import threading
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.settings import FILE_NAME, Settings, load, save


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return tmp_path


def loaded() -> Settings:
    return load(output_path="/results")


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
def test_known_sites_of_a_variable(value: str, expected: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOINFO_ASSETS_KNOWN_SITES", value)
    assert loaded().known_sites == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("/bin", ("/bin",)), ("/bin:/opt/bin", ("/bin", "/opt/bin")), ('["/bin"]', ("/bin",))]
)
def test_tool_path_is_written_like_path(value: str, expected: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOINFO_ASSETS_TOOL_PATH", value)
    assert loaded().tool_path == expected


def test_numbers_of_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOINFO_ASSETS_QUANTIZED_QUALS", "10,20")
    assert loaded().quantized_quals == (10, 20)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("BIOINFO_ASSETS_TRIMMING", "foo", "BIOINFO_ASSETS_TRIMMING is not a JSON object"),
        ("BIOINFO_ASSETS_KNOWN_SITES", "[/a.vcf.gz", "setting known_sites: "),
        ("BIOINFO_ASSETS_QUANTIZED_QUALS", "ten", "setting quantized_quals.0: "),
        ("BIOINFO_ASSETS_REFRENCE", "/a.fa", "BIOINFO_ASSETS_REFRENCE is no setting: did you mean BIOINFO_ASSETS_REF"),
        ("bioinfo_assets_refrence", "/a.fa", "bioinfo_assets_refrence is no setting"),
        ("BIOINFO_ASSETS_TRIMING__TRUSEQ", "1", "is no setting: did you mean BIOINFO_ASSETS_TRIMMING?"),
        ("BIOINFO_ASSETS_TRIMMING__TRUSEK", "1", "setting trimming.trusek: "),
        ("BIOINFO_ASSETS_ZZZ", "1", "BIOINFO_ASSETS_ZZZ is no setting: unset it"),
    ],
)
def test_a_wrong_variable_is_told(variable: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InputError, match=re.escape(words)) as caught:
        loaded()
    assert "\n" not in str(caught.value)


def test_lists_of_the_file_are_lists(home: Path) -> None:
    (home / FILE_NAME).write_text('known_sites = ["/a.vcf.gz"]\nquantized_quals = [10, 30]\n')
    assert (loaded().known_sites, loaded().quantized_quals) == (("/a.vcf.gz",), (10, 30))


def test_a_file_that_is_not_text_is_told(home: Path) -> None:
    (home / FILE_NAME).write_bytes(b'platform = "\xe4"\n')
    with pytest.raises(InputError, match=f"^{FILE_NAME} in {home} is not TOML"):
        loaded()


def test_who_save_at_the_same_time_do_not_meet(home: Path) -> None:
    errors: list[Exception] = []

    def save_often(cpus: int) -> None:
        try:
            for _ in range(100):
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
    assert loaded().cpus in {1, 2, 3, 4}


@pytest.mark.parametrize(
    ("name", "hint"), [("quue", "did you mean queue?"), ("zzzzzzzz", "take it out of bioinfo-assets.toml")]
)
def test_a_misspelt_option_in_the_file_is_told(home: Path, name: str, hint: str) -> None:
    (home / FILE_NAME).write_text(f'[jobs]\n{name} = "x"\n')
    with pytest.raises(InputError) as told:
        load(output_path="/results")
    assert str(told.value) == f"there is no setting jobs.{name}: {hint}"
