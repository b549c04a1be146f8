"""The package of a job: `job.tar`, the one object that its container fetches, with driver, script and lists.

Nothing of it is in the command, whose length AWS Batch limits (8,192 characters of container overrides): scripts and
lists of inputs may have any size.
"""

import hashlib
import io
import tarfile
from collections.abc import Collection, Mapping, Sequence
from importlib.resources import files
from typing import Final
from urllib.parse import quote, unquote

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.fused import unpublished_outputs
from bioinfo_assets.launch.job import Input, Job, StoredFile
from bioinfo_assets.launch.script import render
from bioinfo_assets.storage.store import Store, local_path

MAX_LOCAL_INPUT_BYTES: Final = 8 * 1024 * 1024
"""Files of this host up to this size, such as a list of adapters, are packed; larger ones have to be in S3."""

_GOOGLE: Final = "https://storage.googleapis.com"


def bootstrap() -> str:
    """The bash script that fetches the package of a job and runs its driver.

    Its one argument is the folder with the package; for an array, the folder with one folder for each index.
    """
    return _resource("bootstrap.sh")


def check_inputs(job: Job, made_before: Collection[str] = ()) -> None:
    """Check that a container can read the inputs of a job; those that the parts before it make are on its disk.

    Raises:
        InputError: an input is a large file of this host, was not published, or has a name that would break the list of
            inputs.
    """
    for item in job.inputs:
        if item.file.uri in made_before:
            continue
        if item.file.is_released:
            raise InputError(f"{item.file.uri} was not published: start the run again, which makes it again")
        if local_path(item.file.uri) is None:
            _download_uri(item.file.uri)
        elif item.file.size > MAX_LOCAL_INPUT_BYTES:
            raise InputError(
                f"{item.file.uri} is on this host, where AWS Batch cannot read it: copy it to S3 and use that copy"
            )


def pack(
    job: Job, folder: str, tools: Mapping[str, str], store: Store, followers: Sequence[Job] = (), parts: str = ""
) -> bytes:
    """Build the package of a job; equal for equal jobs.

    Args:
        job: The job, with the scratch space of the largest part.
        folder: Folder of the submission in scratch, to which its attempts upload.
        tools: The tool versions that the job was planned with; the driver rejects an image with others.
        store: Reads small files of this host.
        followers: The parts that run after it.
        parts: The folder in scratch that shows which parts are done.
    """
    members = {
        "driver.sh": _resource("driver.sh").encode(),
        "job_supervisor.py": files("bioinfo_assets.launch").joinpath("job_supervisor.py").read_bytes(),
        "folder.txt": f"{folder}\n".encode(),
        "disk_mib.txt": f"{job.resources.disk_mib}\n".encode(),
        "tools.tsv": "".join(f"{tool}\t{tools[tool]}\n" for tool in sorted(tools)).encode(),
        **_members_of_part(job, {}, followers, store),
    }
    if followers:
        members["parts.txt"] = f"{parts}\n".encode()
    made = {output.uri: (0, output.local) for output in job.outputs}
    for number, follower in enumerate(followers, start=1):
        own = _members_of_part(follower, made, followers[number:], store)
        members |= {f"part-{number}/{name}": data for name, data in own.items()}
        made |= {output.uri: (number, output.local) for output in follower.outputs}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mode = 0o644
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def _members_of_part(
    job: Job, made: Mapping[str, tuple[int, str]], followers: Sequence[Job], store: Store
) -> dict[str, bytes]:
    """The files of one part; `made` has the part and the local name of what those before it make, by its address."""
    unpublished = unpublished_outputs(job, followers)
    own = [item for item in job.inputs if item.file.uri not in made]
    local = [item for item in own if local_path(item.file.uri) is not None]
    handed_over = [(item.local, *made[item.file.uri]) for item in job.inputs if item.file.uri in made]
    return {
        "script.sh": render(job).encode(),
        "inputs.tsv": "".join(_input_line(item) for item in own if item not in local).encode(),
        "outputs.txt": "".join(f"{output.local}\n" for output in job.outputs).encode(),
        "unpublished.txt": "".join(f"{local}\n" for local in sorted(unpublished)).encode(),
        "made.tsv": "".join(f"{name}\t{number}\t{file}\n" for name, number, file in handed_over).encode(),
        **{f"inputs/{item.local}": store.read_bytes(item.file.uri) for item in local},
    }


def _input_line(item: Input) -> str:
    name = _cache_name(item.file) if item.shared else "-"
    digest = item.file.sha256 or "-"
    return f"{item.file.size}\t{item.local}\t{name}\t{digest}\t{_download_uri(item.file.uri)}\n"


def _cache_name(file: StoredFile) -> str:
    """The name of a file in a machine's cache; the address is part of it, since equal content may be in other bytes."""
    return hashlib.sha256(f"{file.uri}\n{file.size}\n{file.content}\n{file.stamp}".encode()).hexdigest()


def _download_uri(uri: str) -> str:
    r"""The address from which the driver fetches a file.

    `gs://` becomes the public address (Google Cloud Storage, request endpoints); addresses of web servers are quoted as
    the store quotes them.

    Raises:
        InputError: the address would break the list of inputs.
    """
    if "\t" in uri or "\n" in uri:
        raise InputError(f"{uri!r} has a tab or a line break in its name: rename it")
    scheme, _, path = uri.partition("://")
    if scheme == "s3":
        return uri
    if scheme == "gs":
        return f"{_GOOGLE}/{quote(path)}"
    return f"{scheme}://{quote(unquote(path), safe='/:@')}"


def _resource(name: str) -> str:
    return files("bioinfo_assets.launch.batch").joinpath(name).read_text(encoding="utf-8")
