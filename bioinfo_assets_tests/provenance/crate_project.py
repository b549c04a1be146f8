"""A small project with a past, crates of it, and the public validator, which has no network here."""

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
from bioinfo_assets_tests.records.elsewhere import made_record

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
        return {id_: one for id_, one in self.entities.items() if kind in listed(one["@type"])}

    def run_of(self, name: str) -> dict[str, Any]:
        return next(one for one in self.of_type("CreateAction").values() if one["name"] == name)

    def named(self, refs: object) -> list[dict[str, Any]]:
        """The entities that are referred to."""
        return [self.entities[ref["@id"]] for ref in listed(refs)]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def made(ledger: Ledger, step: str, scope: str, texts: Mapping[str, str], **changes: object) -> Record:
    """A result of files with these texts, made hours after what came before."""
    uris = [f"{ledger.output_path}/{scope}/{name}" for name in texts]
    for uri, text in zip(uris, texts.values(), strict=True):
        ledger.store.write_bytes(uri, text.encode())
    return made_record(ledger, step, scope, *uris, script=f"make {step}\n", **changes)


def read(*results: FileRecord) -> tuple[InputRecord, ...]:
    """Files as inputs of a job."""
    return tuple(
        InputRecord(local=one.uri.rpartition("/")[2], uri=one.uri, size=one.size, content=one.content)
        for one in results
    )


def times(hour: int) -> dict[str, datetime]:
    started = FIRST + timedelta(hours=hour)
    return {"started": started, "finished": started + timedelta(minutes=30, microseconds=1500)}


def small_history(folder: Path, *, reference: FileRecord | None = None) -> Ledger:
    """Reads of a sample in a folder with a blank and an umlaut, aligned in a container to a reference."""
    ledger = Ledger(Store(), str(folder / "Käfer 1" / "out"))
    reads = _given(ledger, folder / "Käfer 1" / "expt_1.fastq.gz", b"reads")
    source = reference or _given(ledger, folder / "Käfer 1" / "toy.fa.gz", b"genome")
    observed = FIRST - timedelta(days=1)
    ledger.write(Observation(asset="raw_reads", scope="expt", files=(reads,), observed=observed))
    ledger.write(Observation(asset="reference_source", scope="references", files=(source,), observed=observed))
    genome = made(ledger, "reference_genome", "references", {"toy.fa": ">1\nACGT\n"}, inputs=read(source), **times(0))
    made(
        ledger,
        "aligned_bam",
        "expt",
        {"expt.aln.bam": "BAM", "expt.aln.log": "aligned all"},
        inputs=read(reads, *genome.outputs),
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


def _given(ledger: Ledger, path: Path, data: bytes) -> FileRecord:
    ledger.store.write_bytes(str(path), data)
    digest = ledger.store.digest(str(path))
    sha256 = digest.removeprefix("sha256:")
    return FileRecord(key=path.name, uri=str(path), size=len(data), sha256=sha256, content=digest, stamp="1")


def write(ledger: Ledger, target: Path, *scopes: str, with_small_files: bool = False) -> Crate:
    target.parent.mkdir(parents=True, exist_ok=True)
    workflow = target.parent / "graph.py"
    workflow.write_text("STEPS = ()\n")
    wanted = CrateRequest(
        scopes or ("expt",), "Alignment of expt", workflow, "0.1.0", with_small_files=with_small_files
    )
    write_crate(ledger, wanted, target)
    return Crate(target)


def complaints(crate: Path, folder: Path) -> dict[str, set[str]]:
    """What the validator says of a crate, by severity: the checks of Provenance Run Crate, and of what it builds on."""
    command = str(Path(sys.executable).parent / "rocrate-validator")
    report = folder / "report.json"
    profile = ("-p", "provenance-run-crate", "-l", "recommended")
    cache = ("--offline", "--cache-path", str(_contexts(folder / "contexts")))
    subprocess.run(
        [command, "-y", "validate", *cache, *profile, "-f", "json", "-o", str(report), str(crate)],
        capture_output=True,
        check=False,  # it ends with 1 where it has something to say
    )
    found: dict[str, set[str]] = {}
    for issue in json.loads(report.read_text())["issues"]:
        found.setdefault(issue["severity"], set()).add(issue["message"])
    return found


def _contexts(path: Path) -> Path:
    """The validator's store of what it would fetch: the two JSON-LD contexts that a crate names."""
    with CachedSession(cache_name=str(path), backend="sqlite", expire_after=-1) as session:
        for uri, context in {
            "https://w3id.org/ro/crate/1.1/context": _of_ro_crate(),
            "https://w3id.org/ro/terms/workflow-run/context": _of_workflow_runs(),
        }.items():
            session.mount(uri, _Canned({"@context": context}))
            session.get(uri)
        session.cache.close()
    return path


def _of_ro_crate() -> dict[str, str]:
    """RO-Crate's context of version 1.3, which rocrate has with it, with the terms that 1.1 has elsewhere."""
    terms = json.loads(files("rocrate").joinpath("data/ro-crate.jsonld").read_text())["@context"]
    return terms | {
        "ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow",
        "FormalParameter": "https://bioschemas.org/FormalParameter",
        "input": "https://bioschemas.org/ComputationalWorkflow#input",
        "output": "https://bioschemas.org/ComputationalWorkflow#output",
    }


def _of_workflow_runs() -> dict[str, str]:
    terms = ("ContainerImage", "containerImage", "registry", "tag", "sha256", "resourceUsage")
    return {term: f"https://w3id.org/ro/terms/workflow-run#{term}" for term in terms}


class _Canned(BaseAdapter):
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
