"""A small bench: a project folder, real bash jobs on this machine, and the job every test varies."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bioinfo_assets.launch.job import Input, Job, Output, StoredFile
from bioinfo_assets.launch.local_backend import LocalBackend
from bioinfo_assets.launch.watcher import Watcher
from bioinfo_assets.records.commit import Committed, commit, submit
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.reuse import ReuseDecision, check_reuse
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store

STORE = Store()


@dataclass(frozen=True)
class Bench:
    folder: Path
    ledger: Ledger
    backend: LocalBackend
    watcher: Watcher

    @property
    def greeting(self) -> Path:
        return self.folder / "output" / "expt" / "expt.greeting.txt"

    def name(self, text: str = "world") -> StoredFile:
        path = self.folder / "name.txt"
        path.write_text(text)
        return StoredFile(str(path), len(text), STORE.digest(str(path)), STORE.stat(str(path)).stamp)

    def job(self, **changes: object) -> Job:
        job = Job(
            key=ResultKey("greeting", "expt"),
            version="1",
            script='{ printf "hello "; cat name.txt; } > greeting.txt\nfact letters "$(wc -m < greeting.txt)"',
            inputs=(Input("name.txt", self.name()),),
            outputs=(Output("text", "greeting.txt", str(self.greeting)),),
        )
        return replace(job, **changes)

    def check_reuse(self, job: Job) -> ReuseDecision:
        return check_reuse(self.ledger, self.backend, job)

    def make(self, job: Job) -> Committed:
        wanted = self.check_reuse(job)
        if wanted.record is not None:
            return Committed(wanted.record, reused=True)
        return commit(self.ledger, self.backend, submit(self.watcher, wanted))


@contextmanager
def open_bench(folder: Path) -> Iterator[Bench]:
    backend = LocalBackend(folder / "scratch", STORE)
    watcher = Watcher(backend)
    try:
        yield Bench(folder, Ledger(STORE, str(folder / "output")), backend, watcher)
    finally:
        watcher.close()
        backend.close()
