"""`bioinfo-assets verify`: exit codes, messages and JSON."""

import os
import pty
import subprocess
import sys
from pathlib import Path

from bioinfo_assets.cli.verify import verify
from bioinfo_assets_tests.cli.small_project import call_command, parse_json, small_project


def test_an_intact_project_has_no_findings(tmp_path: Path) -> None:
    small_project(tmp_path)
    for deep in ((), ("--deep",)):
        result = call_command(verify, "--output-path", tmp_path / "out", *deep)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.startswith("no problems found: 5 records and 9 files (")


def test_all_findings_are_printed_and_the_exit_code_is_1(tmp_path: Path) -> None:
    small_project(tmp_path)
    depth, summary, mine = (tmp_path / "out" / "expt" / f"expt.{name}.txt" for name in ("depth", "summary", "mine"))
    depth.unlink()
    summary.write_text("x")
    mine.write_text("x")
    result = call_command(verify, "--output-path", tmp_path / "out")
    assert result.exit_code == 1
    *lines, last = result.stdout.splitlines()
    assert min(lines).startswith(f"changed: {summary} (depth of expt): 1 bytes, recorded with")
    assert sorted(lines)[1:] == [f"has no record: {mine}", f"missing: {depth} (depth of expt)"]
    assert last.startswith("3 findings: ")
    document = parse_json(call_command(verify, "--output-path", tmp_path / "out", "--json"))
    assert document["checked"]["files"] == 9
    assert {"scope": "expt", "asset": "depth", "uri": str(depth), "problem": "missing", "message": None} in document[
        "findings"
    ]
    assert len(document["findings"]) == 3


def test_only_the_named_samples_are_verified(tmp_path: Path) -> None:
    small_project(tmp_path)
    (tmp_path / "out" / "expt" / "expt.depth.txt").unlink()
    assert call_command(verify, "--output-path", tmp_path / "out", "--samples", "toy").exit_code == 0
    assert (
        call_command(verify, "--output-path", tmp_path / "out", "--samples", "toy", "--samples", "expt").exit_code == 1
    )


def test_bad_input_is_rejected_in_a_sentence(tmp_path: Path) -> None:
    small_project(tmp_path)
    for arguments, sentence in (
        (("--output-path", tmp_path / "reads"), f"bioinfo-assets: there is no project in {tmp_path / 'reads'}"),
        (("--output-path", tmp_path / "out", "--samples", "nobody"), "bioinfo-assets: there is no sample 'nobody'"),
        (("--output-path", tmp_path / "out", "expt"), "bioinfo-assets: give --against gatk and SAMPLE together"),
        (("--output-path", tmp_path / "out", "--against", "gatk"), "bioinfo-assets: give --against gatk and SAMPLE"),
        (
            ("--output-path", tmp_path / "out", "--against", "gatk", "expt"),
            "bioinfo-assets: no result of a sample 'expt' was computed by the native engine: set engine to native",
        ),
        (
            ("--output-path", tmp_path / "out", "--against", "gatk", "my sample"),
            "bioinfo-assets: there is no sample 'my sample' under",
        ),
        (
            ("--output-path", tmp_path / "out", "--against", "gatk", "expt", "--samples", "toy"),
            "bioinfo-assets: --samples and --deep are not for --against",
        ),
        (
            ("--output-path", tmp_path / "out", "--against", "gatk", "expt", "--deep"),
            "bioinfo-assets: --samples and --deep are not for --against",
        ),
    ):
        result = call_command(verify, *arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith(sentence)


def test_progress_goes_to_the_terminal_and_findings_to_stdout(tmp_path: Path) -> None:
    small_project(tmp_path)
    (tmp_path / "out" / "expt" / "expt.depth.txt").unlink()
    program = f"""
import typer
from bioinfo_assets.cli.verify import verify
app = typer.Typer()
app.command()(verify)
app(["--deep", "--output-path", {str(tmp_path / "out")!r}])
"""
    terminal, process_end = pty.openpty()
    completed = subprocess.run(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=process_end,
        check=False,
        env=os.environ | {"TERM": "xterm"},
    )
    os.close(process_end)
    shown = os.read(terminal, 65536).decode()
    os.close(terminal)
    assert completed.returncode == 1
    assert "reading" in shown
    assert "missing" not in shown
    assert completed.stdout.decode().startswith("missing: ")


def test_dagster_is_not_imported(tmp_path: Path) -> None:
    small_project(tmp_path)
    program = """
import sys
import bioinfo_assets.cli.gc, bioinfo_assets.cli.import_, bioinfo_assets.cli.verify
print([name for name in sys.modules if name.split(".")[0] == "dagster"])
"""
    assert subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True).stdout == b"[]\n"
