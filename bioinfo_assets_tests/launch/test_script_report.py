from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.launch.backend import OutputFile
from bioinfo_assets.launch.job import Job, Output
from bioinfo_assets.launch.script import ScriptReport, output_files, read_script_report
from bioinfo_assets.result_key import ResultKey

JOB = Job(
    ResultKey("a", "s"), "1", "true", outputs=(Output("bam", "s.bam", "/o/s.bam"), Output("md5", "s.md5", "/o/m", None))
)


def test_an_empty_folder_is_an_empty_report(tmp_path: Path) -> None:
    assert read_script_report(tmp_path) == ScriptReport()


def test_outputs_are_in_the_jobs_order_with_their_paths() -> None:
    report = ScriptReport(outputs="md5\t33\tbb\t-\nbam\t1200\taa\tcc\n")
    assert output_files(JOB, report, "s3://scratch/work") == (
        OutputFile("bam", "s3://scratch/work/s.bam", 1200, "aa", "sha256:cc"),
        OutputFile("md5", "s3://scratch/work/s.md5", 33, "bb", None),
    )


def test_bytes_that_are_not_utf8_do_not_hide_a_problem(tmp_path: Path) -> None:
    (tmp_path / "problem").write_bytes(b"read \xff is odd\n")
    assert read_script_report(tmp_path).problem == "read \ufffd is odd"


ONE_LINE = st.text(st.characters(exclude_characters="\t\r\n", exclude_categories=["Cs"]), min_size=1)


@given(st.dictionaries(ONE_LINE, ONE_LINE))
def test_facts_are_read_back(tmp_path_factory: pytest.TempPathFactory, facts: dict[str, str]) -> None:
    folder = tmp_path_factory.mktemp("report")
    (folder / "facts.tsv").write_text("".join(f"{name}\t{value}\n" for name, value in facts.items()), encoding="utf-8")
    assert read_script_report(folder).facts == facts
