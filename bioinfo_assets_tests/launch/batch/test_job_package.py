"""A job as one object."""

import io
import re
import tarfile
from dataclasses import replace

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.batch.job_package import check_inputs, pack
from bioinfo_assets.launch.job import Input, StoredFile
from bioinfo_assets.launch.script import render
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.contract import MD5, TEXT, job

STORE = Store()


def file(uri, size=3, content="sha256:1", **changes):
    return StoredFile(uri, size, content, **changes)


def unpacked(given, tools=None):
    with tarfile.open(fileobj=io.BytesIO(pack(given, "s3://b/jobs/x/1", tools or {}, STORE))) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def test_it_holds_the_script_and_the_lists():
    given = job("copies", inputs=(Input("x.bam", file("s3://b/a b.bam", 7)),), outputs=(TEXT, MD5))
    members = unpacked(given, {"samtools": "1.16.1", "bgzip": "1.16"})
    assert members["script.sh"].decode() == render(given)
    assert members["folder.txt"] == b"s3://b/jobs/x/1\n"
    assert members["inputs.tsv"] == b"7\tx.bam\t-\ts3://b/a b.bam\n"
    assert members["outputs.txt"] == b"greeting.txt\ngreeting.md5\n"
    assert members["tools.tsv"] == b"bgzip\t1.16\nsamtools\t1.16.1\n"


def test_the_same_job_gives_the_same_bytes():
    given = job("greets", outputs=(TEXT,))
    assert pack(given, "s3://b/x", {}, STORE) == pack(given, "s3://b/x", {}, STORE)


def shared_name(stored):
    return unpacked(job("copies", inputs=(Input("x", stored, shared=True),)))["inputs.tsv"].split(b"\t")[2]


def test_a_machines_copy_is_named_by_all_that_tells_files_apart():
    one = file("s3://b/ref.fa")
    others = [
        file("s3://b/ref2.fa"),
        replace(one, size=4),
        replace(one, content="sha256:2"),
        replace(one, stamp="v2"),
    ]
    assert shared_name(one) == shared_name(file("s3://b/ref.fa"))
    assert len({shared_name(other) for other in [one, *others]}) == 5


@pytest.mark.parametrize("name", ["a\tb", "a\nb"])
def test_a_name_that_would_break_the_list_is_refused(name):
    with pytest.raises(InputError, match=re.escape("has a tab or a line break in its name: rename it")):
        check_inputs(job("copies", inputs=(Input("x", file(f"s3://b/{name}")),)))
