import logging
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.scratch import HostScratch, dead_hosts, new_attempt, remove_dead_host, remove_folder
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets_tests.other_user import as_nobody, needs_root

JOB = Job(ResultKey("aligned_bam", "expt"), "1", "true")


def test_attempts_of_one_job_have_separate_folders_with_its_name(tmp_path: Path) -> None:
    roots = {new_attempt(tmp_path, JOB).root for _ in range(5)}
    assert len(roots) == 5
    assert all(root.name.startswith("aligned_bam-expt.") for root in roots)


def test_a_long_sample_name_is_shortened(tmp_path: Path) -> None:
    assert new_attempt(tmp_path, Job(ResultKey("aligned_bam", "x" * 300), "1", "true")).work.is_dir()


def test_a_killed_hosts_working_files_are_freed_and_its_logs_kept(tmp_path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.scratch import HostScratch, new_attempt
from bioinfo_assets.result_key import ResultKey
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
    files = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {".alive", "stdout.log", "stderr.log"}


def test_the_files_of_a_living_host_are_left_alone(tmp_path: Path) -> None:
    living = HostScratch(tmp_path)
    attempt = new_attempt(living.root, JOB)
    HostScratch(tmp_path).close()
    assert attempt.work.is_dir()
    assert living.inputs.is_dir()
    living.close()


def test_a_host_without_attempts_leaves_no_folder(tmp_path: Path) -> None:
    HostScratch(tmp_path / "scratch").close()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_the_folder_of_a_dead_host_is_listed_and_can_be_removed(tmp_path: Path) -> None:
    living, dead = HostScratch(tmp_path), HostScratch(tmp_path)
    new_attempt(living.root, JOB)
    new_attempt(dead.root, JOB)
    dead.close()
    assert list(dead_hosts(tmp_path)) == [dead.root]
    with pytest.raises(InputError, match="is in use by a run"):
        remove_dead_host(living.root)
    remove_dead_host(dead.root)
    assert list(tmp_path.iterdir()) == [living.root]
    living.close()


def test_an_unused_scratch_has_no_dead_hosts(tmp_path: Path) -> None:
    assert list(dead_hosts(tmp_path / "scratch")) == []


@needs_root
def test_a_folder_that_a_script_has_made_read_only_is_removed() -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        unpacked = Path(name, "work", "unpacked", "deep")

        def unpack_and_remove() -> bool:
            unpacked.mkdir(parents=True)
            (unpacked / "file").touch()
            for folder in (unpacked, unpacked.parent):
                folder.chmod(0o555)
            remove_folder(Path(name, "work"))
            return not list(Path(name).iterdir())

        assert as_nobody(unpack_and_remove)


def test_a_folder_that_cannot_be_removed_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        remove_folder(tmp_path / "none")
    assert f"{tmp_path / 'none'} could not be removed" in caplog.text
