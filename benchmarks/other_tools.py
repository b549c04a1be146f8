"""Other workflow managers, of one version each, installed on demand in separate folders.

They are not dependencies of this project, because their dependencies would constrain its own.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

REDUN: Final = "redun==0.44.1"
SNAKEMAKE: Final = "snakemake==9.27.1"
NEXTFLOW: Final = "nextflow 24.10.0"
"""The newest one that Maven Central has with all its libraries: of later ones, nf-httpfs or nf-lang is missing."""

_POM: Final = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>benchmarks</groupId><artifactId>nextflow</artifactId><version>1</version>
<dependencies><dependency>
<groupId>io.nextflow</groupId><artifactId>nextflow</artifactId><version>{version}</version>
</dependency></dependencies></project>
"""

_OPENED: Final = ("java.base/java.lang", "java.base/java.io", "java.base/java.nio", "java.base/java.util")
"""Packages that Nextflow's cache reads by reflection; without, it stores nothing and reports no error. Its own
launcher opens them too (--add-opens in the script `nextflow`)."""


def ensure_installed(requirement: str) -> Path:
    """Install a requirement with uv in an environment of this project's Python; return its folder of programs.

    Modules are compiled to bytecode, which pip does and uv does not by default: each start would spend seconds on it.

    Raises:
        CalledProcessError: uv failed.
    """
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    environment = _cache() / f"{requirement}.{version}"
    marker = environment / "is-compiled"
    if not marker.exists():
        subprocess.run(["uv", "venv", "--quiet", "--clear", "--python", sys.executable, environment], check=True)
        python = str(environment / "bin" / "python")
        command = ["uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", python, requirement]
        subprocess.run(command, check=True)
        marker.touch()
    return environment / "bin"


def ensure_nextflow() -> list[str]:
    """Install Nextflow's jars with Maven; return the command that starts it with Java, without its plugins.

    Raises:
        CalledProcessError: Maven failed.
    """
    folder = _cache() / NEXTFLOW.replace(" ", "-")
    jars = folder / "jars"
    marker = folder / "is-complete"
    if not marker.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pom.xml").write_text(_POM.format(version=NEXTFLOW.split()[1]))
        copy = ["mvn", "--batch-mode", "--quiet", "dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
        subprocess.run(copy, cwd=folder, check=True)
        marker.touch()
    opened = (f"--add-opens={package}=ALL-UNNAMED" for package in _OPENED)
    return ["java", *opened, "-cp", f"{jars}/*", "nextflow.cli.Launcher"]


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "bioinfo-assets" / "benchmarks"
