"""A result is made once, found again while it is whole, and published whole or not at all."""

import hashlib
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from bioinfo_assets.errors import BioinfoAssetsError, JobError, ResourceError
from bioinfo_assets.launch.job import Input, Output, Resources
from bioinfo_assets.launch.publish import publish
from bioinfo_assets.launch.tools import tool_versions
from bioinfo_assets.records import commit as commit_module
from bioinfo_assets.records.commit import commit, submit
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets_tests.records.greeting_project import GreetingProject


def test_a_result_is_its_files_and_their_record(project: GreetingProject) -> None:
    made = project.run(project.job())

    assert not made.reused
    assert project.greeting.read_text() == "hello world"
    file = made.record.outputs[0]
    assert (file.uri, file.size) == (str(project.greeting), 11)
    assert file.sha256 == hashlib.sha256(b"hello world").hexdigest()
    assert made.record.facts == {"letters": "11"}
    assert project.ledger.read(ResultKey("greeting", "expt")) == made.record


def test_the_record_says_what_was_read_and_run(project: GreetingProject) -> None:
    record = project.run(project.job(tools=("bgzip",), parameters={"loud": True, "tones": (1, 2)})).record

    assert [(item.local, item.uri) for item in record.inputs] == [("name.txt", str(project.folder / "name.txt"))]
    assert record.inputs[0].content == "sha256:" + hashlib.sha256(b"world").hexdigest()
    assert "hello" in record.script
    assert set(record.tools) == {"bgzip"}
    assert record.backend == "local"
    assert record.parameters == {"loud": True, "tones": (1, 2)}
    assert record.started <= record.finished


def test_the_same_job_again_is_found(project: GreetingProject) -> None:
    first = project.run(project.job())
    again = project.run(project.job())

    assert again.reused
    assert again.record == first.record


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"version": "2"}, "step version (1, now 2)"),
        ({"script": "cp name.txt greeting.txt"}, "script"),
        ({"parameters": {"loud": True}}, "parameters (loud)"),
        ({"tools": ("bgzip",)}, f"tools (bgzip none, now {tool_versions(['bgzip'], os.environ['PATH'])['bgzip']})"),
    ],
    ids=["version", "script", "parameters", "tools"],
)
def test_what_could_change_the_result_makes_it_again(project: GreetingProject, other: dict[str, object], named: str) -> None:
    project.run(project.job())

    wanted = project.decide(project.job(**other))

    assert wanted.record is None
    assert wanted.reason == f"changed: {named}"


def test_a_changed_input_makes_it_again_and_is_named(project: GreetingProject) -> None:
    project.run(project.job())

    other = project.job(inputs=(Input("name.txt", project.write_name("moon")),))

    assert project.decide(other).reason == "changed: inputs (name.txt)"


def test_where_and_with_how_much_it_runs_changes_nothing(project: GreetingProject) -> None:
    project.run(project.job())

    moved = project.folder / "elsewhere.txt"
    moved.write_text("world")
    same = project.job(
        resources=Resources(cpus=2, memory_mib=64),
        inputs=(Input("name.txt", replace(project.write_name(), uri=str(moved))),),
    )

    assert project.decide(same).record is not None


def test_a_missing_output_is_made_again(project: GreetingProject) -> None:
    project.run(project.job())
    project.greeting.unlink()

    assert project.decide(project.job()).reason == f"{project.greeting} is gone"
    assert not project.run(project.job()).reused
    assert project.greeting.read_text() == "hello world"


def test_a_changed_output_of_the_same_length_is_made_again(project: GreetingProject) -> None:
    project.run(project.job())
    project.greeting.write_text("HELLO world")

    assert "was changed" in project.decide(project.job()).reason


def test_a_copied_output_with_another_time_is_still_whole(project: GreetingProject) -> None:
    project.run(project.job())
    os.utime(project.greeting, (1, 1))

    again = project.run(project.job())

    assert again.reused
    assert again.record.outputs[0].stamp == project.ledger.store.stat(str(project.greeting)).stamp
    assert project.ledger.read(ResultKey("greeting", "expt")) == again.record


def test_a_record_that_is_replaced_stays_readable(project: GreetingProject) -> None:
    first = project.run(project.job())
    project.run(project.job(version="2"))

    past = list((project.folder / "output" / "expt" / "records" / "history").iterdir())
    assert [file.name.split(".")[0] for file in past] == ["greeting"]
    assert first.record.fingerprint in past[0].read_text()


def test_files_that_the_new_result_has_not_are_removed(project: GreetingProject) -> None:
    table = project.greeting.with_name("expt.table.txt")
    two = (*project.job().outputs, Output("table", "table.txt", str(table)))
    project.run(project.job(script="cp name.txt greeting.txt; cp name.txt table.txt", outputs=two))
    assert table.exists()

    project.run(project.job())

    assert not table.exists()


def test_a_failed_job_publishes_nothing_and_keeps_the_last_result(project: GreetingProject) -> None:
    first = project.run(project.job())

    with pytest.raises(JobError, match=r"name\.txt is not a name: write one"):
        project.run(project.job(script='echo half > greeting.txt; fail "name.txt is not a name: write one"'))

    assert project.greeting.read_text() == "hello world"
    assert project.ledger.read(ResultKey("greeting", "expt")) == first.record


def test_an_input_that_was_rewritten_while_the_job_ran_gives_no_result(project: GreetingProject) -> None:
    """As long as before, so that only its time tells: what the record would say was read, was not."""
    began = project.folder / "began"
    job = project.job(script=f"touch {began}; while [[ -e {began} ]]; do sleep 0.05; done; cat name.txt > greeting.txt")
    run = submit(project.watcher, project.decide(job))
    while not began.exists():
        run.ticket.wait(0.05)
    project.write_name("WORLD")
    began.unlink()

    with pytest.raises(JobError, match=r"name\.txt was written again since the run began"):
        commit(project.ledger, project.backend, run)

    assert project.ledger.read(ResultKey("greeting", "expt")) is None
    assert not project.greeting.exists()


def test_an_input_that_was_rewritten_before_the_job_began_is_refused(project: GreetingProject) -> None:
    wanted = project.decide(project.job())
    project.write_name("WORLD")

    with pytest.raises(JobError, match=r"name\.txt was written again since the run began: start the run again"):
        commit(project.ledger, project.backend, submit(project.watcher, wanted))


def test_stamps_are_not_kept_over_a_record_that_another_process_wrote(project: GreetingProject) -> None:
    """Two processes on one sample: one reads a copied result's bytes while the other publishes a new one."""
    old = project.run(project.job()).record
    os.utime(project.greeting, (1, 1))
    verified = project.ledger.check_files(old).record
    new = project.run(project.job(version="2")).record

    assert not project.ledger.refresh_stamps(old, verified)

    assert project.ledger.read(ResultKey("greeting", "expt")) == new


def test_what_could_not_be_published_is_left_in_scratch(project: GreetingProject) -> None:
    """A full or read-only output: hours of work are not thrown away with it."""
    project.greeting.parent.parent.mkdir(parents=True)
    project.greeting.parent.write_text("a file where the sample's folder should be")

    with pytest.raises(BioinfoAssetsError) as failure:
        project.run(project.job())

    sentence = str(failure.value)
    kept = Path(sentence.split("what greeting-expt made is in ")[1].split(" until the next run", maxsplit=1)[0])
    assert (kept / "work" / "greeting.txt").read_text() == "hello world"


def test_a_missing_tool_is_told_before_anything_runs(project: GreetingProject) -> None:
    with pytest.raises(ResourceError, match="no-such-tool"):
        project.decide(project.job(tools=("no-such-tool",)))


def test_a_host_killed_while_publishing_leaves_no_result(project: GreetingProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the first and the last file: the files are there, the record is not, so nothing is reused."""
    project.run(project.job())

    def die(*args: object) -> None:
        publish(*args)
        raise SystemExit("killed")

    monkeypatch.setattr(commit_module, "publish", die)
    with pytest.raises(SystemExit):
        project.run(project.job(version="2"))
    monkeypatch.undo()

    assert project.decide(project.job(version="2")).reason == "not made yet"
    assert project.decide(project.job()).reason == "not made yet"
    assert not project.run(project.job()).reused


def test_a_host_killed_for_real_leaves_a_whole_result_or_none(tmp_path: Path) -> None:
    """A process makes one result after the other, and is killed at some moment: what is there is whole."""
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
    for patience in (1, 2, 3):
        folder = tmp_path / str(patience)
        folder.mkdir()
        host = subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True)
        assert host.stdout is not None
        for _ in range(patience):
            host.stdout.readline()
        host.kill()
        host.wait()
        host.stdout.close()
        _check_whole(folder)


def _check_whole(folder: Path) -> None:
    record = folder / "output" / "expt" / "records" / "greeting.json"
    if record.exists():
        greeting = (folder / "output" / "expt" / "expt.greeting.txt").read_bytes()
        assert hashlib.sha256(greeting).hexdigest() in record.read_text()
