"""Releasing a result: the record states it first, then the files go; a job that reads them needs it again."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError, ResourceError
from bioinfo_assets.launch.job import Input, Job, Output
from bioinfo_assets.records.commit import commit, copy_shared_result, submit
from bioinfo_assets.records.ledger import CheckedRecord, Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.record_set import RecordSet
from bioinfo_assets.records.released import Releasable, release, released_inputs
from bioinfo_assets.records.reuse import ReuseAction, decide_reuse
from bioinfo_assets.records.shared_cache import SharedCache
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets_tests.cli.small_project import make_result
from bioinfo_assets_tests.records.greeting_project import GREETING, STORE, GreetingProject
from bioinfo_assets_tests.records.recorded_results import record_result
from bioinfo_assets_tests.servers import s3, s3_server

__all__ = ["s3", "s3_server"]  # fixtures

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SHOUT = ResultKey("shout", "expt")


def greet(project: GreetingProject) -> Record:
    """A greeting of a large file, and a small one that is kept."""
    small = Output("letters", "letters.txt", str(project.greeting.with_name("expt.letters.txt")))
    job = project.job()
    script = f"{job.script}\nwc -m < greeting.txt > letters.txt"
    return project.run(replace(job, script=script, outputs=(*job.outputs, small))).record


def release_greeting(project: GreetingProject, record: Record, *dependents: Record) -> bool:
    return release(project.ledger, Releasable(record, {"text"}, dependents, "used"), NOW)


def shout_job(project: GreetingProject, key: str = "text", script: str = "tr a-z A-Z < in.txt > out.txt") -> Job:
    """A job downstream, built from the record as it is now."""
    record = RecordSet.read(project.ledger, "greeting", ["expt"]).of("expt")
    target = str(project.greeting.with_name("expt.shout.txt"))
    return Job(SHOUT, "1", script, (Input("in.txt", record.file(key)),), (Output("text", "out.txt", target),))


def test_large_files_go_and_the_record_keeps_their_digests(project: GreetingProject) -> None:
    before = greet(project)
    assert release_greeting(project, before)
    after = project.ledger.read(GREETING)
    assert after is not None
    assert (after.released, before.released) == (NOW, None)
    assert (after.fingerprint, after.data_version) == (before.fingerprint, before.data_version)
    assert [(file.key, file.sha256, file.released) for file in after.outputs] == [
        ("text", before.outputs[0].sha256, NOW),
        ("letters", before.outputs[1].sha256, None),
    ]
    assert not project.greeting.exists()
    assert Path(after.file("letters").uri).read_text().strip() == "11"


def test_files_stay_that_a_run_may_have_computed_again_since_the_lock_was_lost(
    project: GreetingProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, checks = greet(project), iter([True])

    class Lost:
        def check(self) -> None:
            if not next(checks, False):
                raise ResourceError("the lock was lost")

    monkeypatch.setattr(Ledger, "publishing", lambda *_: nullcontext(Lost()))
    with pytest.raises(ResourceError, match="the lock was lost"):
        release_greeting(project, record)
    assert project.greeting.exists()


def test_a_released_result_is_reused_and_not_damaged(project: GreetingProject) -> None:
    release_greeting(project, greet(project))
    record = project.ledger.read(GREETING)
    assert record is not None
    assert project.ledger.check_files(record) == CheckedRecord(record, "")
    job = replace(project.job(), script=record.script, outputs=_outputs(record))
    decision = project.decide(job)
    assert (decision.action, decision.record) == (ReuseAction.REUSE, record)


def test_a_kept_file_of_a_released_result_can_be_damaged(project: GreetingProject) -> None:
    record = greet(project)
    release_greeting(project, record)
    Path(record.file("letters").uri).unlink()
    released = project.ledger.read(GREETING)
    assert released is not None
    assert project.ledger.check_files(released).damage == f"{record.file('letters').uri} is missing"


def test_the_record_is_written_before_a_file_goes(project: GreetingProject, monkeypatch: pytest.MonkeyPatch) -> None:
    record = greet(project)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bioinfo_assets.storage.store.Store.delete", die)
    with pytest.raises(KeyboardInterrupt):
        release_greeting(project, record)
    after = project.ledger.read(GREETING)
    assert after is not None
    assert after.released == NOW
    assert project.greeting.exists()
    assert project.ledger.check_files(after).damage == ""


def test_a_result_that_was_replaced_meanwhile_is_kept(project: GreetingProject) -> None:
    old = greet(project)
    new = project.run(project.job(version="2")).record
    assert not release_greeting(project, old)
    assert project.ledger.read(GREETING) == new
    assert project.greeting.exists()


def test_a_result_whose_dependent_changed_meanwhile_is_kept(project: GreetingProject) -> None:
    record = greet(project)
    dependent = project.run(shout_job(project)).record
    project.run(replace(shout_job(project), version="2"))
    assert not release_greeting(project, record, dependent)
    assert project.greeting.exists()


def test_imported_files_are_never_released(project: GreetingProject) -> None:
    theirs = project.folder / "theirs.txt"
    theirs.write_text("hello")
    record = record_result(project.ledger, "greeting", "expt", str(theirs), imported=True)
    with pytest.raises(InputError, match="belong to somebody else"):
        release(project.ledger, Releasable(record, {"txt"}, (), "used"), NOW)
    assert theirs.read_text() == "hello"


def test_a_job_downstream_is_built_and_reused_by_the_digests_of_a_released_result(project: GreetingProject) -> None:
    record = greet(project)
    shout = project.run(shout_job(project)).record
    release_greeting(project, record)
    decision = project.decide(shout_job(project))
    assert (decision.action, decision.record) == (ReuseAction.REUSE, shout)


def test_only_a_job_that_reads_released_files_needs_the_result_again(project: GreetingProject) -> None:
    release_greeting(project, greet(project))
    record = project.ledger.read(GREETING)
    assert record is not None
    other = record_result(project.ledger, "other", "expt", record.file("letters").uri)
    assert released_inputs(shout_job(project), [other, record]) == (record,)
    assert released_inputs(shout_job(project, key="letters"), [other, record]) == ()


def test_a_needed_result_is_computed_again_and_its_record_moves_to_the_history(project: GreetingProject) -> None:
    before = greet(project)
    release_greeting(project, before)
    released = project.ledger.read(GREETING)
    assert released is not None
    job = replace(project.job(), script=before.script, outputs=_outputs(before))
    decision = decide_reuse(project.ledger, None, released, lambda: job, lambda _: {}, needed_by=SHOUT)
    assert (decision.action, decision.reason) == (
        ReuseAction.RUN,
        "its files were released and shout of expt needs them",
    )
    again = commit(project.ledger, project.backend, submit(project.ledger, project.watcher, decision)).record
    assert (again.released, again.data_version) == (None, before.data_version)
    assert project.greeting.read_text() == "hello world"
    (past,) = (project.folder / "output" / "expt" / "records" / "history").iterdir()
    assert project.ledger.read_any(str(past)) == released
    assert project.run(shout_job(project)).record.inputs[0].content == before.outputs[0].content


def test_a_result_that_is_kept_is_reused_where_it_is_needed(project: GreetingProject) -> None:
    record = project.run(project.job()).record
    decision = decide_reuse(project.ledger, None, record, project.job, lambda _: {}, needed_by=SHOUT)
    assert (decision.action, decision.record) == (ReuseAction.REUSE, record)


def test_a_result_is_copied_from_the_cache_although_its_inputs_were_released(project: GreetingProject) -> None:
    cache = SharedCache(STORE, str(project.folder / "cache"))
    greeting = greet(project)
    shout = project.run(shout_job(project)).record
    original = project.folder / "elsewhere" / "expt" / "expt.shout.txt"
    STORE.copy(shout.outputs[0].uri, str(original))
    file = replace(shout.outputs[0], uri=str(original), stamp=STORE.stat(str(original)).stamp)
    cache.add(shout.model_copy(update={"outputs": (file,)}))
    release_greeting(project, greeting)
    project.ledger.withdraw(shout)
    decision = project.decide(shout_job(project), cache)
    assert decision.action is ReuseAction.COPY
    copied = copy_shared_result(project.ledger, decision)
    assert copied is not None
    assert Path(copied.record.outputs[0].uri).read_text() == "HELLO WORLD"
    assert not project.greeting.exists()


def test_a_result_in_s3(s3: str) -> None:
    ledger = Ledger(STORE, f"{s3}/run7")
    make_result(ledger, "marked_bam", "expt", "expt.bam", "expt.metrics.txt")
    before = ledger.read(ResultKey("marked_bam", "expt"))
    assert before is not None
    assert release(ledger, Releasable(before, {"bam"}, (), "used"), NOW)
    after = ledger.read(before.key)
    assert after is not None
    assert [(file.key, file.released) for file in after.outputs] == [("bam", NOW), ("txt", None)]
    assert [STORE.exists(file.uri) for file in after.outputs] == [False, True]
    assert ledger.check_files(after).damage == ""


def _outputs(record: Record) -> tuple[Output, ...]:
    locals_ = {"text": "greeting.txt", "letters": "letters.txt"}
    return tuple(Output(file.key, locals_[file.key], file.uri) for file in record.outputs)
