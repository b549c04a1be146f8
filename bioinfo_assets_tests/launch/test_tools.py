import os
import re
from pathlib import Path

import pytest

from bioinfo_assets.errors import MissingToolError, ResourceError
from bioinfo_assets.launch.tools import TOOLS, tool_versions

# The real output of each tool's --version, or usage.
OUTPUTS = {
    "bwa": ("\nProgram: bwa (alignment)\nVersion: 0.7.17-r1188\nContact: Heng Li", "0.7.17-r1188"),
    "bwa-mem2": ("Looking to launch executable bwa-mem2.avx2\n2.2.1", "2.2.1"),
    "bwa-mem3": ("0.4.4+cli1\n", "0.4.4+cli1"),
    "samtools": ("samtools 1.16.1\nUsing htslib 1.16\n", "1.16.1"),
    "bgzip": ("bgzip (htslib) 1.16\n", "1.16"),
    "tabix": ("tabix (htslib) 1.16\n", "1.16"),
    "mosdepth": ("mosdepth 0.3.3\n", "0.3.3"),
    "Rscript": ("Rscript (R) version 4.2.2 Patched (2022-11-10 r83330)", "4.2.2"),
    "fastp": ("fastp 0.23.2\n", "0.23.2"),
    "gatk": ("The Genome Analysis Toolkit (GATK) v4.6.2.0\nHTSJDK Version: 4.2.0\nPicard Version: 3.4.0", "4.6.2.0"),
    "picard": ("Version:3.4.0", "3.4.0"),
    "openssl": ("OpenSSL 3.0.17 1 Jul 2025 (Library: OpenSSL 3.0.17 1 Jul 2025)\n", "3.0.17"),
    "cutadapt": ("5.2\n", "5.2"),
    "multiqc": ("multiqc, version 1.35\n", "1.35"),
    "bioinfo-assets-engine": ("1.0\n", "1.0"),
    "s5cmd": ("v2.3.0-991c9fb\n", "2.3.0-991c9fb"),
}


def program(path: Path, prints: str = "", code: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{prints}\nEND\nexit {code}\n")
    path.chmod(0o755)
    return path


def test_every_tool_of_the_table_is_tested() -> None:
    assert set(OUTPUTS) == set(TOOLS)


@pytest.mark.parametrize("command", OUTPUTS)
def test_versions_are_read_from_the_output_of_each_tool(tmp_path: Path, command: str) -> None:
    printed, version = OUTPUTS[command]
    program(tmp_path / "bin" / command, printed, code=1)
    assert tool_versions([command], f"{tmp_path}/bin:/usr/bin:/bin") == {command: version}


def test_the_installed_tools_have_versions() -> None:
    versions = tool_versions(["bwa", "samtools", "bgzip", "tabix", "Rscript"], os.environ["PATH"])
    assert all(re.fullmatch(r"\d+\.\d+\S*", version) for version in versions.values())


@pytest.mark.parametrize(("command", "version"), [("gatk", "4.6.2.0"), ("picard", "3.4.0")])
def test_a_wrapper_of_java_is_not_started_if_its_jars_names_have_the_version(
    tmp_path: Path, command: str, version: str
) -> None:
    program(tmp_path / "tools" / "bin" / command, "not run", code=1)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / command).symlink_to(tmp_path / "tools" / "bin" / command)
    jars = tmp_path / "tools" / "gatk" / "lib"
    jars.mkdir(parents=True)
    for jar in ("gatk-4.6.2.0.jar", "gatk-bwamem-jni-1.0.4.jar", "gatk-native-bindings-1.0.0.jar", "picard-3.4.0.jar"):
        (jars / jar).touch()
    assert tool_versions([command], f"{tmp_path}/bin:/usr/bin:/bin") == {command: version}


def test_a_replaced_tool_is_run_again(tmp_path: Path) -> None:
    samtools = program(tmp_path / "samtools", "samtools 1.16")
    path = f"{tmp_path}:/usr/bin:/bin"
    assert tool_versions(["samtools"], path) == {"samtools": "1.16"}
    program(samtools, "samtools 1.21")
    os.utime(samtools, ns=(0, 0))
    assert tool_versions(["samtools"], path) == {"samtools": "1.21"}


def test_a_missing_tool_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    with pytest.raises(MissingToolError) as caught:
        tool_versions(["samtools"], str(tmp_path))
    assert str(caught.value) == (
        "the tool samtools is not on this machine's PATH; install it with: apt-get install samtools"
    )


def test_a_tool_that_does_not_work_is_reported(tmp_path: Path) -> None:
    program(tmp_path / "mosdepth", "could not load: libhts.so", code=1)
    with pytest.raises(
        ResourceError, match=r"mosdepth does not report its version.*apt-get install mosdepth libhts-dev"
    ):
        tool_versions(["mosdepth"], f"{tmp_path}:/usr/bin:/bin")


def test_a_tool_that_is_not_in_the_table_is_run_with_its_version_option(tmp_path: Path) -> None:
    program(tmp_path / "seqtk", "seqtk 1.3-r106")
    assert tool_versions(["seqtk"], f"{tmp_path}:/usr/bin:/bin") == {"seqtk": "1.3-r106"}
