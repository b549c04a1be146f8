"""The tools that `make install` installs, that jobs use, and that messages name are the same."""

import ast
import hashlib
import os
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from bioinfo_assets.launch.tools import TOOLS
from bioinfo_assets.steps.reference import Aligner

CLONE: Final = Path(__file__).parent.parent
LISTS: Final = CLONE / "docker" / "tools"
PROGRAMS_BEHIND_TOOLS: Final = {"java", "openssl", "python3"}
TRANSPORT: Final = {"curl": "curl", "s5cmd": "s5cmd"}
"""The programs that move files in and out of containers: package by command."""


def debian() -> Mapping[str, str]:
    """The packages of each command in the list of tools from Debian."""
    lists = (LISTS / name for name in ("debian.txt", "debian-gatk.txt"))
    lines = [line for file in lists for line in file.read_text(encoding="utf-8").splitlines()]
    rows = [line.split(maxsplit=2) for line in lines if not line.startswith("#")]
    return {command: packages.replace(",", " ") for command, packages, _why in rows}


def built() -> set[str]:
    """The programs that are compiled from this project's sources."""
    makefile = (CLONE / "engine" / "Makefile").read_text(encoding="utf-8")
    return {name for name in TOOLS if f"/{name}: " in makefile}


def wrappers() -> set[str]:
    return {path.name for path in (LISTS / "bin").iterdir()}


def from_pypi() -> set[str]:
    groups = tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    packages = {requirement.split("==")[0] for requirement in groups["tools"]}
    return {command for command in TOOLS if TRANSPORT.get(command, command) in packages}


def used_by_steps() -> set[str]:
    """The commands that steps declare as the tools of their jobs."""
    sources = (path.read_text(encoding="utf-8") for path in (CLONE / "bioinfo_assets" / "steps").glob("*.py"))
    calls = [node for source in sources for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    values = [keyword.value for call in calls for keyword in call.keywords if keyword.arg == "tools"]
    words = {node.value for value in values for node in ast.walk(value) if isinstance(node, ast.Constant)}
    return {word for word in words if isinstance(word, str)} | set(Aligner)


def test_every_tool_that_a_job_uses_is_installed() -> None:
    assert used_by_steps() <= {*debian(), *wrappers(), *from_pypi(), *built(), Aligner.BWA_MEM2}


def test_every_tool_that_is_installed_is_used() -> None:
    installed = {*debian(), *wrappers(), *from_pypi(), *built()}
    assert installed - PROGRAMS_BEHIND_TOOLS - TRANSPORT.keys() <= used_by_steps()


def test_every_package_of_the_group_tools_is_a_tool_with_a_known_version() -> None:
    groups = tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    assert len(from_pypi()) == len(groups["tools"])


def test_the_programs_that_move_files_are_in_the_image() -> None:
    assert TRANSPORT.keys() <= {*debian(), *from_pypi()}


@pytest.mark.parametrize("command", sorted(set(debian()) - PROGRAMS_BEHIND_TOOLS - TRANSPORT.keys()))
def test_messages_name_the_packages_of_the_list(command: str) -> None:
    assert TOOLS[command].install == f"apt-get install {debian()[command]}"


def test_the_list_of_jars_names_each_once_with_the_documented_versions() -> None:
    rows = [line.split("  ") for line in (LISTS / "gatk" / "SHA256SUMS").read_text(encoding="utf-8").splitlines()]
    names = [name for _digest, name in rows]
    assert all(len(digest) == 64 for digest, _name in rows)
    assert len(names) == len(set(names))
    assert {"gatk-4.6.2.0.jar", "picard-3.4.0.jar"} <= set(names)


def run(*command: str | Path, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": path, "HOME": os.environ.get("HOME", "/")},
    )


def machine_with(folder: Path, commands: str) -> str:
    """A PATH with these commands only."""
    folder.mkdir()
    for command in commands.split():
        (folder / command).symlink_to(shutil.which(command) or command)
    return str(folder)


@pytest.mark.parametrize(
    ("lists", "java"),
    [((), ""), (("debian-gatk.txt",), "default-jre-headless maven")],
    ids=["default", "with GATK"],
)
def test_without_permission_to_install_one_sentence_lists_what_is_missing_and_how_to_get_it(
    tmp_path: Path, lists: tuple[str, ...], java: str
) -> None:
    tools = shutil.copytree(LISTS, tmp_path / "clone" / "docker" / "tools")
    path = machine_with(tmp_path / "bin", "bash cmp dirname grep id paste readlink samtools sort tr xargs")
    done = run(tools / "install.sh", *(tools / name for name in lists), path=path)
    words = (
        "bwa ca-certificates curl fastp gcc libc6-dev libhts-dev make mosdepth openssl python3 python3-venv "
        f"r-base-core tabix {java}"
    )
    packages = " ".join(sorted(words.split()))
    assert done.returncode == 1
    assert done.stderr == (
        f"make install: not found on this machine: {packages}; install them "
        f"(on Debian: sudo apt-get install --yes --no-install-recommends {packages}) and run this again.\n"
    )
    assert not (tmp_path / "clone" / ".tools").exists()


@pytest.mark.parametrize(("lists", "is_own_enough"), [((), True), (("debian-test.txt",), False)], ids=["user", "tests"])
def test_tests_need_the_locked_gatk_and_a_user_may_have_another(
    tmp_path: Path, lists: tuple[str, ...], *, is_own_enough: bool
) -> None:
    tools = shutil.copytree(LISTS, tmp_path / "clone" / "docker" / "tools")
    path = machine_with(tmp_path / "bin", "bash cat cmp dirname grep id mkdir paste readlink samtools sort tr xargs")
    for name in ("gatk", "picard"):
        program(tmp_path / "bin" / name, "echo 'The Genome Analysis Toolkit (GATK) v4.6.1.0'")
    done = run(tools / "install.sh", tools / "debian-gatk.txt", *(tools / name for name in lists), path=path)
    missing = done.stderr.splitlines()[-1].split(":")[2].split(";")[0].split()
    assert ("maven" not in missing) is is_own_enough


SCRIPTS: Final = [
    *LISTS.glob("**/*.sh"),
    *(LISTS / "bin").iterdir(),
    *(CLONE / "deploy" / "compose").glob("*.sh"),
    CLONE / "docker" / "engine.sh",
    CLONE / ".ci" / "run",
]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: str(script.relative_to(CLONE)))
def test_shellcheck_reports_nothing(script: Path) -> None:
    assert run("shellcheck", script).stdout == ""


def program(file: Path, script: str) -> str:
    """Write a bash program, and return a PATH on which it is found first."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/bash\n{script}\n", encoding="utf-8")
    file.chmod(0o755)
    return f"{file.parent}:{os.environ['PATH']}"


FETCH_A_WRONG_JAR: Final = """
for word; do [[ $word != -DoutputDirectory=* ]] || folder=${word#*=}; done
mkdir "$folder" && echo "not a jar" > "$folder/gatk-4.6.2.0.jar"
"""


def test_a_wrong_jar_is_rejected_and_nothing_is_installed(tmp_path: Path) -> None:
    path = program(tmp_path / "bin" / "mvn", FETCH_A_WRONG_JAR)
    done = run(LISTS / "gatk" / "install.sh", tmp_path / "tools", path=path)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("gatk: not the jars that docker/tools/gatk/SHA256SUMS expects: ")
    assert "gatk-4.6.2.0.jar" in last
    assert not (tmp_path / "tools" / "gatk").exists()


@pytest.mark.parametrize("wrapper", sorted(wrappers()))
def test_a_wrapper_finds_its_jars_through_links_and_passes_arguments_unchanged(tmp_path: Path, wrapper: str) -> None:
    prefix = tmp_path / "a place"
    shutil.copytree(LISTS / "bin", prefix / "bin")
    link = tmp_path / wrapper
    link.symlink_to(prefix / "bin" / wrapper)
    path = program(tmp_path / "java" / "java", "printf '%s\\n' \"$@\"")
    words = run(link, "Tool", "two words", path=path).stdout.splitlines()
    assert words[words.index("-cp") + 1] == f"{prefix}/gatk/lib/*"
    assert words[-2:] == ["Tool", "two words"]


def release(folder: Path, program: str = "bwa-mem2") -> tuple[str, str]:
    """Write an archive like bwa-mem2's releases, and return its address and digest."""
    content = folder / "bwa-mem2-9.9_x64-linux"
    content.mkdir(parents=True)
    for name in (program, f"{program}.avx2"):
        (content / name).write_text("#!/bin/sh\necho 9.9\n", encoding="utf-8")
        (content / name).chmod(0o755)
    (content / "README.md").write_text("about it", encoding="utf-8")
    archive = folder / "release.tar.bz2"
    subprocess.run(["tar", "-cjf", archive, "-C", folder, content.name], check=True)
    return archive.as_uri(), hashlib.sha256(archive.read_bytes()).hexdigest()


def test_bwa_mem2_is_installed_from_the_release_with_the_given_digest(tmp_path: Path) -> None:
    done = run(LISTS / "bwa-mem2.sh", tmp_path / "bin", *release(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in (tmp_path / "bin").iterdir()} == {"bwa-mem2", "bwa-mem2.avx2"}
    assert run(tmp_path / "bin" / "bwa-mem2").stdout == "9.9\n"


def test_without_an_address_bwa_mem2_is_left_out(tmp_path: Path) -> None:
    done = run(LISTS / "bwa-mem2.sh", tmp_path / "bin", "", "")
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "bin").exists()


@pytest.mark.parametrize(
    ("digest", "sentence"),
    [
        (
            "0" * 64,
            "bwa-mem2: {url} has the SHA-256 {right}, not " + "0" * 64 + ": check BWA_MEM2_URL and BWA_MEM2_SHA256.\n",
        ),
        ("", "bwa-mem2: {url} has no SHA-256: set BWA_MEM2_SHA256 to its 64 digits.\n"),
        ("A1", "bwa-mem2: A1 is not a SHA-256: set BWA_MEM2_SHA256 to the 64 digits (0-9, a-f) of {url}.\n"),
    ],
)
def test_a_release_of_bwa_mem2_with_another_digest_is_rejected(tmp_path: Path, digest: str, sentence: str) -> None:
    url, right = release(tmp_path)
    done = run(LISTS / "bwa-mem2.sh", tmp_path / "bin", url, digest)
    assert (done.returncode, done.stderr) == (1, sentence.format(url=url, right=right))
    assert not (tmp_path / "bin").exists()


def test_a_release_without_the_program_is_rejected(tmp_path: Path) -> None:
    url, digest = release(tmp_path, program="minimap2")
    done = run(LISTS / "bwa-mem2.sh", tmp_path / "bin", url, digest)
    assert (done.returncode, done.stderr) == (1, f"bwa-mem2: {url} contains no program bwa-mem2.\n")
