import subprocess
import sys

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.scratch import HostScratch, dead_hosts, new_attempt, remove_dead_host
from bioinfo_assets.result_key import ResultKey

JOB = Job(ResultKey("aligned_bam", "expt"), "1", "true")


def test_attempts_of_one_job_have_folders_of_their_own_named_for_it(tmp_path):
    roots = {new_attempt(tmp_path, JOB).root for _ in range(5)}
    assert len(roots) == 5
    assert all(root.name.startswith("aligned_bam-expt.") for root in roots)


def test_a_long_sample_name_still_makes_a_folder(tmp_path):
    assert new_attempt(tmp_path, Job(ResultKey("aligned_bam", "x" * 300), "1", "true")).work.is_dir()


def test_a_killed_hosts_working_files_are_freed_and_its_logs_kept(tmp_path):
    program = """
import os, sys
from pathlib import Path
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.scratch import HostScratch, new_attempt
host = HostScratch(Path(sys.argv[1]))
attempt = new_attempt(host.root, Job(ResultKey("aligned_bam", "expt"), "1", "true"))
(attempt.work / "expt.bam").write_bytes(b"large")
(host.inputs / "reference").write_bytes(b"large")
print(attempt.root, flush=True)
os.kill(os.getpid(), 9)
"""
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False)
    assert killed.returncode == -9
    HostScratch(tmp_path).close()
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {".alive", "stdout.log", "stderr.log"}


def test_what_a_living_host_works_on_is_left_alone(tmp_path):
    living = HostScratch(tmp_path)
    attempt = new_attempt(living.root, JOB)
    HostScratch(tmp_path).close()
    assert attempt.work.is_dir()
    assert living.inputs.is_dir()
    living.close()


def test_a_host_that_ends_with_nothing_left_leaves_no_folder(tmp_path):
    HostScratch(tmp_path / "scratch").close()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_what_a_host_left_is_found_and_removed_once_it_is_over(tmp_path):
    living, ended = HostScratch(tmp_path), HostScratch(tmp_path)
    new_attempt(living.root, JOB)
    new_attempt(ended.root, JOB)
    ended.close()
    assert list(dead_hosts(tmp_path)) == [ended.root]
    with pytest.raises(InputError, match="is in use by a run"):
        remove_dead_host(living.root)
    remove_dead_host(ended.root)
    assert list(tmp_path.iterdir()) == [living.root]
    living.close()


def test_a_scratch_that_nobody_used_has_nothing_left(tmp_path):
    assert list(dead_hosts(tmp_path / "scratch")) == []
