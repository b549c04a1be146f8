"""Search for inputs on which a parser fails, by what they reach in the code.

Usage: python -m bioinfo_assets_tests.fuzzing [RUNS] [PARSER...]

Each parser gets a process of its own, with RUNS inputs (default 100000) that libFuzzer makes of valid ones. An input
ends the search if it raises anything but an error of this project, starts a program, writes outside of its folder,
takes more than ten seconds, or more than a gigabyte of memory; it is kept in the folder that is printed.
"""

import shutil
import subprocess
import sys
import time
from contextlib import nullcontext
from typing import Final

import atheris

_ONE: Final = "--one"
_IS_ONE: Final = sys.argv[1:2] == [_ONE]
"""Whether this process searches for one parser; its code then counts what an input reaches."""

_COUNTED: Final = ["bioinfo_assets", "captainslog", "tomllib"]

with atheris.instrument_imports(include=_COUNTED) if _IS_ONE else nullcontext():
    from captainslog import picard

    from bioinfo_assets_tests.fuzzing.guard import parsing
    from bioinfo_assets_tests.fuzzing.parsers import AWKWARD, FOLDER, PARSERS, folder_of_process

assert picard  # it is imported later otherwise, and not counted
_LIMITS: Final = ("-timeout=10", "-rss_limit_mb=1024", "-max_len=16384", "-len_control=0", "-seed=20261126")
_INPUTS: Final = FOLDER.with_name("bioinfo-assets-fuzzing-inputs")


def search(name: str, runs: int) -> None:
    """Give a parser this many inputs, and end the process."""
    parser, inputs = PARSERS[name], _INPUTS / name
    inputs.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate((*parser.seeds, *parser.beyond_limits, *AWKWARD)):
        (inputs / f"seed{number}").write_bytes(seed)
    words = _INPUTS / f"{name}.words"
    quoted = ["".join(f"\\x{byte:02x}" for byte in word) for word in parser.words]
    words.write_text("".join(f'"{word}"\n' for word in quoted), encoding="ascii")

    def parse(data: bytes) -> None:
        with parsing():
            parser(data)

    options = (f"-runs={runs}", f"-dict={words}", f"-artifact_prefix={inputs}/found-", "-print_final_stats=1")
    atheris.Setup([sys.argv[0], *_LIMITS, *options, str(inputs)], parse)
    atheris.Fuzz()


def search_in_process(name: str, runs: int) -> bool:
    """Search in a process of its own, and print a line; returns whether no input failed."""
    started = time.monotonic()
    command = [sys.executable, "-m", "bioinfo_assets_tests.fuzzing", _ONE, name, str(runs)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
    ) as process:
        stdout, stderr = process.communicate()
    shutil.rmtree(
        folder_of_process(process.pid), ignore_errors=True
    )  # libFuzzer ends the process without its exit handlers
    lines = stderr.splitlines()
    stats = dict(line.removeprefix("stat::").split(":", 1) for line in lines if line.startswith("stat::"))
    executed, peak = (stats.get(name, "?").strip() for name in ("number_of_executed_units", "peak_rss_mb"))
    outcome = "none fails" if process.returncode == 0 else f"one FAILS, in {_INPUTS / name}"
    sys.stdout.write(f"{name}: {executed} inputs in {time.monotonic() - started:.0f} s and {peak} MiB, {outcome}\n")
    if process.returncode:
        sys.stdout.write(stdout[-4000:] + stderr[-4000:])
    sys.stdout.flush()
    return process.returncode == 0


def main(arguments: list[str]) -> int:
    """Search for each parser in turn; returns 1 if an input of one failed."""
    runs = int(arguments[0]) if arguments else 100_000
    results = [search_in_process(name, runs) for name in arguments[1:] or PARSERS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    if _IS_ONE:
        search(sys.argv[2], int(sys.argv[3]))
    sys.exit(main(sys.argv[1:]))
