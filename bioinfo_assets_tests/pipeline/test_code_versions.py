"""Code versions: by them Dagster tells what was made by another step, with other settings or other tools."""

from pathlib import Path

import pytest

from bioinfo_assets.pipeline.code_versions import FILE_NAME, code_version, code_versions, save_tools, tools_of
from bioinfo_assets.pipeline.graph import ASSETS, GRAPH
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.settings import Settings
from bioinfo_assets_tests.launch.test_tools import program
from bioinfo_assets_tests.pipeline.lab import Tools

SAYS = {
    "bwa": "Version: {}",
    "samtools": "samtools {}",
    "bgzip": "bgzip (htslib) {}",
    "tabix": "tabix (htslib) {}",
    "mosdepth": "mosdepth {}",
    "Rscript": "Rscript (R) version {}",
    "gatk": "The Genome Analysis Toolkit (GATK) v{}",
    "picard": "Version:{}",
    "cutadapt": "{}",
    "multiqc": "multiqc, version {}",
}
"""How each tool tells its version."""

MAKES = {
    "bwa": {"reference_index", "aligned_bam"},
    "samtools": {"reference_index", "aligned_bam", "marked_bam", "recalibrated_bam", "depth"},
    "picard": {"reference_index", "marked_bam", "alignment_metrics", "insert_size_metrics"},
    "bgzip": {"known_sites", "merged_reads", "aligned_bam", "marked_bam", "recalibrated_bam", "depth"},
    "tabix": {"known_sites", "depth"},
    "cutadapt": {"trimmed_reads"},
    "gatk": {"recalibrated_bam"},
    "Rscript": {"insert_size_metrics"},
    "mosdepth": {"depth"},
    "multiqc": {"multiqc_report"},
}
"""What each tool has a hand in."""


def settings_in(folder: Path, **given: object) -> Settings:
    return Settings(**{"output_path": str(folder / "out"), "aligner": "bwa", **given})


@pytest.fixture(autouse=True)
def a_machine_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this user's machine remembers of tools, and the project whoever runs the tests is at, are left alone."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


@pytest.fixture
def local(tmp_path: Path) -> Project:
    """A project whose tools are stand-ins that tell version 1.0."""
    for tool in SAYS:
        install(tmp_path, tool, "1.0")
    return Project(settings_in(tmp_path, tool_path=(str(tmp_path / "tools"),)))


def install(folder: Path, tool: str, version: str) -> None:
    program(folder / "tools" / tool, SAYS[tool].format(version))


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    assert before.keys() == after.keys() == set(ASSETS)
    return {asset for asset in ASSETS if before[asset] != after[asset]}


def test_it_begins_with_the_version_of_the_step(local: Project) -> None:
    for asset, version in code_versions(local).items():
        assert version.partition("+")[0] == GRAPH[asset].version


def test_it_is_the_version_of_the_step_where_nothing_else_shapes_the_result(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert code_version("alignment_metrics", settings, {}) == GRAPH["alignment_metrics"].version
    assert code_version("alignment_metrics", settings, {"picard": "1"}) != GRAPH["alignment_metrics"].version


def test_tools_and_their_versions_are_in_it(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    told = ({}, {"bgzip": "1"}, {"bgzip": "2"}, {"tabix": "1"}, {"bgzip": "1", "tabix": "1"})
    assert len({code_version("known_sites", settings, tools) for tools in told}) == len(told)
    assert code_version("depth", settings, {"a": "1", "b": "2"}) == code_version(
        "depth", settings, {"b": "2", "a": "1"}
    )


@pytest.mark.parametrize(
    ("setting", "assets"),
    [
        ({"reference": "/ref/other.fa"}, {"reference_genome"}),
        ({"reference_alt": "/ref/other.alt"}, {"reference_index"}),
        ({"known_sites": ("/ref/other.vcf.gz",)}, {"known_sites", "recalibrated_bam"}),
        ({"trimming": {"truseq": True}}, {"trimmed_reads"}),
        ({"jobs": {"vcpus": 2}, "cache": "/cache", "steps": {"depth": {"vcpus": 1}}}, set()),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_settings_that_shape_a_result_are_in_it(tmp_path: Path, setting: dict[str, object], assets: set[str]) -> None:
    before, after = (
        {asset: code_version(asset, settings, {}) for asset in ASSETS}
        for settings in (settings_in(tmp_path), settings_in(tmp_path, **setting))
    )
    assert changed(before, after) == assets


def test_the_tools_of_each_asset(tmp_path: Path) -> None:
    project = Project(settings_in(tmp_path))
    used = {asset: set(tools_of(project, Tools(tmp_path, {}), asset)) for asset in ASSETS}
    assert used == {asset: {tool for tool, assets in MAKES.items() if asset in assets} for asset in ASSETS}


def test_the_aligner_is_the_one_that_is_there(tmp_path: Path) -> None:
    project = Project(settings_in(tmp_path, aligner="auto"))
    assert "bwa-mem2" in tools_of(project, Tools(tmp_path, {}), "aligned_bam")
    assert "bwa" in tools_of(project, Tools(tmp_path, {"bwa-mem2": None}), "aligned_bam")


@pytest.mark.parametrize("tool", SAYS)
def test_another_tool_of_this_machine_changes_what_it_makes(local: Project, tmp_path: Path, tool: str) -> None:
    before = code_versions(local)
    install(tmp_path, tool, "1.1")
    assert changed(before, code_versions(local)) == MAKES[tool]


def test_tools_of_this_machine_are_asked_whatever_was_kept(local: Project) -> None:
    before = code_versions(local)
    save_tools({"depth": {"samtools": "0"}}, Path(local.settings.output_path) / ".dagster")
    assert code_versions(local) == before


def test_a_tool_that_is_gone_counts_as_it_was_last(
    local: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a Dagit that is started with another PATH does not call all stale."""
    before, home = code_versions(local), Path(local.settings.output_path) / ".dagster"
    monkeypatch.setenv("PATH", "/nowhere")
    (tmp_path / "tools" / "mosdepth").unlink()
    assert changed(before, code_versions(local)) == {"depth"}
    save_tools({"depth": dict.fromkeys(["samtools", "bgzip", "tabix", "mosdepth"], "1.0")}, home)
    assert code_versions(local) == before


@pytest.mark.parametrize("means", [{"backend": "docker"}, {"backend": "batch"}])
def test_tools_of_an_image_are_as_a_run_kept_them_last(tmp_path: Path, means: dict[str, object]) -> None:
    project, home = Project(settings_in(tmp_path, **means)), tmp_path / "out" / ".dagster"
    at_first = code_versions(project)
    assert at_first == {asset: code_version(asset, project.settings, {}) for asset in ASSETS}

    save_tools({"depth": {"samtools": "1"}, "multiqc_report": {"multiqc": "1"}}, home)
    first = code_versions(project)
    assert changed(at_first, first) == {"depth", "multiqc_report"}

    save_tools({"depth": {"samtools": "2"}}, home)
    second = code_versions(project)
    assert changed(first, second) == {"depth"}
    assert second["depth"] == code_version("depth", project.settings, {"samtools": "2"})


def test_tools_that_are_as_they_were_are_not_written_again(tmp_path: Path) -> None:
    save_tools({"depth": {"samtools": "1"}}, tmp_path)
    written = (tmp_path / FILE_NAME).stat()
    save_tools({"depth": {"samtools": "1"}}, tmp_path)
    assert (tmp_path / FILE_NAME).stat() == written


@pytest.mark.parametrize("damaged", [b"", b"{", b'{"depth": "samtools"}', b"[1]", b"\xff\xfe"])
def test_a_damaged_list_of_tools_counts_as_none_and_is_made_anew(tmp_path: Path, damaged: bytes) -> None:
    project, home = Project(settings_in(tmp_path, backend="docker")), tmp_path / "out" / ".dagster"
    without = code_versions(project)
    home.mkdir(parents=True)
    (home / FILE_NAME).write_bytes(damaged)
    assert code_versions(project) == without
    save_tools({"depth": {"samtools": "1"}}, home)
    assert changed(without, code_versions(project)) == {"depth"}


def test_a_project_in_the_cloud_without_a_home_has_code_versions(tmp_path: Path) -> None:
    project = Project(Settings(output_path="s3://bucket/folder", backend="batch"))
    assert code_versions(project) == {asset: code_version(asset, project.settings, {}) for asset in ASSETS}
