"""The script that sets up /scratch when a machine starts, run with fake commands that log their arguments."""

import subprocess
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest

from bioinfo_assets_tests.deploy.stack import template

MIME = template()["Mappings"]["Machine"]["UserData"]["Mime"]
STORE = "Amazon EC2 NVMe Instance Storage"
VOLUME = "Amazon Elastic Block Store"
CHANGES = ("mdadm", "mkfs.xfs", "mkdir", "mount", "chmod", "systemctl", "dnf", "iptables", "udevadm", "logger")
BLOCKED = "iptables --insert OUTPUT --destination 169.254.169.254 --match owner ! --uid-owner root --jump REJECT"


def archive_parts() -> list[Message]:
    parts = message_from_string(MIME).get_payload()
    assert isinstance(parts, list)
    return [part for part in parts if isinstance(part, Message)]


def script() -> str:
    (part,) = archive_parts()
    return str(part.get_payload())


@dataclass
class Machine:
    """A machine whose `lsblk` prints files, and whose other commands only log their arguments.

    Attributes:
        folder: Holds commands, disks and the log.
        stderr: What the script wrote to stderr.
    """

    folder: Path
    stderr: str = ""

    def __post_init__(self) -> None:
        self.bin.mkdir()
        for name in CHANGES:
            self.command(name, f'echo "{name} $*" >>"{self.folder}/log"')
        # `lsblk --nodeps … NAME,MODEL` lists disks; with a device it lists that and its partitions.
        self.command(
            "lsblk",
            f'if [[ $* == *--nodeps* ]]; then cat "{self.folder}/disks"; else cat "{self.folder}/${{@: -1}}"; fi',
        )
        for name in ("awk", "tr", "cat", "bash"):
            (self.bin / name).symlink_to(f"/usr/bin/{name}")
        (self.folder / "disks").touch()

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    def command(self, name: str, text: str) -> None:
        (self.bin / name).write_text(f"#!/bin/bash\n{text}\n")
        (self.bin / name).chmod(0o755)

    def disk(self, device: str, model: str, *rows: str) -> None:
        """Add a disk; `rows` are type, file system and mount point of the disk and of its partitions."""
        with (self.folder / "disks").open("a") as disks:
            disks.write(f"{device} {model}\n")
        listing = self.folder / device.lstrip("/")
        listing.parent.mkdir(exist_ok=True)
        listing.write_text("".join(f"{row}\n" for row in rows))

    def start(self) -> tuple[int, list[str]]:
        """Run the script; return its exit code and the commands that change something."""
        completed = subprocess.run(
            ["/bin/bash", "-c", script()],
            check=False,
            env={"PATH": str(self.bin)},
            capture_output=True,
            text=True,
            timeout=30,
        )
        self.stderr = completed.stderr
        log = self.folder / "log"
        return completed.returncode, log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.disk("/dev/nvme0n1", VOLUME, "disk", "part xfs /", "part", "part vfat /boot/efi")
    return machine


def refusal(reason: str) -> list[str]:
    """The commands of a machine that takes no jobs."""
    return [
        f"logger --tag bioinfo-assets scratch: {reason}; this machine takes no jobs and powers off",
        "systemctl mask --now ecs",
        "systemctl poweroff",
    ]


def scratch_commands(device: str) -> list[str]:
    return [
        f"mkfs.xfs -f -q {device}",
        "mkdir -p /scratch",
        f"mount -o noatime {device} /scratch",
        "chmod 1777 /scratch",
    ]


def test_the_user_data_is_a_mime_archive_of_one_shell_script() -> None:
    archive = message_from_string(MIME)
    assert archive.get_content_type() == "multipart/mixed"
    assert archive["MIME-Version"] == "1.0"
    assert [part.get_content_type() for part in archive_parts()] == ["text/x-shellscript"]
    assert (archive.epilogue or "").strip() == ""
    assert script().startswith("#!/bin/bash\n")
    assert MIME.isascii()


def test_shellcheck_finds_no_problem() -> None:
    completed = subprocess.run(["shellcheck", "-"], check=False, input=script(), capture_output=True, text=True)
    assert (completed.returncode, completed.stdout) == (0, "")


def test_a_single_instance_store_disk_is_used_directly(machine: Machine) -> None:
    machine.disk("/dev/nvme1n1", STORE, "disk")
    assert machine.start() == (0, ["udevadm settle", *scratch_commands("/dev/nvme1n1"), BLOCKED])


def test_several_instance_store_disks_are_combined(machine: Machine) -> None:
    for number in (1, 2, 3):
        machine.disk(f"/dev/nvme{number}n1", STORE, "disk")
    array = "mdadm --create /dev/md0 --run --level=0 --raid-devices=3 /dev/nvme1n1 /dev/nvme2n1 /dev/nvme3n1"
    assert machine.start() == (0, ["udevadm settle", array, *scratch_commands("/dev/md0"), BLOCKED])


def test_mdadm_is_installed_where_it_is_missing(machine: Machine) -> None:
    for number in (1, 2):
        machine.disk(f"/dev/nvme{number}n1", STORE, "disk")
    mdadm, dnf = machine.bin / "mdadm", machine.bin / "dnf"
    mdadm.rename(machine.folder / "mdadm")
    machine.command("dnf", f'{dnf.read_text()}\n/bin/mv "{machine.folder}/mdadm" "{mdadm}"')
    code, commands = machine.start()
    assert (code, commands[1]) == (0, "dnf install --assumeyes --quiet mdadm")
    assert commands[2].startswith("mdadm --create /dev/md0 ")


def test_the_instance_store_is_preferred_to_a_volume(machine: Machine) -> None:
    machine.disk("/dev/nvme1n1", VOLUME, "disk")
    machine.disk("/dev/nvme2n1", STORE, "disk")
    assert scratch_commands("/dev/nvme2n1")[0] in machine.start()[1]


def test_without_an_instance_store_the_empty_volume_is_used(machine: Machine) -> None:
    machine.disk("/dev/nvme1n1", VOLUME, "disk")
    assert machine.start() == (0, ["udevadm settle", *scratch_commands("/dev/nvme1n1"), BLOCKED])


@pytest.mark.parametrize("row", ["disk ext4", "disk xfs /data"], ids=["a file system", "mounted"])
def test_a_volume_that_is_not_empty_is_never_overwritten(machine: Machine, row: str) -> None:
    machine.disk("/dev/nvme1n1", VOLUME, row)
    code, commands = machine.start()
    assert (code, commands) == (1, ["udevadm settle", *refusal("there is no disk for it")])
    assert machine.stderr == "scratch: there is no disk for it; this machine takes no jobs and powers off\n"


def test_a_machine_without_a_scratch_disk_powers_off(machine: Machine) -> None:
    assert machine.start() == (1, ["udevadm settle", *refusal("there is no disk for it")])


@pytest.mark.parametrize("broken", ["logger", "systemctl"])
def test_it_powers_off_even_if_a_command_fails_before(machine: Machine, broken: str) -> None:
    log = machine.folder / "log"
    machine.command(broken, f'echo "{broken} $*" >>"{log}"; [[ $1 == poweroff ]]')
    assert machine.start() == (1, ["udevadm settle", *refusal("there is no disk for it")])


@pytest.mark.parametrize("name", ["mkfs.xfs", "mount", "iptables"])
def test_a_machine_on_which_a_command_fails_powers_off(machine: Machine, name: str) -> None:
    machine.disk("/dev/nvme1n1", STORE, "disk")
    machine.command(name, "exit 3")
    code, commands = machine.start()
    line = next(number for number, text in enumerate(script().splitlines(), 1) if text.startswith(f"{name} "))
    assert (code, commands[-3:]) == (1, refusal(f"line {line} failed"))


def test_a_machine_whose_disks_cannot_be_listed_powers_off(machine: Machine) -> None:
    machine.command("lsblk", "exit 1")
    line = next(number for number, text in enumerate(script().splitlines(), 1) if text.startswith("names="))
    assert machine.start() == (1, ["udevadm settle", *refusal(f"line {line} failed")])
