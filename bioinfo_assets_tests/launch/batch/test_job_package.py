"""The package of a job."""

import io
import re
import tarfile
from collections.abc import Mapping
from dataclasses import replace

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.batch.job_package import check_inputs, pack
from bioinfo_assets.launch.job import Input, Job, StoredFile
from bioinfo_assets.launch.script import render
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.contract import MD5, TEXT, job

STORE = Store()


def file(uri: str, size: int = 3, content: str = "sha256:1") -> StoredFile:
    return StoredFile(uri, size, content)


def unpack(packed_job: Job, tools: Mapping[str, str] | None = None) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(pack(packed_job, "s3://b/jobs/x/1", tools or {}, STORE))) as tar:
        return {member.name: stream.read() for member in tar if (stream := tar.extractfile(member)) is not None}


def test_a_package_has_the_script_and_the_lists() -> None:
    copies = job("copies", inputs=(Input("x.bam", file("s3://b/a b.bam", 7)),), outputs=(TEXT, MD5))
    members = unpack(copies, {"samtools": "1.16.1", "bgzip": "1.16"})
    assert members["script.sh"].decode() == render(copies)
    assert members["folder.txt"] == b"s3://b/jobs/x/1\n"
    assert members["inputs.tsv"] == b"7\tx.bam\t-\t-\ts3://b/a b.bam\n"
    assert members["outputs.txt"] == b"greeting.txt\ngreeting.md5\n"
    assert members["tools.tsv"] == b"bgzip\t1.16\nsamtools\t1.16.1\n"


def test_the_same_job_gives_the_same_bytes() -> None:
    copies = job("greets", outputs=(TEXT,))
    assert pack(copies, "s3://b/x", {}, STORE) == pack(copies, "s3://b/x", {}, STORE)


def cache_name(stored: StoredFile) -> bytes:
    return unpack(job("copies", inputs=(Input("x", stored, shared=True),)))["inputs.tsv"].split(b"\t")[2]


def test_the_name_in_the_cache_depends_on_all_that_identifies_a_file() -> None:
    reference = file("s3://b/ref.fa")
    others = [
        file("s3://b/ref2.fa"),
        replace(reference, size=4),
        replace(reference, content="sha256:2"),
        replace(reference, stamp="v2"),
    ]
    assert cache_name(reference) == cache_name(file("s3://b/ref.fa"))
    assert len({cache_name(other) for other in [reference, *others]}) == 5


@pytest.mark.parametrize("name", ["a\tb", "a\nb"])
def test_a_name_that_would_break_the_list_is_rejected(name: str) -> None:
    with pytest.raises(InputError, match=re.escape("has a tab or a line break in its name: rename it")):
        check_inputs(job("copies", inputs=(Input("x", file(f"s3://b/{name}")),)))
