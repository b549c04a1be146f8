"""Code versions: by them Dagster recognises results of another step version, other settings or other tools."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from bioinfo_assets.errors import ResourceError
from bioinfo_assets.launch.backend import NO_OPTIONS
from bioinfo_assets.launch.job import JobOptions
from bioinfo_assets.pipeline.code_versions import FILE_NAME, code_version, code_versions, save_tools, tools_of
from bioinfo_assets.pipeline.graph import ASSETS, GRAPH
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.settings import Settings
from bioinfo_assets_tests.pipeline.fake_project import FakeTools

VERSION_TEXTS = {
    "bwa": "Version: {}",
    "samtools": "samtools {}",
    "bgzip": "bgzip (htslib) {}",
    "tabix": "tabix (htslib) {}",
    "mosdepth": "mosdepth {}",
    "Rscript": "Rscript (R) version {}",
    "bioinfo-assets-engine": "{}",
    "fastp": "fastp {}",
    "picard": "Version:{}",
    "gatk": "The Genome Analysis Toolkit (GATK) v{}",
    "cutadapt": "{}",
    "multiqc": "multiqc, version {}",
}
"""How each tool prints its version."""

ASSETS_BY_TOOL = {
    "bwa": {"reference_index", "aligned_bam"},
    "samtools": {
        *("reference_index", "aligned_bam", "marked_bam", "recalibrated_bam", "recalibrated_cram", "depth"),
        *("contamination", "fingerprint"),
    },
    "bgzip": {
        *("known_sites", "merged_reads", "trimmed_reads", "aligned_bam", "marked_bam", "recalibrated_bam", "depth"),
    },
    "tabix": {"known_sites", "depth", "contamination"},
    "gatk": {"contamination"},
    "fastp": {"read_quality"},
    "cutadapt": {"trimmed_reads"},
    "bioinfo-assets-engine": {
        *("merged_reads", "aligned_bam", "marked_bam"),
        *("recalibrated_bam", "alignment_metrics", "insert_size_metrics"),
    },
    "Rscript": {"genome_metrics", "insert_size_metrics"},
    "picard": {"fingerprint", "genome_metrics"},
    "mosdepth": {"depth"},
    "multiqc": {"multiqc_report"},
}
"""The assets whose jobs call each tool."""

ASSETS_BY_ORIGINAL = {
    "picard": {"marked_bam", "alignment_metrics", "fingerprint", "genome_metrics", "insert_size_metrics"},
    "gatk": {"recalibrated_bam", "contamination"},
}
"""The assets whose jobs call the tools that the native engine follows, if these are the engine."""


def settings_in(folder: Path, **changes: Any) -> Settings:
    return Settings(**{"output_path": str(folder / "out"), "aligner": "bwa", **changes})


@pytest.fixture(autouse=True)
def isolated_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither this user's cached tool versions nor a current project affect the tests."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


@pytest.fixture
def local(tmp_path: Path) -> Project:
    """A project whose tools are scripts that print version 1.0."""
    for tool in VERSION_TEXTS:
        install(tmp_path, tool, "1.0")
    return Project(settings_in(tmp_path, tool_path=(str(tmp_path / "tools"),)))


def install(folder: Path, tool: str, version: str) -> None:
    script = folder / "tools" / tool
    script.parent.mkdir(exist_ok=True)
    script.write_text(f"#!/bin/sh\necho '{VERSION_TEXTS[tool].format(version)}'\n")
    script.chmod(0o755)


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    assert before.keys() == after.keys() == set(ASSETS)
    return {asset for asset in ASSETS if before[asset] != after[asset]}


def test_a_code_version_begins_with_the_step_version(local: Project) -> None:
    for asset, version in code_versions(local).items():
        assert version.partition("+")[0] == GRAPH[asset].version


def test_a_code_version_without_settings_and_tools_is_the_step_version(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert code_version("alignment_metrics", settings, {}) == GRAPH["alignment_metrics"].version
    assert (
        code_version("alignment_metrics", settings, {"bioinfo-assets-engine": "1"})
        != GRAPH["alignment_metrics"].version
    )


def test_a_code_version_depends_on_tools_and_their_versions(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    tool_sets: tuple[dict[str, str], ...] = (
        {},
        {"bgzip": "1"},
        {"bgzip": "2"},
        {"tabix": "1"},
        {"bgzip": "1", "tabix": "1"},
    )
    assert len({code_version("known_sites", settings, tools) for tools in tool_sets}) == len(tool_sets)
    assert code_version("depth", settings, {"a": "1", "b": "2"}) == code_version(
        "depth", settings, {"b": "2", "a": "1"}
    )


@pytest.mark.parametrize(
    ("setting", "assets"),
    [
        ({"reference": "/ref/other.fa"}, {"reference_genome"}),
        ({"reference_alt": "/ref/other.alt"}, {"reference_index"}),
        ({"reference_index": "/ref/genome.fa", "aligner": "bwa"}, {"reference_index"}),
        ({"known_sites": ("/ref/other.vcf.gz",)}, {"known_sites", "recalibrated_bam"}),
        ({"trimming": {"truseq": True}}, {"trimmed_reads"}),
        ({"haplotype_map": "/ref/map.txt"}, {"fingerprint", "multiqc_report"}),
        ({"jobs": {"vcpus": 2}, "cache": "/cache", "steps": {"depth": {"vcpus": 1}}}, set()),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_code_version_depends_on_the_settings_that_shape_the_result(
    tmp_path: Path, setting: dict[str, object], assets: set[str]
) -> None:
    before, after = (
        {asset: code_version(asset, settings, {}) for asset in ASSETS}
        for settings in (settings_in(tmp_path), settings_in(tmp_path, **setting))
    )
    assert changed(before, after) == assets


@pytest.mark.parametrize("engine", ["native", "gatk"])
def test_each_asset_has_the_tools_that_its_job_calls(tmp_path: Path, engine: str) -> None:
    project = Project(settings_in(tmp_path, engine=engine))
    called = {**ASSETS_BY_TOOL}
    if engine == "gatk":
        del called["bioinfo-assets-engine"]
        called |= ASSETS_BY_ORIGINAL
    used = {asset: set(tools_of(project, FakeTools(tmp_path, {}), asset)) for asset in ASSETS}
    assert used == {asset: {tool for tool, assets in called.items() if asset in assets} for asset in ASSETS}


def test_the_report_compares_fingerprints_if_there_are_any(tmp_path: Path) -> None:
    project = Project(settings_in(tmp_path, haplotype_map="/ref/map.txt"))
    assert tools_of(project, FakeTools(tmp_path, {}), "multiqc_report").keys() == {"multiqc", "picard"}


def test_the_automatic_aligner_is_the_installed_one(tmp_path: Path) -> None:
    project = Project(settings_in(tmp_path, aligner="auto"))
    assert "bwa-mem2" in tools_of(project, FakeTools(tmp_path, {}), "aligned_bam")
    assert "bwa" in tools_of(project, FakeTools(tmp_path, {"bwa-mem2": None}), "aligned_bam")


def test_the_automatic_aligner_is_no_other_one_while_the_tools_cannot_be_listed(tmp_path: Path) -> None:
    class Unreachable(FakeTools):
        def tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str]:
            raise ResourceError("the docker engine does not answer")

    project = Project(settings_in(tmp_path, aligner="auto"))
    with pytest.raises(ResourceError, match="the docker engine does not answer"):
        project.aligner(Unreachable(tmp_path, {}), NO_OPTIONS)


@pytest.mark.parametrize("tool", VERSION_TEXTS)
def test_a_new_tool_version_changes_the_assets_that_call_the_tool(local: Project, tmp_path: Path, tool: str) -> None:
    before = code_versions(local)
    install(tmp_path, tool, "1.1")
    assert changed(before, code_versions(local)) == ASSETS_BY_TOOL[tool]


def test_saved_versions_are_ignored_for_installed_tools(local: Project) -> None:
    before = code_versions(local)
    save_tools({"depth": {"samtools": "0"}}, Path(local.settings.output_path) / ".dagster")
    assert code_versions(local) == before


def test_a_missing_tool_counts_as_its_last_known_version(
    local: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Dagit that is started with another PATH must not show everything as stale."""
    before, home = code_versions(local), Path(local.settings.output_path) / ".dagster"
    monkeypatch.setenv("PATH", "/nowhere")
    (tmp_path / "tools" / "mosdepth").unlink()
    assert changed(before, code_versions(local)) == {"depth"}
    save_tools({"depth": dict.fromkeys(["samtools", "bgzip", "tabix", "mosdepth"], "1.0")}, home)
    assert code_versions(local) == before


@pytest.mark.parametrize("backend", ["docker", "batch"])
def test_tools_of_an_image_have_the_last_saved_versions(tmp_path: Path, backend: str) -> None:
    project, home = Project(settings_in(tmp_path, backend=backend)), tmp_path / "out" / ".dagster"
    without = code_versions(project)
    assert without == {asset: code_version(asset, project.settings, {}) for asset in ASSETS}

    save_tools({"depth": {"samtools": "1"}, "multiqc_report": {"multiqc": "1"}}, home)
    first = code_versions(project)
    assert changed(without, first) == {"depth", "multiqc_report"}

    save_tools({"depth": {"samtools": "2"}}, home)
    second = code_versions(project)
    assert changed(first, second) == {"depth"}
    assert second["depth"] == code_version("depth", project.settings, {"samtools": "2"})


def test_unchanged_tool_versions_are_not_written_again(tmp_path: Path) -> None:
    save_tools({"depth": {"samtools": "1"}}, tmp_path)
    written = (tmp_path / FILE_NAME).stat()
    save_tools({"depth": {"samtools": "1"}}, tmp_path)
    assert (tmp_path / FILE_NAME).stat() == written


@pytest.mark.parametrize("damaged", [b"", b"{", b'{"depth": "samtools"}', b"[1]", b"\xff\xfe"])
def test_a_damaged_versions_file_is_ignored_and_replaced(tmp_path: Path, damaged: bytes) -> None:
    project, home = Project(settings_in(tmp_path, backend="docker")), tmp_path / "out" / ".dagster"
    without = code_versions(project)
    home.mkdir(parents=True)
    (home / FILE_NAME).write_bytes(damaged)
    assert code_versions(project) == without
    save_tools({"depth": {"samtools": "1"}}, home)
    assert changed(without, code_versions(project)) == {"depth"}


def test_a_remote_project_without_a_home_has_code_versions(tmp_path: Path) -> None:
    project = Project(Settings(output_path="s3://bucket/folder", backend="batch"))
    assert code_versions(project) == {asset: code_version(asset, project.settings, {}) for asset in ASSETS}
