"""A project folder with real bash jobs on this machine, and the greeting job that every test varies."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bioinfo_assets.launch.job import Input, Job, Output, StoredFile
from bioinfo_assets.launch.local_backend import LocalBackend
from bioinfo_assets.launch.watcher import Watcher
from bioinfo_assets.records.commit import Committed, commit, submit
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.reuse import ReuseAction, ReuseDecision, decide_reuse
from bioinfo_assets.records.shared_cache import SharedCache
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store

STORE = Store()
GREETING = ResultKey("greeting", "expt")


@dataclass(frozen=True)
class GreetingProject:
    """A project in a folder: its input `name.txt`, and its results in `output`."""

    folder: Path
    ledger: Ledger
    backend: LocalBackend
    watcher: Watcher

    @property
    def greeting(self) -> Path:
        return self.folder / "output" / "expt" / "expt.greeting.txt"

    def write_name(self, text: str = "world") -> StoredFile:
        path = self.folder / "name.txt"
        path.write_text(text)
        return StoredFile(str(path), len(text), STORE.digest(str(path)), STORE.stat(str(path)).stamp)

    def job(self, **changes: Any) -> Job:
        job = Job(
            key=GREETING,
            version="1",
            script='{ printf "hello "; cat name.txt; } > greeting.txt\nfact letters "$(wc -m < greeting.txt)"',
            inputs=(Input("name.txt", self.write_name()),),
            outputs=(Output("text", "greeting.txt", str(self.greeting)),),
        )
        return replace(job, **changes)

    def decide(self, job: Job, cache: SharedCache | None = None) -> ReuseDecision:
        """Decide whether a job's result is reused."""
        return decide_reuse(
            self.ledger,
            cache,
            self.ledger.read(job.key),
            lambda: job,
            lambda job: self.backend.tool_versions(job.tools, job.options),
        )

    def run(self, job: Job) -> Committed:
        """Reuse a job's result, or run the job."""
        decision = self.decide(job)
        if decision.action is ReuseAction.REUSE:
            assert decision.record is not None
            return Committed(decision.record, reused=True)
        return commit(self.ledger, self.backend, submit(self.ledger, self.watcher, decision))


@contextmanager
def open_greeting_project(folder: Path) -> Iterator[GreetingProject]:
    backend = LocalBackend(folder / "scratch", STORE)
    watcher = Watcher(backend)
    try:
        yield GreetingProject(folder, Ledger(STORE, str(folder / "output")), backend, watcher)
    finally:
        watcher.close()
        backend.close()
