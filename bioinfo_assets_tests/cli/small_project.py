"""A small project as runs leave it, and calls of single commands on it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

from bioinfo_assets.cli.error_messages import FriendlyErrorsGroup
from bioinfo_assets.genomics.sample import Lane, Sample
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.observations import observe
from bioinfo_assets.records.samples import save_sample
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.cli.commands import CommandResult
from bioinfo_assets_tests.records.recorded_results import record_result


def call_command(command: Callable[..., Any], *arguments: object) -> CommandResult:
    """Run one command in this process; errors are printed as by `bioinfo-assets`."""
    app = typer.Typer(cls=FriendlyErrorsGroup)
    app.callback()(lambda: None)
    app.command("command")(command)
    result = CliRunner().invoke(app, ["command", *map(str, arguments)], catch_exceptions=False)
    return CommandResult(result.exit_code, result.stdout, result.stderr)


def parse_json(result: CommandResult) -> Any:
    """Return the JSON document on stdout."""
    return json.loads(result.stdout)


def small_project(folder: Path, *names: str) -> Ledger:
    """Samples with external FASTQs, a result of two files each, and a report; every file is as it was recorded."""
    ledger = Ledger(Store(), str(folder / "out"))
    for name in names or ("expt", "toy"):
        files = [folder / "reads" / f"{name}_{read}.fastq.gz" for read in (1, 2)]
        for file in files:
            ledger.store.write_bytes(str(file), f"reads {file.name}".encode())
        save_sample(ledger, Sample(name, (Lane("FC1", 1, str(files[0]), str(files[1]), name),)))
        observe(ledger, ResultKey("raw_reads", name), {f"{name}.FC1.1.{file.stem}": str(file) for file in files})
        make_result(ledger, "depth", name, f"{name}.depth.txt", f"{name}.summary.txt")
    make_result(ledger, "multiqc_report", "multiqc", "multiqc_report.html")
    return ledger


def make_result(ledger: Ledger, asset: str, scope: str, *files: str, **changes: object) -> None:
    """Write and record the files of a result."""
    uris = [f"{ledger.output_path}/{scope}/{file}" for file in files]
    for uri in uris:
        ledger.store.write_bytes(uri, f"{asset} of {scope}: {uri}".encode())
    record_result(ledger, asset, scope, *uris, **changes)


def all_files(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file in a folder, except locks."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    }
