"""`prepare-samples`, and the output path of `demo`."""

import gzip
import shlex
from pathlib import Path

from bioinfo_assets_tests.cli.commands import call, take_lanes, write_pair
from bioinfo_assets_tests.data_sets import na12878


def test_a_folder_of_fastqs(tmp_path: Path) -> None:
    source = take_lanes(tmp_path / "from", "HJYFJ_L4", "HJYFJ_L5")
    result = call("prepare-samples", "--output-path", tmp_path / "out", "--from", source)
    assert result.exit_code == 0
    folder = tmp_path / "out" / "samples" / "NA12878"
    assert (tmp_path / "out" / "samples.txt").read_text() == f"{folder}\n"
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {
        file.name: file.read_bytes() for file in na12878().fastqs.glob("NA12878_HJYFJ_L[45]_*")
    }


def test_a_folder_of_samples(tmp_path: Path) -> None:
    for sample in ("a", "b"):
        write_pair(tmp_path / "from" / sample, sample)
    call("prepare-samples", "--output-path", tmp_path / "out", "--from", tmp_path / "from")
    folders = (tmp_path / "out" / "samples.txt").read_text().splitlines()
    assert folders == [str(tmp_path / "out" / "samples" / sample) for sample in ("a", "b")]
    assert all(len(list(Path(folder).iterdir())) == 2 for folder in folders)


def test_no_file_is_replaced(tmp_path: Path) -> None:
    """Neither a samples file of the user, nor FASTQs of the same name; the same command again is no mistake."""
    write_pair(tmp_path / "from" / "a", "a")
    words = ("prepare-samples", "--output-path", tmp_path / "out", "--from", tmp_path / "from")
    assert [call(*words).exit_code for _ in range(2)] == [0, 0]

    (reads, *_) = sorted((tmp_path / "out" / "samples" / "a").iterdir())
    reads.write_bytes(gzip.compress(b"of the user"))
    refused = call(*words)
    assert (refused.exit_code, str(reads) in refused.stderr) == (2, True)
    assert gzip.decompress(reads.read_bytes()) == b"of the user"

    reads.unlink()
    samples_file = tmp_path / "out" / "samples.txt"
    samples_file.write_text("/other/folder\n")
    refused = call(*words)
    assert (refused.exit_code, f"{samples_file} exists" in refused.stderr) == (2, True)
    assert not reads.exists()


def test_a_folder_without_fastqs(tmp_path: Path) -> None:
    result = call("prepare-samples", "--output-path", tmp_path / "out", "--from", tmp_path)
    assert result.exit_code == 2
    assert str(tmp_path) in result.stderr
    assert not (tmp_path / "out").exists()


def test_the_next_command_runs_the_simulated_samples(tmp_path: Path) -> None:
    result = call("prepare-samples", "--output-path", tmp_path)
    assert result.exit_code == 0
    command = shlex.split(result.stdout.splitlines()[-1].removeprefix("Next: "))
    options = list(zip(command[2::2], command[3::2], strict=True))
    assert [name for name, _ in options] == [
        *("--samples-file", "--output-path", "--reference", "--known-sites", "--known-sites"),
    ]
    assert all(Path(path).exists() for _, path in options)
    assert all(Path(f"{path}.tbi").exists() for name, path in options if name == "--known-sites")
    added = call("samples", "add", tmp_path / "samples.txt", "--output-path", tmp_path)
    assert [line.partition(",")[2] for line in added.stdout.splitlines()] == [" 4 lanes", " 4 lanes"]


def test_a_remote_demo_needs_a_local_home() -> None:
    result = call("demo", "--output-path", "s3://bucket/demo")
    assert result.exit_code == 2
    assert "s3://bucket/demo" in result.stderr


def test_the_next_command_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    project = tmp_path / "my samples"
    result = call("prepare-samples", "--output-path", project)
    words = shlex.split(result.stdout.partition("Next: ")[2])
    assert words[1:6] == ["run", "--samples-file", f"{project}/samples.txt", "--output-path", str(project)]
    assert words[6::2] == ["--reference", "--known-sites", "--known-sites"]
    assert all(Path(word).is_file() for word in words[7::2])
