"""Other workflow managers, of one version each, installed on demand in separate environments.

They are not dependencies of this project, because their dependencies would constrain its own.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

REDUN: Final = "redun==0.44.1"
SNAKEMAKE: Final = "snakemake==9.27.1"


def ensure_installed(requirement: str) -> Path:
    """Install a requirement with uv in an environment of this project's Python; return its folder of programs.

    Modules are compiled to bytecode, which pip does and uv does not by default: each start would spend seconds on it.

    Raises:
        CalledProcessError: uv failed.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    environment = cache / "bioinfo-assets" / "benchmarks" / f"{requirement}.{version}"
    marker = environment / "is-compiled"
    if not marker.exists():
        subprocess.run(["uv", "venv", "--quiet", "--clear", "--python", sys.executable, environment], check=True)
        python = str(environment / "bin" / "python")
        command = ["uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", python, requirement]
        subprocess.run(command, check=True)
        marker.touch()
    return environment / "bin"
