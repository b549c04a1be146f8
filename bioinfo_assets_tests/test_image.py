"""The image of the tools, built by `make build-local`: what is in it, and that any user can run it."""

import csv
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from bioinfo_assets_tests.engine import CLONE, Engine, engine, tools_image

__all__ = ["engine", "tools_image"]
pytestmark = pytest.mark.xdist_group("docker")

PREFIX: Final = "/opt/bioinfo-assets"
SIZE_BOUND: Final = 1_350_000_000  # bytes, unpacked, on a slim base of 75 MB
ANYONE: Final = ("--user", "54321:54321", "--read-only", "--tmpfs", "/tmp", "--network", "none")  # noqa: S108 - its /tmp


def table(text: str) -> dict[str, str]:
    return dict(csv.reader(text.splitlines(), delimiter="\t"))


@pytest.fixture(scope="module")
def listed(engine: Engine, tools_image: str) -> str:
    return engine.run(tools_image, f"cat {PREFIX}/tools.tsv")


def test_it_does_not_run_as_root(engine: Engine, tools_image: str) -> None:
    assert engine.run(tools_image, "id -u").strip() == "1000"


def test_any_user_on_a_read_only_disk_can_ask_every_tool_and_gets_what_the_list_says(
    engine: Engine, tools_image: str, listed: str
) -> None:
    sources = f"{CLONE}:/clone:ro"
    told = engine.run(
        tools_image, "PYTHONPATH=/clone python3 /clone/docker/tools/list_versions.py", *ANYONE, "--volume", sources
    )
    assert told == listed


def test_the_list_has_every_tool_in_the_versions_that_are_locked_sorted(listed: str) -> None:
    versions = table(listed)
    assert list(versions) == sorted(versions)
    assert set(versions) == {
        *("Rscript", "aws", "bgzip", "bwa", "curl", "cutadapt", "gatk", "java", "mosdepth", "multiqc", "picard"),
        *("python3", "s5cmd", "samtools", "tabix"),
    }
    locked = {"gatk": "4.6.2.0", "picard": "3.4.0", "cutadapt": "5.2", "multiqc": "1.35", "aws": "1.46.3"}
    assert locked.items() <= versions.items()


def test_the_host_says_the_same_of_the_same_tools(listed: str) -> None:
    """What comes by lock is the same here and there; Debian's may differ where the host is another release."""
    here = f"{Path(sys.executable).parent}:{CLONE / '.tools' / 'bin'}:/usr/local/bin:/usr/bin:/bin"
    done = subprocess.run(
        [sys.executable, CLONE / "docker" / "tools" / "list_versions.py", here],
        env={"PYTHONPATH": str(CLONE), "PATH": here},
        capture_output=True,
        text=True,
        check=True,
    )
    same = ("aws", "cutadapt", "gatk", "multiqc", "picard", "s5cmd")
    host, image = table(done.stdout), table(listed)
    assert {tool: host[tool] for tool in same} == {tool: image[tool] for tool in same}


def test_debians_packages_are_recorded(engine: Engine, tools_image: str) -> None:
    packages = table(engine.run(tools_image, f"cat {PREFIX}/debian-packages.tsv"))
    assert {"bwa", "samtools", "openjdk-17-jre-headless", "r-base-core"} <= set(packages)
    assert all(packages.values())


@pytest.mark.parametrize("package", ["dagster", "bioinfo_assets", "captainslog", "moto"])
def test_neither_dagster_nor_this_project_is_in_it(engine: Engine, tools_image: str, package: str) -> None:
    look = f"for python in /usr/bin/python3 {PREFIX}/python/bin/python; do ! $python -c 'import {package}' 2>&1; done"
    assert engine.run(tools_image, look).count("ModuleNotFoundError") == 2
    assert engine.run(tools_image, f"find / -xdev -name '*{package}*' 2>/dev/null || true") == ""


def test_it_trusts_no_certificates_of_the_machine_that_built_it(engine: Engine, tools_image: str) -> None:
    assert engine.run(tools_image, "find /usr/local/share/ca-certificates -type f") == ""


def test_it_is_small(engine: Engine, tools_image: str) -> None:
    assert int(engine("image", "inspect", "--format", "{{.Size}}", tools_image).stdout) < SIZE_BOUND


def test_it_starts_what_it_is_told_and_says_what_it_is(engine: Engine, tools_image: str) -> None:
    template = '{{json .Config.Entrypoint}} {{index .Config.Labels "org.opencontainers.image.title"}}'
    told = engine("image", "inspect", "--format", template, tools_image).stdout
    assert told.strip() == "null bioinfo-assets tools"


REFERENCE: Final = r"""
cd /tmp
{ printf '>chrT\n'; printf 'ACGTTGCAAC%.0s' {1..20}; echo; } > r.fa
"""


def test_gatk_works_for_any_user(engine: Engine, tools_image: str) -> None:
    script = REFERENCE + "gatk CreateSequenceDictionary -R r.fa -O r.dict >&2; cut -f1-3 r.dict | tail -n 1"
    assert engine.run(tools_image, script, *ANYONE) == "@SQ\tSN:chrT\tLN:200\n"


@pytest.mark.parametrize("tool", ["gatk", "picard"])
def test_a_start_of_java_uses_its_archive_of_classes(engine: Engine, tools_image: str, tool: str) -> None:
    verify = f"java -Xshare:on -XX:SharedArchiveFile={PREFIX}/gatk/{tool}.jsa -cp '{PREFIX}/gatk/lib/*' -version"
    assert "sharing" in engine.run(tools_image, f"{verify} 2>&1", *ANYONE)


def test_r_draws_for_any_user(engine: Engine, tools_image: str) -> None:
    script = "cd /tmp; Rscript -e 'pdf(\"a.pdf\"); hist(c(1, 2, 2, 3)); invisible(dev.off())'; head -c 5 a.pdf"
    assert engine.run(tools_image, script, *ANYONE) == "%PDF-"


STATISTICS: Final = r"""
mkdir /tmp/in && cd /tmp/in
{ printf '@SQ\tSN:chrT\tLN:99\n'; printf 'a\t0\tchrT\t1\t60\t4M\t*\t0\t0\tACGT\tIIII\n'; } | samtools stats - > s.stats
multiqc --outdir report . >&2
ls report
"""


def test_multiqc_makes_its_report_for_any_user(engine: Engine, tools_image: str) -> None:
    """It works without the packages that the image leaves out."""
    assert engine.run(tools_image, STATISTICS, *ANYONE).split() == ["multiqc_data", "multiqc_report.html"]
