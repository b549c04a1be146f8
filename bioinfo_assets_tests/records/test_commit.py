"""A result is computed once, reused while it is intact, and published completely or not at all."""

import hashlib
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from bioinfo_assets.errors import BioinfoAssetsError, InputError, JobError, ResourceError
from bioinfo_assets.launch.backend import JobReport
from bioinfo_assets.launch.job import Input, Job, Output, Resources, StoredFile
from bioinfo_assets.launch.machine_limits import available_cpus
from bioinfo_assets.launch.machine_share import MachineShare, machine_folder
from bioinfo_assets.launch.tools import tool_versions
from bioinfo_assets.launch.transfer import HELD_BY_PROCESS, PublishLock, publish
from bioinfo_assets.records import commit as commit_module
from bioinfo_assets.records.commit import commit, submit, withdraw_previous
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.reuse import NOT_COMPUTED, ReuseAction, ReuseDecision
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.records.greeting_project import GREETING, GreetingProject, open_greeting_project
from bioinfo_assets_tests.servers import s3, s3_server
from bioinfo_assets_tests.waiting import wait_until

__all__ = ["s3", "s3_server"]  # fixtures


def test_a_result_consists_of_files_and_their_record(project: GreetingProject) -> None:
    result = project.run(project.job())

    assert not result.reused
    assert project.greeting.read_text() == "hello world"
    file = result.record.outputs[0]
    assert (file.uri, file.size) == (str(project.greeting), 11)
    assert file.sha256 == hashlib.sha256(b"hello world").hexdigest()
    assert result.record.facts == {"letters": "11"}
    assert project.ledger.read(GREETING) == result.record


def test_the_record_has_the_inputs_script_tools_and_parameters(project: GreetingProject) -> None:
    record = project.run(project.job(tools=("bgzip",), parameters={"loud": True, "tones": (1, 2)})).record

    assert [(item.local, item.uri) for item in record.inputs] == [("name.txt", str(project.folder / "name.txt"))]
    assert record.inputs[0].content == "sha256:" + hashlib.sha256(b"world").hexdigest()
    assert "hello" in record.script
    assert set(record.tools) == {"bgzip"}
    assert record.backend == "local"
    assert record.parameters == {"loud": True, "tones": (1, 2)}
    assert record.started <= record.finished


def test_the_result_of_the_same_job_is_reused(project: GreetingProject) -> None:
    first = project.run(project.job())
    again = project.run(project.job())

    assert again.reused
    assert again.record == first.record


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": "2"}, "step version (1, now 2)"),
        ({"script": "cp name.txt greeting.txt"}, "script"),
        ({"parameters": {"loud": True}}, "parameters (loud)"),
        ({"tools": ("bgzip",)}, f"tools (bgzip none, now {tool_versions(['bgzip'], os.environ['PATH'])['bgzip']})"),
    ],
    ids=["version", "script", "parameters", "tools"],
)
def test_whatever_could_change_the_result_requires_a_run(
    project: GreetingProject, changes: dict[str, object], reason: str
) -> None:
    project.run(project.job())

    decision = project.decide(project.job(**changes))

    assert decision.action is ReuseAction.RUN
    assert decision.record is None
    assert decision.reason == f"changed: {reason}"


def test_a_changed_input_is_the_reason_for_a_run(project: GreetingProject) -> None:
    project.run(project.job())

    changed = project.job(inputs=(Input("name.txt", project.write_name("moon")),))

    assert project.decide(changed).reason == "changed: inputs (name.txt)"


def test_resources_and_addresses_do_not_prevent_reuse(project: GreetingProject) -> None:
    project.run(project.job())

    moved = project.folder / "moved.txt"
    moved.write_text("world")
    job = project.job(
        resources=Resources(cpus=2, memory_mib=64),
        inputs=(Input("name.txt", replace(project.write_name(), uri=str(moved))),),
    )

    assert project.decide(job).action is ReuseAction.REUSE


def test_a_result_with_a_missing_output_is_computed_again(project: GreetingProject) -> None:
    project.run(project.job())
    project.greeting.unlink()

    assert project.decide(project.job()).reason == f"{project.greeting} is missing"
    assert not project.run(project.job()).reused
    assert project.greeting.read_text() == "hello world"


def test_a_result_with_a_changed_output_of_the_same_size_is_computed_again(project: GreetingProject) -> None:
    project.run(project.job())
    project.greeting.write_text("HELLO world")

    assert "its checksum differs" in project.decide(project.job()).reason


def test_an_output_with_another_time_and_the_same_bytes_is_intact(project: GreetingProject) -> None:
    project.run(project.job())
    os.utime(project.greeting, (1, 1))

    again = project.run(project.job())

    assert again.reused
    assert again.record.outputs[0].stamp == project.ledger.store.stat(str(project.greeting)).stamp
    assert project.ledger.read(GREETING) == again.record


def test_the_record_of_a_replaced_result_moves_to_the_history(project: GreetingProject) -> None:
    first = project.run(project.job())
    project.run(project.job(version="2"))

    past = list((project.folder / "output" / "expt" / "records" / "history").iterdir())
    assert [file.name.split(".")[0] for file in past] == ["greeting"]
    assert first.record.fingerprint in past[0].read_text()


def test_files_that_the_new_result_does_not_have_are_deleted(project: GreetingProject) -> None:
    table = project.greeting.with_name("expt.table.txt")
    two = (*project.job().outputs, Output("table", "table.txt", str(table)))
    project.run(project.job(script="cp name.txt greeting.txt; cp name.txt table.txt", outputs=two))
    assert table.exists()

    project.run(project.job())

    assert not table.exists()


def test_a_failed_job_publishes_nothing_and_keeps_the_previous_result(project: GreetingProject) -> None:
    first = project.run(project.job())

    with pytest.raises(JobError, match=r"name\.txt is not a name: write one"):
        project.run(project.job(script='echo half > greeting.txt; fail "name.txt is not a name: write one"'))

    assert project.greeting.read_text() == "hello world"
    assert project.ledger.read(GREETING) == first.record


def test_an_input_that_is_rewritten_while_the_job_runs_gives_no_result(project: GreetingProject) -> None:
    """It keeps its size, so that only its time differs: the record would name contents that the job did not read."""
    began = project.folder / "began"
    job = project.job(script=f"touch {began}; while [[ -e {began} ]]; do sleep 0.05; done; cat name.txt > greeting.txt")
    submitted = submit(project.ledger, project.watcher, project.decide(job))
    wait_until(began.exists, what="the job to begin")
    project.write_name("WORLD")
    began.unlink()

    with pytest.raises(JobError, match=r"name\.txt was rewritten since the run began"):
        commit(project.ledger, project.backend, submitted)

    assert project.ledger.read(GREETING) is None
    assert not project.greeting.exists()


def test_one_of_many_inputs_in_s3_that_is_rewritten_meanwhile_is_found(s3: str) -> None:
    """They are checked at the same time: a report on thousands of samples would wait for each for half an hour."""
    store, names = Store(), [f"sample{number}.txt" for number in range(40)]
    for name in names:
        store.write_bytes(f"{s3}/{name}", name.encode())
    stats = {name: store.stat(f"{s3}/{name}") for name in names}
    inputs = tuple(
        Input(name, StoredFile(f"{s3}/{name}", stat.size, "sha256:ab", stat.stamp)) for name, stat in stats.items()
    )
    decision = ReuseDecision(ReuseAction.RUN, NOT_COMPUTED, job=Job(GREETING, "1", "", inputs=inputs))
    ledger = Ledger(store, f"{s3}/run")
    assert withdraw_previous(ledger, decision, HELD_BY_PROCESS) is None
    store.write_bytes(f"{s3}/sample31.txt", b"SAMPLE31.txt")
    with pytest.raises(InputError, match=r"sample31\.txt was rewritten since the run began: start the run again"):
        withdraw_previous(ledger, decision, HELD_BY_PROCESS)


def test_an_input_that_is_rewritten_before_the_job_begins_fails_it(project: GreetingProject) -> None:
    decision = project.decide(project.job())
    project.write_name("WORLD")

    with pytest.raises(JobError, match=r"name\.txt was rewritten since the run began: start the run again"):
        commit(project.ledger, project.backend, submit(project.ledger, project.watcher, decision))


def test_refreshed_stamps_do_not_overwrite_the_record_of_another_process(project: GreetingProject) -> None:
    """Two processes on one sample: one reads a copied result's bytes while the other publishes a new one."""
    old = project.run(project.job()).record
    os.utime(project.greeting, (1, 1))
    checked = project.ledger.check_files(old).record
    new = project.run(project.job(version="2")).record

    assert not project.ledger.refresh_stamps(old, checked)

    assert project.ledger.read(GREETING) == new


def test_files_that_cannot_be_published_stay_in_scratch(project: GreetingProject) -> None:
    """Hours of work are not lost because the output is full or read-only."""
    project.greeting.parent.parent.mkdir(parents=True)
    project.greeting.parent.write_text("a file where the sample's folder should be")

    with pytest.raises(BioinfoAssetsError) as failure:
        project.run(project.job())

    sentence = str(failure.value)
    kept = Path(
        sentence.split("the files of greeting-expt are kept in ")[1].split(" until the next run", maxsplit=1)[0]
    )
    assert (kept / "work" / "greeting.txt").read_text() == "hello world"


def test_another_run_may_compute_what_could_not_be_published(project: GreetingProject) -> None:
    """Two runs that each wait for what the other could not publish would wait for ever."""
    project.greeting.parent.parent.mkdir(parents=True)
    project.greeting.parent.write_text("a file where the sample's folder should be")
    with pytest.raises(JobError):
        project.run(project.job())
    other = MachineShare(available_cpus(), 1_000_000_000, machine_folder())
    try:
        assert other.claim({"theirs": str(project.greeting)})
    finally:
        other.close()


def test_a_missing_tool_is_an_error_before_anything_runs(project: GreetingProject) -> None:
    with pytest.raises(ResourceError, match="no-such-tool"):
        project.decide(project.job(tools=("no-such-tool",)))


def test_a_host_that_is_killed_while_publishing_leaves_no_result(
    project: GreetingProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the files are published and before the record is written: without a record nothing is reused."""
    project.run(project.job())

    def die(store: Store, job: Job, report: JobReport, lock: PublishLock) -> None:
        publish(store, job, report, lock)
        raise SystemExit("killed")

    monkeypatch.setattr(commit_module, "publish", die)
    with pytest.raises(SystemExit):
        project.run(project.job(version="2"))
    monkeypatch.undo()

    assert project.decide(project.job(version="2")).reason == NOT_COMPUTED
    assert project.decide(project.job()).reason == NOT_COMPUTED
    assert not project.run(project.job()).reused


def test_a_killed_process_leaves_an_intact_result_or_none(tmp_path: Path) -> None:
    """A process computes one result after the other, and is killed at some moment."""
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from bioinfo_assets_tests.records.greeting_project import open_greeting_project
        with open_greeting_project(Path(sys.argv[1])) as project:
            number = 0
            while True:
                number += 1
                project.run(project.job(version=str(number), script=f"echo {number} > greeting.txt"))
                print(number, flush=True)
    """)
    for results in (1, 2, 3):
        folder = tmp_path / str(results)
        folder.mkdir()
        host = subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True)
        assert host.stdout is not None
        for _ in range(results):
            assert host.stdout.readline().strip().isdigit()
        host.kill()
        host.wait()
        host.stdout.close()
        with open_greeting_project(folder) as project:
            record = project.ledger.read(GREETING)
            if record is not None:
                assert project.ledger.check_files(record).damage == ""
            else:  # killed between the withdrawal of the last record and the next
                assert list((folder / "output" / "expt" / "records" / "history").glob("greeting.*.json"))
            assert not project.run(project.job()).reused
            assert project.greeting.read_text() == "hello world"
