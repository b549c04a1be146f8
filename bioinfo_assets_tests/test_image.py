"""The image of the tools, built by `make build-local`: its contents, and that any user can run it."""

import csv
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from bioinfo_assets_tests.container_engine import CLONE, Engine, engine, tools_image

__all__ = ["engine", "tools_image"]
pytestmark = pytest.mark.xdist_group("docker")

PREFIX: Final = "/opt/bioinfo-assets"
SIZE_BOUND: Final = 1_350_000_000  # bytes, unpacked, on a slim base of 75 MB
ANYONE: Final = ("--user", "54321:54321", "--read-only", "--tmpfs", "/tmp", "--network", "none")  # noqa: S108 - its /tmp


def parse_table(text: str) -> dict[str, str]:
    return dict(csv.reader(text.splitlines(), delimiter="\t"))


@pytest.fixture(scope="module")
def version_list(engine: Engine, tools_image: str) -> str:
    """The image's table of tools and versions."""
    return engine.run(tools_image, f"cat {PREFIX}/tools.tsv")


def test_the_image_does_not_run_as_root(engine: Engine, tools_image: str) -> None:
    assert engine.run(tools_image, "id -u").strip() == "1000"


def test_any_user_on_a_read_only_disk_gets_the_listed_versions_from_the_tools(
    engine: Engine, tools_image: str, version_list: str
) -> None:
    sources = f"{CLONE}:/clone:ro"
    versions = engine.run(
        tools_image, "PYTHONPATH=/clone python3 /clone/docker/tools/list_versions.py", *ANYONE, "--volume", sources
    )
    assert versions == version_list


def test_the_version_list_is_sorted_and_has_every_tool_in_its_locked_version(version_list: str) -> None:
    versions = parse_table(version_list)
    assert list(versions) == sorted(versions)
    assert set(versions) == {
        *(
            "Rscript",
            "bgzip",
            "bioinfo-assets-engine",
            "bwa",
            "bwa-mem3",
            "curl",
            "cutadapt",
            "fastp",
            "gatk",
            "java",
            "mosdepth",
            "multiqc",
        ),
        *("openssl", "picard", "python3", "s5cmd", "samtools", "tabix"),
    }
    locked = {"gatk": "4.6.2.0", "picard": "3.4.0", "cutadapt": "5.2", "multiqc": "1.35"}
    engine = (CLONE / "engine" / "VERSION").read_text(encoding="utf-8").strip()
    assert (locked | {"bioinfo-assets-engine": engine}).items() <= versions.items()


def test_locked_tools_have_the_same_versions_on_the_host(version_list: str) -> None:
    """Locked tools have the same version on both; Debian's may differ if the host has another release."""
    path = f"{Path(sys.executable).parent}:{CLONE / '.tools' / 'bin'}:/usr/local/bin:/usr/bin:/bin"
    completed = subprocess.run(
        [sys.executable, CLONE / "docker" / "tools" / "list_versions.py", path],
        env={"PYTHONPATH": str(CLONE), "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    locked = ("cutadapt", "gatk", "multiqc", "picard", "s5cmd")
    host, image = parse_table(completed.stdout), parse_table(version_list)
    assert {tool: host[tool] for tool in locked} == {tool: image[tool] for tool in locked}


def test_debian_packages_are_recorded(engine: Engine, tools_image: str) -> None:
    packages = parse_table(engine.run(tools_image, f"cat {PREFIX}/debian-packages.tsv"))
    assert {"bwa", "samtools", "openjdk-17-jre-headless", "r-base-core"} <= set(packages)
    assert all(packages.values())


@pytest.mark.parametrize("package", ["dagster", "bioinfo_assets", "captainslog", "moto"])
def test_neither_dagster_nor_this_project_is_installed(engine: Engine, tools_image: str, package: str) -> None:
    imports = (
        f"for python in /usr/bin/python3 {PREFIX}/python/bin/python; do ! $python -c 'import {package}' 2>&1; done"
    )
    assert engine.run(tools_image, imports).count("ModuleNotFoundError") == 2
    assert engine.run(tools_image, f"find / -xdev -name '*{package}*' 2>/dev/null || true") == ""


def test_certificates_of_the_build_machine_are_not_trusted(engine: Engine, tools_image: str) -> None:
    assert engine.run(tools_image, "find /usr/local/share/ca-certificates -type f") == ""


def test_the_image_is_small(engine: Engine, tools_image: str) -> None:
    assert int(engine("image", "inspect", "--format", "{{.Size}}", tools_image).stdout) < SIZE_BOUND


def test_the_image_has_no_entrypoint_and_has_a_title(engine: Engine, tools_image: str) -> None:
    template = '{{json .Config.Entrypoint}} {{index .Config.Labels "org.opencontainers.image.title"}}'
    config = engine("image", "inspect", "--format", template, tools_image).stdout
    assert config.strip() == "null bioinfo-assets tools"


REFERENCE: Final = r"""
cd /tmp
{ printf '>chrT\n'; printf 'ACGTTGCAAC%.0s' {1..20}; echo; } > r.fa
"""


def test_gatk_works_for_any_user(engine: Engine, tools_image: str) -> None:
    script = REFERENCE + "gatk CreateSequenceDictionary -R r.fa -O r.dict >&2; cut -f1-3 r.dict | tail -n 1"
    assert engine.run(tools_image, script, *ANYONE) == "@SQ\tSN:chrT\tLN:200\n"


@pytest.mark.parametrize("tool", ["gatk", "picard"])
def test_java_tools_start_with_their_class_data_archive(engine: Engine, tools_image: str, tool: str) -> None:
    verify = f"java -Xshare:on -XX:SharedArchiveFile={PREFIX}/gatk/{tool}.jsa -cp '{PREFIX}/gatk/lib/*' -version"
    assert "sharing" in engine.run(tools_image, f"{verify} 2>&1", *ANYONE)


def test_r_plots_for_any_user(engine: Engine, tools_image: str) -> None:
    script = "cd /tmp; Rscript -e 'pdf(\"a.pdf\"); hist(c(1, 2, 2, 3)); invisible(dev.off())'; head -c 5 a.pdf"
    assert engine.run(tools_image, script, *ANYONE) == "%PDF-"


STATISTICS: Final = r"""
mkdir /tmp/in && cd /tmp/in
{ printf '@SQ\tSN:chrT\tLN:99\n'; printf 'a\t0\tchrT\t1\t60\t4M\t*\t0\t0\tACGT\tIIII\n'; } | samtools stats - > s.stats
multiqc --outdir report . >&2
ls report
"""


def test_multiqc_writes_its_report_for_any_user(engine: Engine, tools_image: str) -> None:
    """The packages that the image omits are not needed."""
    assert engine.run(tools_image, STATISTICS, *ANYONE).split() == ["multiqc_data", "multiqc_report.html"]
