import threading
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import Input, Job, StoredFile
from bioinfo_assets.launch.scratch import new_attempt
from bioinfo_assets.launch.staging import stage
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.servers import WebServer


def job_reading(*inputs: Input) -> Job:
    return Job(ResultKey("a", "expt"), "1", "true", inputs=inputs)


def stage_into_work(job: Job, tmp_path: Path) -> Path:
    attempt = new_attempt(tmp_path / "scratch", job)
    stage(job, attempt, Store(), tmp_path / "cache")
    return attempt.work


def test_a_local_input_is_a_link_to_the_file_itself(tmp_path: Path) -> None:
    real = tmp_path / "real.fa"
    real.write_bytes(b">chrM\n")
    (tmp_path / "link.fa").symlink_to("real.fa")
    genome = Input("genome.fa", StoredFile(str(tmp_path / "link.fa"), 6, "sha256:00"))
    work = stage_into_work(job_reading(genome), tmp_path)
    assert (work / "genome.fa").readlink() == real
    assert (work / "genome.fa").read_bytes() == b">chrM\n"


def test_a_remote_input_is_downloaded_once_for_many_jobs(tmp_path: Path, web: WebServer) -> None:
    address, folder, requests = web
    (folder / "chr22.fa").write_bytes(b">chr22\n")
    job = job_reading(Input("genome.fa", StoredFile(f"{address}/chr22.fa", 7, "etag:v1")))
    works: list[Path] = []
    threads = [threading.Thread(target=lambda: works.append(stage_into_work(job, tmp_path))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(work / "genome.fa").read_bytes() for work in works] == [b">chr22\n"] * 6
    assert requests.count("GET /chr22.fa") == 1


def test_another_version_of_a_remote_file_is_downloaded_again(tmp_path: Path, web: WebServer) -> None:
    address, folder, _ = web
    for data in (b"old", b"new"):
        (folder / "x").write_bytes(data)
        job = job_reading(Input("x", StoredFile(f"{address}/x", 3, f"sha256:{data.decode()}")))
        assert (stage_into_work(job, tmp_path) / "x").read_bytes() == data


@pytest.mark.parametrize("location", ["disk", "web"])
def test_an_input_that_changed_since_the_run_began_is_refused(tmp_path: Path, web: WebServer, location: str) -> None:
    address, folder, _ = web
    (folder / "x.vcf").write_bytes(b"12345")
    uri = f"{address}/x.vcf" if location == "web" else str(folder / "x.vcf")
    with pytest.raises(InputError, match=r"x\.vcf has 5 bytes and had 4 when the run began: start the run again$"):
        stage_into_work(job_reading(Input("x.vcf", StoredFile(uri, 4, "sha256:00"))), tmp_path)


def test_a_missing_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.fa does not exist"):
        stage_into_work(job_reading(Input("x.fa", StoredFile(str(tmp_path / "none.fa"), 4, "sha256:00"))), tmp_path)
