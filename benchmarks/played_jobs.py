"""Jobs that are played: what their containers would have uploaded is uploaded, and nothing is computed.

The outputs that the host reads (indexes, tables of metrics) are those of one small sample that was really computed; the
others are a few bytes.
"""

import hashlib
import io
import json
import shlex
import subprocess
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import boto3
from botocore.config import Config

from bioinfo_assets.pipeline.graph import PER_SAMPLE
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store

TEMPLATE_SAMPLE: Final = "sparrow"

MAX_TEMPLATE_BYTES: Final = 64 * 1024
"""Outputs up to this size are uploaded as they are; of larger ones a few bytes are."""


@dataclass(frozen=True, slots=True)
class Templates:
    """What jobs leave, as a small sample's jobs really left it.

    Attributes:
        files: By asset and output key, the bytes of small outputs.
        facts: By asset, the facts that its script recorded.
        assets: By the last part of the name of its first output, which comes after the sample's, the asset of a sample.
        data: The folder with the genome and the known sites.
    """

    files: Mapping[tuple[str, str], bytes]
    facts: Mapping[str, Mapping[str, str]]
    assets: Mapping[str, str]
    data: Path


@dataclass
class Player:
    """Plays jobs: uploads what their containers would have uploaded.

    Attributes:
        url: Of S3.
        templates: What jobs upload.
    """

    url: str
    templates: Templates

    def __post_init__(self) -> None:
        self._s3 = boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id="someone",
            aws_secret_access_key="secret",  # noqa: S106 - of moto
            region_name="us-east-1",
            config=Config(max_pool_connections=16),
        )
        self.calls = Counter[str]()

    def __call__(self, command: Sequence[str], environment: Mapping[str, str], log: Callable[[bytes], None]) -> int:
        """Play one job; its log has the lines by which the host knows where a part ends."""
        index = environment.get("AWS_BATCH_JOB_ARRAY_INDEX")
        package = self._read(f"{command[-1]}/{index}/job.tar" if index is not None else f"{command[-1]}/job.tar")
        folder = package["folder.txt"].decode().strip()
        batch_id = environment["AWS_BATCH_JOB_ID"].replace(":", "_")
        attempt = f"{folder}/{batch_id}/attempt-{environment['AWS_BATCH_JOB_ATTEMPT']}"
        self._play_part(package["script.sh"], folder.rpartition("/jobs/")[2].split("-")[0], attempt)
        marks = package.get("parts.txt", b"").decode().strip()
        if marks:
            log(b"[driver:part] 0\n")
            self._write(f"{marks}/0", f"{attempt}\n".encode())
        number = 1
        while script := package.get(f"part-{number}/script.sh"):
            name = next(_outputs(script.decode()))[1]
            asset = next(own for end, own in self.templates.assets.items() if name.endswith(end))
            log(f"[driver:part] {number}\n".encode())
            self._play_part(script, asset, f"{attempt}/part-{number}")
            self._write(f"{marks}/{number}", f"{attempt}/part-{number}\n".encode())
            number += 1
        log(b"[driver:end] attempt 1 ended with exit code 0\n")
        return 0

    def _play_part(self, script: bytes, asset: str, attempt: str) -> None:
        rows = []
        for key, local, canonical in _outputs(script.decode()):
            data = self.templates.files.get((asset, key)) or hashlib.sha256(f"{attempt} {key}".encode()).digest()
            self._write(f"{attempt}/work/{local}", data)
            digest = hashlib.sha256(data).hexdigest()
            rows.append(f"{key}\t{len(data)}\t{digest}\t{digest if canonical else '-'}\n")
        self._write(f"{attempt}/report.tar", _report("".join(rows), self.templates.facts[asset]))

    def _read(self, uri: str) -> dict[str, bytes]:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        self.calls["GET"] += 1
        data = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            members = ((own.name, tar.extractfile(own)) for own in tar.getmembers())
            return {name: member.read() for name, member in members if member is not None}

    def _write(self, uri: str, data: bytes) -> None:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        self.calls["PUT"] += 1
        self._s3.put_object(Bucket=bucket, Key=key, Body=data)


def _outputs(script: str) -> Iterator[tuple[str, str, str]]:
    """Key, local name and canonical form of each output, from the end of a rendered script."""
    words = shlex.split(script[script.rindex("\ndescribe_outputs") :].replace(" \\\n", " "))[1:]
    return zip(words[::3], words[1::3], words[2::3], strict=True)


def _report(outputs: str, facts: Mapping[str, str]) -> bytes:
    now = datetime.now(UTC).isoformat()
    usage = {"exit_code": 0, "started": now, "finished": now, "wall_s": 1.0, "cpu_s": 1.0, "peak_memory_kib": 1024}
    lines = "".join(f"{name}\t{value}\n" for name, value in facts.items())
    members = {"outputs.tsv": outputs, "facts.tsv": lines, "usage.json": json.dumps(usage), "done": ""}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return packed.getvalue()


def compute_templates(folder: Path, command: str) -> Templates:
    """Compute a small sample by this command line, and keep what its jobs left."""
    output = folder / "small"
    if not output.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([command, "demo", "--output-path", str(output)], check=True, stdout=subprocess.DEVNULL)
    ledger = Ledger(Store(), str(output))
    found: dict[tuple[str, str], bytes] = {}
    facts: dict[str, Mapping[str, str]] = {}
    names: dict[str, str] = {}
    for scope, assets in (
        ("references", ("reference_genome", "reference_index", "known_sites")),
        (TEMPLATE_SAMPLE, PER_SAMPLE),
        ("multiqc", ("multiqc_report",)),
    ):
        for asset in assets:
            record = ledger.read(ResultKey(asset, scope))
            facts[asset] = record.facts if record else {}
            if record and scope == TEMPLATE_SAMPLE:
                names[Path(record.outputs[0].uri).name.removeprefix(TEMPLATE_SAMPLE)] = asset
            for file in record.outputs if record else ():
                if file.size <= MAX_TEMPLATE_BYTES:
                    found[asset, file.key] = Path(file.uri).read_bytes()
    by_end = dict(sorted(names.items(), key=lambda item: -len(item[0])))  # `.cutadapt.1.fastq.gz` before `.1.fastq.gz`
    return Templates(found, facts, by_end, output / "data")
