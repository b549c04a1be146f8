import hashlib
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bioinfo_assets.launch.job import Job, Output, Resources
from bioinfo_assets.launch.script import render
from bioinfo_assets.result_key import ResultKey

GOLDEN = Path(__file__).parent / "golden" / "marked_bam.sh"

JOB = Job(
    key=ResultKey("marked_bam", "expt"),
    version="1",
    script='samtools sort -@ "$JOB_CPUS" -o expt.mark_dup.bam expt.aln.bam\nmd5sum expt.mark_dup.bam >expt.md5\n',
    outputs=(
        Output("bam", "expt.mark_dup.bam", "/o/expt.mark_dup.bam", canonical="samtools view | grep -v '^@PG'"),
        Output("metrics", "expt.metrics.txt", "/o/expt.metrics.txt"),
        Output("md5", "expt.md5", "/o/expt.md5", canonical=None),
    ),
)


def test_the_text_equals_the_golden_file() -> None:
    """To change it, write `render(JOB)` to the golden file, and read the difference."""
    assert render(JOB) == GOLDEN.read_text(encoding="utf-8")


def test_resources_and_addresses_are_not_in_the_text() -> None:
    elsewhere = tuple(replace(output, uri=f"s3://bucket/{output.local}") for output in JOB.outputs)
    other = replace(JOB, outputs=elsewhere, resources=Resources(cpus=16, memory_mib=30_000))
    assert render(other) == render(JOB)


def test_interpolated_values_are_quoted(tmp_path: Path) -> None:
    canonical = """sed "s/'//; s/\\$x/y/" """
    job = Job(
        ResultKey("a", "1"),
        "b",
        """echo "'\\$x" >out.txt""",
        outputs=(Output("$(touch 'k'); k", "out.txt", "/o", canonical),),
    )
    completed = run(render(job), tmp_path)
    assert completed.returncode == 0, completed.stderr
    key, size, sha256, content = (tmp_path / "report" / "outputs.tsv").read_text().rstrip("\n").split("\t")
    assert (key, size) == ("$(touch 'k'); k", "4")
    assert sha256 == hashlib.sha256(b"'$x\n").hexdigest()
    assert content == hashlib.sha256(b"y\n").hexdigest()
    assert not list(tmp_path.rglob("k"))


@pytest.mark.parametrize("cpus", ["1", "2", "16"])
def test_the_order_of_outputs_does_not_depend_on_cpus(tmp_path: Path, cpus: str) -> None:
    outputs = tuple(Output(f"k{i}", f"{i}.txt", f"/o/{i}.txt") for i in range(12))
    script = "".join(f"printf '%{12 - i}s' x >{i}.txt\n" for i in range(12))
    completed = run(render(Job(ResultKey("a", "b"), "1", script, outputs=outputs)), tmp_path, cpus)
    assert completed.returncode == 0, completed.stderr
    rows = [line.split("\t") for line in (tmp_path / "report" / "outputs.tsv").read_text().splitlines()]
    assert [(row[0], row[1]) for row in rows] == [(f"k{i}", str(12 - i)) for i in range(12)]
    assert all(row[2] == row[3] for row in rows)


def test_a_job_without_outputs_describes_none(tmp_path: Path) -> None:
    assert run(render(Job(ResultKey("a", "b"), "1", "true")), tmp_path).returncode == 0
    assert (tmp_path / "report" / "outputs.tsv").read_text() == ""


@pytest.mark.parametrize("script", ["cd /; exit 0", "cat <<END\ntext\nEND", "true # a comment at the end"])
def test_a_script_may_change_folder_exit_early_and_contain_any_text(tmp_path: Path, script: str) -> None:
    job = Job(ResultKey("a", "b"), "1", f"echo x >out.txt; {script}", outputs=(Output("k", "out.txt", "/o/out.txt"),))
    completed = run(render(job), tmp_path)
    assert completed.returncode == 0, completed.stderr


@pytest.mark.parametrize(("size", "program"), [(9, "sha256sum"), (2_000_000, "openssl"), (2_000_000, "sha256sum")])
def test_digests_of_large_files_are_computed_by_openssl_if_there_is_one(
    tmp_path: Path, size: int, program: str
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for command in ("bash", "cat", "head", "mv", "rm", "stat", program):  # the only one that computes digests
        (tools / command).symlink_to(shutil.which(command) or command)
    script = f"head -c {size} /dev/zero >out.txt"
    job = Job(ResultKey("a", "b"), "1", script, outputs=(Output("k", "out.txt", "/o/out.txt", "cat | cat"),))
    completed = run(render(job), tmp_path, path=str(tools))
    assert completed.returncode == 0, completed.stderr
    row = (tmp_path / "report" / "outputs.tsv").read_text().rstrip("\n").split("\t")
    assert row[2] == row[3] == hashlib.sha256(bytes(size)).hexdigest()


def test_a_digest_program_that_is_killed_fails_the_job(tmp_path: Path) -> None:
    """That of the canonical form: the kernel kills what takes most memory."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for command in ("bash", "cat", "mv", "stat"):
        (tools / command).symlink_to(shutil.which(command) or command)
    fails_after_one = (
        f"[[ ! -e {tmp_path}/called ]] || exit 137; : >{tmp_path}/called; exec {shutil.which('sha256sum')}"
    )
    (tools / "sha256sum").write_text(f"#!/bin/bash\n{fails_after_one}\n")
    (tools / "sha256sum").chmod(0o755)
    outputs = (Output("k", "out.txt", "/o/out.txt", "cat | cat"),)
    completed = run(
        render(Job(ResultKey("a", "b"), "1", "echo x >out.txt", outputs=outputs)), tmp_path, path=str(tools)
    )
    assert completed.returncode == 65
    assert "canonical form of output k" in (tmp_path / "report" / "problem").read_text()


def test_shellcheck_finds_nothing() -> None:
    shellcheck = shutil.which("shellcheck")
    if shellcheck is None:
        return  # a tool of developers: its absence is not a defect
    completed = subprocess.run([shellcheck, str(GOLDEN)], capture_output=True, text=True, check=False)
    assert completed.stdout == ""


def run(text: str, folder: Path, cpus: str = "2", path: str = "/usr/bin:/bin") -> subprocess.CompletedProcess[str]:
    for name in ("work", "report"):
        (folder / name).mkdir()
    return subprocess.run(
        ["bash", "-c", text],
        cwd=folder / "work",
        env={"PATH": path, "JOB_REPORT": str(folder / "report"), "JOB_CPUS": cpus},
        capture_output=True,
        text=True,
        check=False,
    )
