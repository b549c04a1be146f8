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
from bioinfo_assets_tests.records.bench import Bench


def test_a_result_is_its_files_and_their_record(bench: Bench) -> None:
    made = bench.make(bench.job())

    assert not made.reused
    assert bench.greeting.read_text() == "hello world"
    file = made.record.outputs[0]
    assert (file.uri, file.size) == (str(bench.greeting), 11)
    assert file.sha256 == hashlib.sha256(b"hello world").hexdigest()
    assert made.record.facts == {"letters": "11"}
    assert bench.ledger.read(ResultKey("greeting", "expt")) == made.record


def test_the_record_says_what_was_read_and_run(bench: Bench) -> None:
    record = bench.make(bench.job(tools=("bgzip",), parameters={"loud": True, "tones": (1, 2)})).record

    assert [(item.local, item.uri) for item in record.inputs] == [("name.txt", str(bench.folder / "name.txt"))]
    assert record.inputs[0].content == "sha256:" + hashlib.sha256(b"world").hexdigest()
    assert "hello" in record.script
    assert set(record.tools) == {"bgzip"}
    assert record.backend == "local"
    assert record.parameters == {"loud": True, "tones": (1, 2)}
    assert record.started <= record.finished


def test_the_same_job_again_is_found(bench: Bench) -> None:
    first = bench.make(bench.job())
    again = bench.make(bench.job())

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
def test_what_could_change_the_result_makes_it_again(bench: Bench, other: dict[str, object], named: str) -> None:
    bench.make(bench.job())

    wanted = bench.check_reuse(bench.job(**other))

    assert wanted.record is None
    assert wanted.reason == f"changed: {named}"


def test_a_changed_input_makes_it_again_and_is_named(bench: Bench) -> None:
    bench.make(bench.job())

    other = bench.job(inputs=(Input("name.txt", bench.name("moon")),))

    assert bench.check_reuse(other).reason == "changed: inputs (name.txt)"


def test_where_and_with_how_much_it_runs_changes_nothing(bench: Bench) -> None:
    bench.make(bench.job())

    moved = bench.folder / "elsewhere.txt"
    moved.write_text("world")
    same = bench.job(
        resources=Resources(cpus=2, memory_mib=64),
        inputs=(Input("name.txt", replace(bench.name(), uri=str(moved))),),
    )

    assert bench.check_reuse(same).record is not None


def test_a_missing_output_is_made_again(bench: Bench) -> None:
    bench.make(bench.job())
    bench.greeting.unlink()

    assert bench.check_reuse(bench.job()).reason == f"{bench.greeting} is gone"
    assert not bench.make(bench.job()).reused
    assert bench.greeting.read_text() == "hello world"


def test_a_changed_output_of_the_same_length_is_made_again(bench: Bench) -> None:
    bench.make(bench.job())
    bench.greeting.write_text("HELLO world")

    assert "was changed" in bench.check_reuse(bench.job()).reason


def test_a_copied_output_with_another_time_is_still_whole(bench: Bench) -> None:
    bench.make(bench.job())
    os.utime(bench.greeting, (1, 1))

    again = bench.make(bench.job())

    assert again.reused
    assert again.record.outputs[0].stamp == bench.ledger.store.stat(str(bench.greeting)).stamp
    assert bench.ledger.read(ResultKey("greeting", "expt")) == again.record


def test_a_record_that_is_replaced_stays_readable(bench: Bench) -> None:
    first = bench.make(bench.job())
    bench.make(bench.job(version="2"))

    past = list((bench.folder / "output" / "expt" / "records" / "history").iterdir())
    assert [file.name.split(".")[0] for file in past] == ["greeting"]
    assert first.record.fingerprint in past[0].read_text()


def test_files_that_the_new_result_has_not_are_removed(bench: Bench) -> None:
    table = bench.greeting.with_name("expt.table.txt")
    two = (*bench.job().outputs, Output("table", "table.txt", str(table)))
    bench.make(bench.job(script="cp name.txt greeting.txt; cp name.txt table.txt", outputs=two))
    assert table.exists()

    bench.make(bench.job())

    assert not table.exists()


def test_a_failed_job_publishes_nothing_and_keeps_the_last_result(bench: Bench) -> None:
    first = bench.make(bench.job())

    with pytest.raises(JobError, match=r"name\.txt is not a name: write one"):
        bench.make(bench.job(script='echo half > greeting.txt; fail "name.txt is not a name: write one"'))

    assert bench.greeting.read_text() == "hello world"
    assert bench.ledger.read(ResultKey("greeting", "expt")) == first.record


def test_an_input_that_was_rewritten_while_the_job_ran_gives_no_result(bench: Bench) -> None:
    """As long as before, so that only its time tells: what the record would say was read, was not."""
    began = bench.folder / "began"
    job = bench.job(script=f"touch {began}; while [[ -e {began} ]]; do sleep 0.05; done; cat name.txt > greeting.txt")
    run = submit(bench.watcher, bench.check_reuse(job))
    while not began.exists():
        run.ticket.wait(0.05)
    bench.name("WORLD")
    began.unlink()

    with pytest.raises(JobError, match=r"name\.txt was rewritten since the run began"):
        commit(bench.ledger, bench.backend, run)

    assert bench.ledger.read(ResultKey("greeting", "expt")) is None
    assert not bench.greeting.exists()


def test_an_input_that_was_rewritten_before_the_job_began_is_refused(bench: Bench) -> None:
    wanted = bench.check_reuse(bench.job())
    bench.name("WORLD")

    with pytest.raises(JobError, match=r"name\.txt was rewritten since the run began: start the run again"):
        commit(bench.ledger, bench.backend, submit(bench.watcher, wanted))


def test_stamps_are_not_kept_over_a_record_that_another_process_wrote(bench: Bench) -> None:
    """Two processes on one sample: one reads a copied result's bytes while the other publishes a new one."""
    old = bench.make(bench.job()).record
    os.utime(bench.greeting, (1, 1))
    verified = bench.ledger.check_files(old).record
    new = bench.make(bench.job(version="2")).record

    assert not bench.ledger.refresh_stamps(old, verified)

    assert bench.ledger.read(ResultKey("greeting", "expt")) == new


def test_what_could_not_be_published_is_left_in_scratch(bench: Bench) -> None:
    """A full or read-only output: hours of work are not thrown away with it."""
    bench.greeting.parent.parent.mkdir(parents=True)
    bench.greeting.parent.write_text("a file where the sample's folder should be")

    with pytest.raises(BioinfoAssetsError) as failure:
        bench.make(bench.job())

    sentence = str(failure.value)
    kept = Path(sentence.split("what greeting-expt made is in ")[1].split(" until the next run", maxsplit=1)[0])
    assert (kept / "work" / "greeting.txt").read_text() == "hello world"


def test_a_missing_tool_is_told_before_anything_runs(bench: Bench) -> None:
    with pytest.raises(ResourceError, match="no-such-tool"):
        bench.check_reuse(bench.job(tools=("no-such-tool",)))


def test_a_host_killed_while_publishing_leaves_no_result(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the first and the last file: the files are there, the record is not, so nothing is reused."""
    bench.make(bench.job())

    def die(*args: object) -> None:
        publish(*args)
        raise SystemExit("killed")

    monkeypatch.setattr(commit_module, "publish", die)
    with pytest.raises(SystemExit):
        bench.make(bench.job(version="2"))
    monkeypatch.undo()

    assert bench.check_reuse(bench.job(version="2")).reason == "not made yet"
    assert bench.check_reuse(bench.job()).reason == "not made yet"
    assert not bench.make(bench.job()).reused


def test_a_host_killed_for_real_leaves_a_whole_result_or_none(tmp_path: Path) -> None:
    """A process makes one result after the other, and is killed at some moment: what is there is whole."""
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from bioinfo_assets_tests.records.bench import open_bench
        with open_bench(Path(sys.argv[1])) as bench:
            number = 0
            while True:
                number += 1
                bench.make(bench.job(version=str(number), script=f"echo {number} > greeting.txt"))
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
