"""The report of an attempt, which a container has written: nothing in it may reach outside the folder it is read in."""

import io
import tarfile
from pathlib import Path

import pytest

from bioinfo_assets.launch.batch.attempt_report import read_report
from bioinfo_assets.storage.store import Store


def report(folder: Path, *members: tuple[tarfile.TarInfo, bytes]) -> str:
    """The folder of an attempt whose report has these members."""
    folder.mkdir()
    with tarfile.open(folder / "report.tar", "w") as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return str(folder)


def test_files_are_read_as_tar_writes_those_of_a_folder(tmp_path: Path) -> None:
    folder = tarfile.TarInfo("./")
    folder.type = tarfile.DIRTYPE
    uri = report(
        tmp_path / "attempt",
        (folder, b""),
        (tarfile.TarInfo("./problem"), b"the reads are wrong\n"),
        (tarfile.TarInfo("./done"), b""),
        (tarfile.TarInfo("./unpublished.txt"), b"a.bam\nb.bam\n"),
    )
    found = read_report(Store(), uri)
    assert found is not None
    assert found.script.problem == "the reads are wrong"
    assert found.is_done
    assert found.unpublished == {"a.bam", "b.bam"}


@pytest.mark.parametrize("name", ["../outside", "/outside", "folder/../../outside"])
def test_a_file_with_another_place_in_its_name_is_ignored(tmp_path: Path, name: str) -> None:
    uri = report(tmp_path / "attempt", (tarfile.TarInfo(name), b"evil"), (tarfile.TarInfo("done"), b""))
    found = read_report(Store(), uri)
    assert found is not None
    assert found.is_done
    assert [path.name for path in tmp_path.rglob("*outside*")] == []


def test_a_link_is_ignored(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    link = tarfile.TarInfo("problem")
    link.type, link.linkname = tarfile.SYMTYPE, str(secret)
    found = read_report(Store(), report(tmp_path / "attempt", (link, b"")))
    assert found is not None
    assert found.script.problem == ""


def test_a_damaged_report_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "report.tar").write_bytes(b"not a tar" * 100)
    assert read_report(Store(), str(tmp_path)) is None
