"""A small project with a history, crates of it, and the public validator without network access."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests_cache import CachedSession
from urllib3 import HTTPResponse

from bioinfo_assets.provenance.crate.contents import CrateRequest
from bioinfo_assets.provenance.crate.write import write_crate
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import FileRecord, InputRecord, Observation, Record
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.records.recorded_results import record_result

IMAGE = f"registry.example.org:5000/genomics/tools:2@sha256:{64 * 'a'}"
WEB_REFERENCE = FileRecord(
    key="fasta", uri="https://example.org/genomes/toy.fa.gz", size=7, sha256=None, content="etag:abc", stamp="1"
)
FIRST = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Crate:
    """A crate that was written to a folder."""

    folder: Path

    @property
    def entities(self) -> dict[str, dict[str, Any]]:
        graph = json.loads((self.folder / "ro-crate-metadata.json").read_text())["@graph"]
        assert len({entity["@id"] for entity in graph}) == len(graph)
        return {entity["@id"]: entity for entity in graph}

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        return {id_: entity for id_, entity in self.entities.items() if kind in as_list(entity["@type"])}

    def run_of(self, name: str) -> dict[str, Any]:
        return next(action for action in self.of_type("CreateAction").values() if action["name"] == name)

    def resolve(self, refs: object) -> list[dict[str, Any]]:
        """The entities that references point to."""
        return [self.entities[ref["@id"]] for ref in as_list(refs)]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def add_result(ledger: Ledger, asset: str, scope: str, texts: Mapping[str, str], **changes: Any) -> Record:
    """Write and record a result of files with these texts."""
    uris = [f"{ledger.output_path}/{scope}/{name}" for name in texts]
    for uri, text in zip(uris, texts.values(), strict=True):
        ledger.store.write_bytes(uri, text.encode())
    return record_result(ledger, asset, scope, *uris, script=f"make {asset}\n", **changes)


def as_inputs(*files: FileRecord) -> tuple[InputRecord, ...]:
    """Files as inputs of a job."""
    return tuple(
        InputRecord(local=file.uri.rpartition("/")[2], uri=file.uri, size=file.size, content=file.content)
        for file in files
    )


def times(hour: int) -> dict[str, datetime]:
    started = FIRST + timedelta(hours=hour)
    return {"started": started, "finished": started + timedelta(minutes=30, microseconds=1500)}


def crate_project(folder: Path, *, reference: FileRecord | None = None) -> Ledger:
    """A project in a folder with a blank and an umlaut: a sample's reads, aligned in a container to a reference."""
    ledger = Ledger(Store(), str(folder / "Käfer 1" / "out"))
    reads = _write_source(ledger, folder / "Käfer 1" / "expt_1.fastq.gz", b"reads")
    source = reference or _write_source(ledger, folder / "Käfer 1" / "toy.fa.gz", b"genome")
    observed = FIRST - timedelta(days=1)
    ledger.write(Observation(asset="raw_reads", scope="expt", files=(reads,), observed=observed))
    ledger.write(Observation(asset="reference_source", scope="references", files=(source,), observed=observed))
    genome = add_result(
        ledger, "reference_genome", "references", {"toy.fa": ">1\nACGT\n"}, inputs=as_inputs(source), **times(0)
    )
    add_result(
        ledger,
        "aligned_bam",
        "expt",
        {"expt.aln.bam": "BAM", "expt.aln.log": "aligned all"},
        inputs=as_inputs(reads, *genome.outputs),
        parameters={"aligner": "bwa", "max_n": 0.1, "read_groups": ("@RG\tID:1", "@RG\tID:2")},
        tools={"bwa": "0.7.17", "samtools": "1.16.1"},
        image=IMAGE,
        backend="docker",
        wall_s=1800.5,
        cpu_s=3600.0,
        peak_memory_mib=512.0,
        user="ada",
        **times(1),
    )
    return ledger


def _write_source(ledger: Ledger, path: Path, data: bytes) -> FileRecord:
    ledger.store.write_bytes(str(path), data)
    digest = ledger.store.digest(str(path))
    sha256 = digest.removeprefix("sha256:")
    return FileRecord(key=path.name, uri=str(path), size=len(data), sha256=sha256, content=digest, stamp="1")


def write_test_crate(ledger: Ledger, target: Path, *scopes: str, with_small_files: bool = False) -> Crate:
    target.parent.mkdir(parents=True, exist_ok=True)
    workflow = target.parent / "graph.py"
    workflow.write_text("STEPS = ()\n")
    request = CrateRequest(
        scopes or ("expt",), "Alignment of expt", workflow, "0.1.0", with_small_files=with_small_files
    )
    write_crate(ledger, request, target)
    return Crate(target)


def validate(crate: Path, folder: Path) -> dict[str, set[str]]:
    """The validator's issues by severity, for the profile Provenance Run Crate and those that it includes."""
    command = str(Path(sys.executable).parent / "rocrate-validator")
    report = folder / "report.json"
    profile = ("-p", "provenance-run-crate", "-l", "recommended")
    cache = ("--offline", "--cache-path", str(_contexts(folder / "contexts")))
    subprocess.run(
        [command, "-y", "validate", *cache, *profile, "-f", "json", "-o", str(report), str(crate)],
        capture_output=True,
        check=False,  # its exit code is 1 if there are issues
    )
    issues: dict[str, set[str]] = {}
    for issue in json.loads(report.read_text())["issues"]:
        issues.setdefault(issue["severity"], set()).add(issue["message"])
    return issues


def _contexts(path: Path) -> Path:
    """Fill the validator's download cache with the two JSON-LD contexts that a crate names."""
    with CachedSession(cache_name=str(path), backend="sqlite", expire_after=-1) as session:
        for uri, context in {
            "https://w3id.org/ro/crate/1.1/context": _ro_crate_context(),
            "https://w3id.org/ro/terms/workflow-run/context": _workflow_run_context(),
        }.items():
            session.mount(uri, _CannedResponse({"@context": context}))
            session.get(uri)
        session.cache.close()  # type: ignore[no-untyped-call] # it comes without types
    return path


def _ro_crate_context() -> dict[str, str]:
    """RO-Crate's context of version 1.3, which the package rocrate contains, with terms that moved since 1.1."""
    terms = json.loads(files("rocrate").joinpath("data/ro-crate.jsonld").read_text())["@context"]
    return dict(terms) | {
        "ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow",
        "FormalParameter": "https://bioschemas.org/FormalParameter",
        "input": "https://bioschemas.org/ComputationalWorkflow#input",
        "output": "https://bioschemas.org/ComputationalWorkflow#output",
    }


def _workflow_run_context() -> dict[str, str]:
    terms = ("ContainerImage", "containerImage", "registry", "tag", "sha256", "resourceUsage")
    return {term: f"https://w3id.org/ro/terms/workflow-run#{term}" for term in terms}


class _CannedResponse(BaseAdapter):
    """Answers every request with one document."""

    def __init__(self, document: object) -> None:
        super().__init__()
        self._body = json.dumps(document).encode()

    def send(self, request: requests.PreparedRequest, **_: object) -> requests.Response:  # type: ignore[override]
        response = requests.Response()
        response.status_code, response.url, response.request = 200, str(request.url), request
        response.headers["Content-Type"] = "application/ld+json"
        response.raw = HTTPResponse(BytesIO(self._body), status=200, preload_content=False)
        return response

    def close(self) -> None:
        pass
