"""What a run would do is told before it; a run that has nothing to do needs no Dagster, which knows all the same."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from bioinfo_assets.application.dagster_instance import open_instance
from bioinfo_assets.genomics.adapters import TRUSEQ_1, TRUSEQ_2
from bioinfo_assets_tests.cli.commands import Said, call, list_folders, write_pair

pytestmark = pytest.mark.xdist_group("explain")  # they share a project

READS = ("merged_reads", "trimmed_reads")
SELECTED = tuple(word for asset in READS for word in ("--select", asset))

ALONE = """
import sys
started = []
events = {"subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"}
sys.addaudithook(lambda event, arguments: started.append(event) if event in events else None)
from bioinfo_assets.cli.main import app
try:
    app(sys.argv[1:])
except SystemExit as end:
    imported = sorted(name for name in sys.modules if name.partition(".")[0].startswith("dagster"))
    print(end.code, started, imported[:3], file=sys.stderr)
"""
"""A command in a process that tells how it ended, which processes it started, and what it imported of Dagster."""


@dataclass(frozen=True)
class Reads:
    """A project of samples with a lane each, of which reads are merged and trimmed."""

    folder: Path

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def home(self) -> Path:
        return self.out / ".dagster"

    def run(self, *options: object) -> Said:
        return call("run", "--output-path", self.out, *SELECTED, *options)

    def ran(self, *options: object) -> dict[str, Any]:
        """The document of a run that went well."""
        said = self.run("--json", *options)
        assert said.exit_code == 0, said
        return dict(json.loads(said.stdout))

    def explained(self, *options: object) -> dict[tuple[str, str], dict[str, Any]]:
        said = self.run("--explain", "--json", *options)
        assert said.exit_code == 0, said
        return {(one.pop("asset"), one.pop("scope")): one for one in json.loads(said.stdout)}

    def states(self) -> dict[tuple[str, str], tuple[str, str | None]]:
        """What `status` tells of the reads."""
        said = call("status", "--output-path", self.out, "--json")
        assert said.exit_code == 0, said
        found = {(one["asset"], one["scope"]): (one["state"], one["problem"]) for one in json.loads(said.stdout)}
        return {place: found[place] for place in found if place[0] in READS}

    def alone(self, *words: object, env: Mapping[str, str]) -> Said:
        arguments = [sys.executable, "-c", ALONE, *map(str, words)]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False, env={**os.environ, **env})
        return Said(done.returncode, done.stdout, done.stderr)

    def fastq(self, sample: str, read: int = 1) -> Path:
        return self.folder / sample / f"{sample}_FC1_L1_{read}.fastq.gz"

    def record(self, asset: str, sample: str) -> dict[str, Any]:
        return dict(json.loads((self.out / sample / "records" / f"{asset}.json").read_text()))

    def known_to_dagster(self) -> dict[tuple[str, str], str]:
        """The code version with which Dagster knows each result."""
        found = {}
        with open_instance(self.home) as instance:
            for asset in READS:
                for sample in ("one", "two"):
                    wanted = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[sample])
                    for event in instance.fetch_materializations(wanted, limit=1).records:
                        assert event.asset_materialization is not None
                        found[asset, sample] = (event.asset_materialization.tags or {})["dagster/code_version"]
        return found


def new_project(folder: Path) -> Reads:
    for sample in ("one", "two"):
        write_pair(folder / sample, sample)
    list_folders(folder / "samples.txt", folder / "one", folder / "two")
    return Reads(folder)


def made_project(folder: Path) -> Reads:
    project = new_project(folder)
    told = project.ran("--samples-file", folder / "samples.txt")
    assert counts(told) == {"done": 4}
    return project


@pytest.fixture
def new(tmp_path: Path) -> Reads:
    """Nothing is made, and the project has no samples yet."""
    return new_project(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Reads:
    """All is made; tests leave it as it is."""
    return made_project(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def made(shared: Reads, tmp_path: Path) -> Iterator[Reads]:
    """The same for tests that change it: it is put back afterwards, with the times of its files."""
    shutil.copytree(shared.folder, tmp_path / "kept")
    yield shared
    shutil.rmtree(shared.folder)
    shutil.copytree(tmp_path / "kept", shared.folder)


def counts(told: Mapping[str, Any]) -> dict[str, int]:
    """Jobs by how they ended, as a run's document tells them."""
    states = [state for row in told["jobs"].values() for state in row if state != "total"]
    found = {state: sum(row[state] for row in told["jobs"].values()) for state in states}
    return {state: count for state, count in found.items() if count}


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file of a folder, what is in it, and when it was written."""
    return {
        str(path): (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["text", "json"])
def test_to_explain_a_new_project_writes_nothing(new: Reads, options: tuple[str, ...]) -> None:
    before = files(new.folder)
    said = new.run("--samples-file", new.folder / "samples.txt", "--explain", *options)
    assert said.exit_code == 0
    assert files(new.folder) == before


def test_what_a_run_of_a_new_project_would_make(new: Reads) -> None:
    said = new.run("--samples-file", new.folder / "samples.txt", "--explain")
    lines = said.stdout.splitlines()
    assert [line for line in lines if line] == [
        "one  merged_reads  made: not made yet",
        "two  merged_reads  made: not made yet",
        "one  trimmed_reads  made: not made yet",
        "two  trimmed_reads  made: not made yet",
        "4 made",
    ]


def test_the_whole_graph_of_a_new_project_is_explained_without_a_look_at_its_reference(new: Reads) -> None:
    """That is an address that nobody answers at."""
    said = call(
        *("run", "--output-path", new.out, "--samples-file", new.folder / "samples.txt", "--explain"),
        *("--reference", "http://127.0.0.1:9/genome.fa", "--known-sites", "http://127.0.0.1:9/sites.vcf.gz"),
    )
    assert said.exit_code == 0, said
    assert said.stdout.splitlines()[-1] == f"{3 + 2 * 8 + 1} made"


def test_a_mistake_is_told_as_by_a_run(new: Reads) -> None:
    before = files(new.folder)
    for words in (("--samples-file", new.folder / "none.txt"), ("--samples", "three"), ("--platform", "PAPER")):
        said = new.run("--explain", *words)
        assert (said.exit_code, said.stdout) == (2, "")
        assert len(said.stderr.strip().splitlines()) >= 1
        assert "Traceback" not in said.stderr
    assert files(new.folder) == before


def test_what_is_made_would_be_reused(shared: Reads) -> None:
    before = files(shared.folder)
    assert shared.explained() == {
        (asset, sample): {
            "would_be": "reused",
            "reason": None,
            "fingerprint": shared.record(asset, sample)["fingerprint"],
        }
        for asset in READS
        for sample in ("one", "two")
    }
    assert shared.run("--explain").stdout.splitlines()[-1] == "4 reused"
    assert files(shared.folder) == before


def test_a_setting_that_is_explained_is_not_kept(shared: Reads) -> None:
    before = files(shared.folder)
    told = shared.explained("--max-n", 0.25)
    assert {place: one["would_be"] for place, one in told.items()} == {
        ("merged_reads", "one"): "reused",
        ("merged_reads", "two"): "reused",
        ("trimmed_reads", "one"): "made",
        ("trimmed_reads", "two"): "made",
    }
    assert told["trimmed_reads", "one"]["reason"] == "changed: parameters (max_n), script"
    assert files(shared.folder) == before
    assert {one["would_be"] for one in shared.explained().values()} == {"reused"}


def test_what_would_come_of_changes_is_what_comes_of_them(made: Reads) -> None:
    write_pair(made.folder / "two", "two", pairs=30)
    Path(made.record("trimmed_reads", "one")["outputs"][0]["uri"]).unlink()
    told = made.explained()
    assert {place: one["would_be"] for place, one in told.items()} == {
        ("merged_reads", "one"): "reused",
        ("merged_reads", "two"): "made",
        ("trimmed_reads", "one"): "made",
        ("trimmed_reads", "two"): "undecided",
    }
    assert "inputs" in told["merged_reads", "two"]["reason"]
    assert told["trimmed_reads", "one"]["reason"].endswith(" is gone")
    assert told["trimmed_reads", "two"] == {
        "would_be": "undecided",
        "reason": "after merged_reads of two",
        "fingerprint": None,
    }
    assert counts(made.ran()) == {"cached": 1, "done": 3}


def test_a_fastq_that_is_gone_is_told_and_no_mistake(made: Reads) -> None:
    made.fastq("two").unlink()
    said = made.run("--explain")
    assert said.exit_code == 0
    assert f"two  merged_reads  blocked: {made.fastq('two')}" in said.stdout
    assert said.stdout.splitlines()[-1] == "2 reused, 2 blocked"


def test_a_run_that_has_nothing_to_do_imports_no_dagster_and_starts_no_process(made: Reads) -> None:
    """Programs are asked for their versions once, here by a user of a home of their own."""
    env, words = {"HOME": str(made.folder / "user")}, ("run", "--output-path", made.out, *SELECTED)
    assert "subprocess.Popen" in made.alone(*words, env=env).stderr.splitlines()[-1]
    before = files(made.folder)
    said = made.alone(*words, env=env)
    assert said.stderr.splitlines()[-1] == "0 [] []"
    assert ["ALL", "0", "0", "0", "4", "0", "4"] in [line.split() for line in said.stdout.splitlines()]
    assert {path: data for path, (data, _) in files(made.folder).items()} == {
        path: data for path, (data, _) in before.items()
    }


def test_the_document_of_a_run_that_has_nothing_to_do(shared: Reads) -> None:
    told = shared.ran()
    assert told["success"]
    assert (told["runs"], told["log"], told["failures"]) == ([], None, [])
    assert counts(told) == {"cached": 4}
    assert told["jobs"]["trimmed_reads"]["total"] == 2
    uris = {file["uri"] for file in shared.record("trimmed_reads", "one")["outputs"]}
    assert set(told["samples"]["one"]["trimmed_reads"]) <= uris
    assert told["samples"]["one"]["trimmed_reads"]


def test_a_part_of_what_dagster_knows_goes_by_dagster_once(made: Reads) -> None:
    """Dagster was told last of both samples: of one it is told again, and that is then the last."""
    assert made.ran("--samples", "one")["runs"]
    assert made.ran("--samples", "one")["runs"] == []


def test_dagster_is_told_where_that_is_not_known(made: Reads) -> None:
    (made.home / "history" / "told-to-dagster").unlink()
    told = made.ran()
    assert counts(told) == {"cached": 4}
    assert len(told["runs"]) == 1
    assert Path(told["log"]).exists()
    assert made.ran()["runs"] == []


@pytest.mark.parametrize("lost", [".", "history"], ids=["home", "database"])
def test_dagster_knows_all_again_after_a_loss(made: Reads, lost: str) -> None:
    before = made.known_to_dagster()
    assert set(before) == {(asset, sample) for asset in READS for sample in ("one", "two")}
    shutil.rmtree(made.home / lost)
    assert made.known_to_dagster() == {}
    assert counts(made.ran()) == {"cached": 4}
    assert made.known_to_dagster() == before


def test_a_run_that_fails_leaves_dagster_to_be_told_again(made: Reads) -> None:
    kept = made.fastq("two").read_bytes()
    made.fastq("two").unlink()
    assert made.run("--json").exit_code != 0
    made.fastq("two").write_bytes(kept)
    told = made.ran()
    assert counts(told) == {"cached": 4}
    assert made.ran()["runs"] == []


def test_a_fastq_that_was_touched_is_cached_still(made: Reads) -> None:
    os.utime(made.fastq("one"), (1e9, 1e9))
    assert counts(made.ran()) == {"cached": 4}
    assert made.ran()["runs"] == []


def test_dagster_is_told_of_a_fastq_that_was_another_for_a_while(made: Reads) -> None:
    """Whoever looked meanwhile, as Dagit's sensor does, may have told it of the other."""
    kept = made.fastq("one").read_bytes()
    made.fastq("one").write_bytes(gzip.compress(gzip.decompress(kept), 1, mtime=7))
    assert made.states()["merged_reads", "one"][0] == "stale"
    made.fastq("one").write_bytes(kept)
    told = made.ran()
    assert counts(told) == {"cached": 4}
    assert told["runs"]
    assert made.ran()["runs"] == []


def test_a_fastq_that_was_changed_is_seen(made: Reads) -> None:
    assert made.ran()["runs"] == []
    made.fastq("one").write_bytes(gzip.compress(gzip.decompress(made.fastq("one").read_bytes()), 1, mtime=7))
    assert counts(made.ran()) == {"done": 1, "cached": 3}


def test_dagster_is_told_of_a_setting_that_changes_no_result(made: Reads) -> None:
    """The adapters of TruSeq that are given as sequences are another setting, and the same adapters."""
    assert counts(made.ran("--truseq")) == {"cached": 2, "done": 2}
    before = made.known_to_dagster()
    spelt = ("--no-truseq", "--adapter-3p-1", TRUSEQ_1, "--adapter-3p-2", TRUSEQ_2)

    assert {one["would_be"] for one in made.explained(*spelt).values()} == {"reused"}
    told = made.ran(*spelt)

    assert counts(told) == {"cached": 4}
    assert told["runs"]
    after = made.known_to_dagster()
    assert {place for place in after if after[place] != before[place]} == {
        ("trimmed_reads", "one"),
        ("trimmed_reads", "two"),
    }
    assert made.ran()["runs"] == []


def test_status_of_what_is_made(shared: Reads) -> None:
    assert set(shared.states().values()) == {("made", None)}


def test_status_tells_what_is_stale_and_why(made: Reads) -> None:
    write_pair(made.folder / "two", "two", pairs=30)
    states = made.states()
    assert states["merged_reads", "one"] == states["trimmed_reads", "one"] == ("made", None)
    state, reason = states["merged_reads", "two"]
    assert (state, str(reason).startswith("changed: inputs (")) == ("stale", True)
    assert states["trimmed_reads", "two"] == ("stale", "after merged_reads of two")


def test_status_tells_what_is_damaged_and_not_stale(made: Reads) -> None:
    gone = made.record("merged_reads", "one")["outputs"][0]["uri"]
    Path(gone).unlink()
    states = made.states()
    assert states.pop(("merged_reads", "one")) == ("damaged", f"{gone} is gone")
    assert set(states.values()) == {("made", None)}
    said = call("status", "--output-path", made.out)
    assert f"merged_reads of one: {gone} is gone; run again to make it anew" in said.stdout.splitlines()


def test_status_tells_what_is_not_made_and_what_hinders_it(made: Reads) -> None:
    write_pair(made.folder / "three", "three")
    more = list_folders(made.folder / "more.txt", made.folder / "three")
    assert call("samples", "add", more, "--output-path", made.out).exit_code == 0
    assert made.states()["trimmed_reads", "three"] == ("not made", None)
    made.fastq("two").unlink()
    states = made.states()
    assert states["merged_reads", "two"][0] == "made"  # it is there, and nobody knows of other reads
    assert str(made.fastq("two")) in str(states["merged_reads", "two"][1])
