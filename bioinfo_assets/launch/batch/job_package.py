"""A job as the one object its container fetches: `job.tar`, with driver, script and lists.

Nothing of it is on the command line, whose length AWS Batch limits (8,192 characters of container overrides): a script
and a staging list may be of any size.
"""

import hashlib
import io
import tarfile
from collections.abc import Mapping
from importlib.resources import files
from typing import Final
from urllib.parse import quote, unquote

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import Input, Job, StoredFile
from bioinfo_assets.launch.script import render
from bioinfo_assets.storage.store import Store, join, local_path

NAME: Final = "job.tar"
LARGEST_LOCAL: Final = 8 * 1024 * 1024
"""Bytes of a file of this machine that is sent along, such as a list of adapters; larger ones belong into S3 first."""

_GOOGLE: Final = "https://storage.googleapis.com"


def bootstrap() -> str:
    """The bash text that fetches a job and goes on as its driver.

    Its one argument is the folder that `job.tar` lies in; for an array, the folder in which each job's has a folder of
    its own, named by its index.
    """
    return _text("bootstrap.sh")


def check_inputs(job: Job) -> None:
    """Checks that a container can read a job's inputs.

    Raises:
        InputError: one is a large file of this machine, or has a name that would break the staging list.
    """
    for item in job.inputs:
        if local_path(item.file.uri) is None:
            _fetched_as(item.file.uri)
        elif item.file.size > LARGEST_LOCAL:
            raise InputError(
                f"{item.file.uri} is on this machine, where AWS Batch cannot read it: copy it to S3 and name it there"
            )


def pack(job: Job, folder: str, tools: Mapping[str, str], store: Store) -> bytes:
    """The bytes of a job's `job.tar`; the same for the same job.

    Args:
        job: The job.
        folder: Where in S3 its attempts leave what they made.
        tools: The tools' versions that it was made for; the driver refuses an image with others.
        store: Where small files of this machine are read.
    """
    here = [item for item in job.inputs if local_path(item.file.uri) is not None]
    members = {
        "driver.sh": _text("driver.sh").encode(),
        "job_supervisor.py": files("bioinfo_assets.launch").joinpath("job_supervisor.py").read_bytes(),
        "script.sh": render(job).encode(),
        "folder.txt": f"{folder}\n".encode(),
        "inputs.tsv": "".join(_line(item) for item in job.inputs if item not in here).encode(),
        "outputs.txt": "".join(f"{output.local}\n" for output in job.outputs).encode(),
        "tools.tsv": "".join(f"{tool}\t{tools[tool]}\n" for tool in sorted(tools)).encode(),
        **{f"inputs/{item.local}": store.read_bytes(item.file.uri) for item in here},
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mode = 0o644
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def package_uri(folder: str, index: int | None) -> str:
    """Where a job's `job.tar` lies: in the folder itself, or for a job of an array in one named by its index."""
    return join(folder, NAME) if index is None else join(folder, str(index), NAME)


def _line(item: Input) -> str:
    name = _shared_name(item.file) if item.shared else "-"
    return f"{item.file.size}\t{item.local}\t{name}\t{_fetched_as(item.file.uri)}\n"


def _shared_name(file: StoredFile) -> str:
    """The name of a file's copy on a machine: by address too, for two may mean the same in different bytes."""
    return hashlib.sha256(f"{file.uri}\n{file.size}\n{file.content}\n{file.stamp}".encode()).hexdigest()


def _fetched_as(uri: str) -> str:
    r"""What the driver fetches: `gs://` by its public address (Google Cloud Storage, request endpoints).

    Addresses of web servers are quoted as the store quotes them.

    Raises:
        InputError: the address would break the list it stands in.
    """
    if "\t" in uri or "\n" in uri:
        raise InputError(f"{uri!r} has a tab or a line break in its name: rename it")
    scheme, _, path = uri.partition("://")
    if scheme == "s3":
        return uri
    if scheme == "gs":
        return f"{_GOOGLE}/{quote(path)}"
    return f"{scheme}://{quote(unquote(path), safe='/:@')}"


def _text(name: str) -> str:
    return files("bioinfo_assets.launch.batch").joinpath(name).read_text(encoding="utf-8")
