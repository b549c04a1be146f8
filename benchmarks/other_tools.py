"""Other projects' programs, of one version each, in environments of their own that are made when they are needed.

They are no dependencies of this project: their own would hold back its own.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

REDUN: Final = "redun==0.44.1"
SNAKEMAKE: Final = "snakemake==9.27.1"


def installed(requirement: str) -> Path:
    """The folder of programs of the environment that has this, and this project's Python; made by uv if it is missing.

    Its modules are compiled to bytecode as pip does it and uv does not: without, a program spends seconds of each start
    on compiling them.

    Raises:
        CalledProcessError: uv could not make it.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    environment = cache / "bioinfo-assets" / "benchmarks" / f"{requirement}.{version}"
    whole = environment / "is-compiled"
    if not whole.exists():
        subprocess.run(["uv", "venv", "--quiet", "--clear", "--python", sys.executable, environment], check=True)
        python = str(environment / "bin" / "python")
        command = ["uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", python, requirement]
        subprocess.run(command, check=True)
        whole.touch()
    return environment / "bin"
