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


def test_the_text_is_the_golden_one():
    """To change it on purpose: write `render(JOB)` to the golden file, and read what changed."""
    assert render(JOB) == GOLDEN.read_text(encoding="utf-8")


def test_resources_and_addresses_are_not_in_the_text():
    elsewhere = tuple(replace(output, uri=f"s3://bucket/{output.local}") for output in JOB.outputs)
    other = replace(JOB, outputs=elsewhere, resources=Resources(cpus=16, memory_mib=30_000))
    assert render(other) == render(JOB)


def test_what_is_interpolated_is_quoted(tmp_path):
    canonical = """sed "s/'//; s/\\$x/y/" """
    job = Job(
        "a", "1", "b", """echo "'\\$x" >out.txt""", outputs=(Output("$(touch 'k'); k", "out.txt", "/o", canonical),)
    )
    told = run(render(job), tmp_path)
    assert told.returncode == 0, told.stderr
    key, size, made, content = (tmp_path / "report" / "outputs.tsv").read_text().rstrip("\n").split("\t")
    assert (key, size) == ("$(touch 'k'); k", "4")
    assert made == hashlib.sha256(b"'$x\n").hexdigest()
    assert content == hashlib.sha256(b"y\n").hexdigest()
    assert not list(tmp_path.rglob("k"))


@pytest.mark.parametrize("cpus", ["1", "2", "16"])
def test_the_order_of_outputs_does_not_depend_on_cpus(tmp_path, cpus):
    outputs = tuple(Output(f"k{i}", f"{i}.txt", f"/o/{i}.txt") for i in range(12))
    script = "".join(f"printf '%{12 - i}s' x >{i}.txt\n" for i in range(12))
    told = run(render(Job(ResultKey("a", "b"), "1", script, outputs=outputs)), tmp_path, cpus)
    assert told.returncode == 0, told.stderr
    rows = [line.split("\t") for line in (tmp_path / "report" / "outputs.tsv").read_text().splitlines()]
    assert [(row[0], row[1]) for row in rows] == [(f"k{i}", str(12 - i)) for i in range(12)]
    assert all(row[2] == row[3] for row in rows)


def test_a_job_without_outputs_tells_of_none(tmp_path):
    assert run(render(Job(ResultKey("a", "b"), "1", "true")), tmp_path).returncode == 0
    assert (tmp_path / "report" / "outputs.tsv").read_text() == ""


@pytest.mark.parametrize("script", ["cd /; exit 0", "cat <<END\ntext\nEND", "true # a comment at the end"])
def test_a_script_may_change_folder_end_early_and_hold_any_text(tmp_path, script):
    job = Job(ResultKey("a", "b"), "1", f"echo x >out.txt; {script}", outputs=(Output("k", "out.txt", "/o/out.txt"),))
    told = run(render(job), tmp_path)
    assert told.returncode == 0, told.stderr


def test_shellcheck_has_nothing_to_say():
    shellcheck = shutil.which("shellcheck")
    if shellcheck is None:
        return  # a tool of the project's authors: its absence is no defect
    told = subprocess.run([shellcheck, str(GOLDEN)], capture_output=True, text=True, check=False)
    assert told.stdout == ""


def run(text, folder, cpus="2"):
    for name in ("work", "report"):
        (folder / name).mkdir()
    return subprocess.run(
        ["bash", "-c", text],
        cwd=folder / "work",
        env={"PATH": "/usr/bin:/bin", "JOB_REPORT": str(folder / "report"), "JOB_CPUS": cpus},
        capture_output=True,
        text=True,
        check=False,
    )
