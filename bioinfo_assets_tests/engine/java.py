"""GATK and Picard in a JVM that stays for all tests of a worker."""

import json
import subprocess
import sys
import tempfile
from functools import cached_property
from pathlib import Path
from typing import IO, Final

from bioinfo_assets_tests.steps.bench import REPOSITORY, TOOL_PATH

JARS: Final = TOOL_PATH[0].parent / "gatk" / "lib"


class Java:
    """Starts the JVM with the first tool."""

    def __init__(self) -> None:
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the JVM

    def run(self, tool: str, *words: str | Path) -> None:
        """Run a tool of GATK or Picard, which must succeed."""
        process = self._process
        assert process.stdin
        assert process.stdout
        process.stdin.write(f"{json.dumps([tool, *map(str, words)])}\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        failure = json.loads(answer) if answer else "the JVM ended"
        assert failure is None, f"{tool}: {failure}\n{self._last_lines()}"

    def close(self) -> None:
        if "_process" in vars(self):
            self._process.communicate(timeout=60)
        self._log.close()

    @cached_property
    def _process(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "bioinfo_assets_tests.engine.java_tools", str(JARS)]
        return subprocess.Popen(
            command,
            text=True,
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )

    def _last_lines(self) -> str:
        self._log.seek(0)
        return b"".join(self._log.readlines()[-20:]).decode(errors="replace")
