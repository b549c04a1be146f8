"""What the searches have found, each as the input that failed: a sentence now, where there was a traceback."""

import re
from pathlib import Path

import pytest

from bioinfo_assets import settings
from bioinfo_assets.application.preflight import check_reference
from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.fastq import trailing_number
from bioinfo_assets.genomics.fastq_name import parse_fastq_name
from bioinfo_assets.genomics.known_sites import contigs_of_vcf
from bioinfo_assets.genomics.read_name import parse_read_name
from bioinfo_assets.genomics.reference import parse_fai
from bioinfo_assets.genomics.samplesheet import parse_folder_list, parse_samplesheet
from bioinfo_assets.genomics.uri import file_name
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.storage.store import local_path
from bioinfo_assets_tests.fuzzing.parsers import PARSERS
from bioinfo_assets_tests.genomics.builders import bgzip

LARGE = "9" * 5000
"""A number of more digits than Python converts (sys.set_int_max_str_digits)."""


def test_a_lane_of_five_thousand_digits_in_a_file_name() -> None:
    with pytest.raises(InputError, match="has no lane and read"):
        parse_fastq_name(f"/reads/expt_FC1_L{LARGE}_1.fastq.gz")


def test_a_lane_of_five_thousand_digits_in_a_samplesheet() -> None:
    assert trailing_number(f"lane_{LARGE}") is None
    assert trailing_number("lane_123456789") == 123456789
    assert trailing_number("1a" * 50_000) == 1


def test_a_lane_of_five_thousand_digits_in_a_read_name() -> None:
    assert parse_read_name(f"@M1:1:FC1:{LARGE}:1:1:1").lane is None
    assert parse_read_name(f"@FC1:{LARGE}:1:1:1").lane is None


def test_a_contig_of_five_thousand_digits_in_an_index() -> None:
    with pytest.raises(InputError, match="line 1 of the reference's index is not a contig"):
        parse_fai(f"chr1\t{LARGE}\t6\t60\t61\n")


def test_an_index_that_is_not_text(tmp_path: Path) -> None:
    fasta = tmp_path / "genome.fa"
    with fasta.open("wb") as file:
        file.truncate(300 * 1024 * 1024)  # so large that its index is read
    fasta.with_name("genome.fa.fai").write_bytes(b"\xff\xfe\x00")
    project = Project(settings.Settings(output_path=str(tmp_path / "out"), reference=str(fasta)))
    with pytest.raises(InputError, match="is not a contig"):
        check_reference(project)


def test_numbers_of_five_thousand_digits_in_a_vcf() -> None:
    contig = bgzip(f"##fileformat=VCFv4.2\n##contig=<ID=chr1,length={LARGE}>\n#CHROM\n")
    assert contigs_of_vcf("/data/x.vcf.gz", contig, complete=True) == {"chr1": None}
    assert contigs_of_vcf("/data/x.vcf.gz", bgzip(f"##fileformat=VCFv4.{LARGE}\n#CHROM\n"), complete=True) == {}


def test_a_bracket_in_the_address_of_a_server() -> None:
    assert file_name("https://[::1/data/a.fa.gz?x=1#y/z") == "a.fa.gz"
    assert not file_name("https://host1.invalid")


@pytest.mark.parametrize("uri", ["/data/a\0b", "file:///data/a%00b", "https://[x/y"])
def test_an_address_that_no_system_call_takes(uri: str) -> None:
    with pytest.raises(InputError, match=r"is not a (file location|URI)"):
        local_path(uri)


@pytest.mark.parametrize(
    "text", [f"cpus = {LARGE}", "known_sites = " + "[" * 3000, b"\xff\xfe"], ids=["digits", "brackets", "bytes"]
)
def test_settings_beyond_pythons_limits(tmp_path: Path, text: str | bytes) -> None:
    (tmp_path / settings.FILE_NAME).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=rf"^{re.escape(settings.FILE_NAME)} in .* is not TOML"):
        settings.load(tmp_path, output_path=str(tmp_path))


def test_a_variable_with_thousands_of_brackets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOINFO_ASSETS_KNOWN_SITES", "[" * 100_000)
    with pytest.raises(InputError, match="environment variable BIOINFO_ASSETS_… is not a JSON object"):
        settings.load(None, output_path=str(tmp_path))


@pytest.mark.parametrize(
    ("parser", "data"),
    [
        ("picard", b"## METRICS CLASS\tpicard.sam.DuplicationMetrics\nLIBRARY\n"),
        ("picard", b"not of Picard"),
        ("reports", b"[" * 3000),
        ("reports", b'{"read_counts": {}}'),
        ("reports", b"1e999"),
        ("reports", b"chrom\tlength\rbases\n"),
        ("reports", b"\xff"),
    ],
    ids=range(7),
)
def test_a_table_that_its_tool_did_not_write(parser: str, data: bytes) -> None:
    with pytest.raises(InputError, match="a table of depth of expt cannot be read"):
        PARSERS[parser].parse(data)


def test_a_list_of_a_hundred_thousand_folders() -> None:
    """Each was compared with each."""
    folders = [f"/data/run{number}" for number in range(100_000)]
    assert len(parse_folder_list("\n".join(folders), "/data/samples.txt")) == len(folders)
    with pytest.raises(InputError, match="lists /data/run7 twice"):
        parse_folder_list("\n".join([*folders, "run7"]), "/data/samples.txt")


def test_a_samplesheet_of_a_hundred_thousand_columns() -> None:
    columns = ",".join(["sample", "fastq_1", "fastq_2", *map(str, range(100_000))])
    with pytest.raises(InputError, match="lists no FASTQs"):
        parse_samplesheet(f"{columns}\n", "/data/sheet.csv")
