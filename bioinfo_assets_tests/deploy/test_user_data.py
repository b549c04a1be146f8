"""The script that makes /scratch when a machine starts, run with commands that tell what they were asked."""

import subprocess
from dataclasses import dataclass
from email import message_from_string
from pathlib import Path

import pytest

from bioinfo_assets_tests.deploy.stack import template

MIME = template()["Mappings"]["Machine"]["UserData"]["Mime"]
STORE = "Amazon EC2 NVMe Instance Storage"
VOLUME = "Amazon Elastic Block Store"
CHANGES = ("mdadm", "mkfs.xfs", "mkdir", "mount", "chmod", "systemctl", "dnf", "iptables", "udevadm")
BLOCKED = "iptables --insert OUTPUT --destination 169.254.169.254 --match owner ! --uid-owner root --jump REJECT"


def script() -> str:
    (part,) = message_from_string(MIME).get_payload()
    return part.get_payload()


@dataclass
class Machine:
    """A machine whose disks are files that `lsblk` prints, and whose other commands are written down."""

    folder: Path

    def __post_init__(self):
        self.bin.mkdir()
        for name in CHANGES:
            self.command(name, f'echo "{name} $*" >>"{self.folder}/done"')
        # `lsblk --nodeps … NAME,MODEL` lists disks; with a device it lists that and its parts.
        self.command(
            "lsblk",
            f'if [[ $* == *--nodeps* ]]; then cat "{self.folder}/disks"; else cat "{self.folder}/${{@: -1}}"; fi',
        )
        for real in ("awk", "tr", "cat", "bash"):
            (self.bin / real).symlink_to(f"/usr/bin/{real}")
        (self.folder / "disks").touch()

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    def command(self, name: str, text: str) -> None:
        (self.bin / name).write_text(f"#!/bin/bash\n{text}\n")
        (self.bin / name).chmod(0o755)

    def disk(self, device: str, model: str, *rows: str) -> None:
        """A disk; `rows` are type, file system and mount point of it and of its partitions."""
        with (self.folder / "disks").open("a") as disks:
            disks.write(f"{device} {model}\n")
        listed = self.folder / device.lstrip("/")
        listed.parent.mkdir(exist_ok=True)
        listed.write_text("".join(f"{row}\n" for row in rows))

    def start(self) -> tuple[int, list[str]]:
        """Runs the script; gives its exit code and the commands that change something."""
        ended = subprocess.run(
            ["/bin/bash", "-c", script()],
            check=False,
            env={"PATH": str(self.bin)},
            capture_output=True,
            text=True,
            timeout=30,
        )
        self.said = ended.stderr
        done = self.folder / "done"
        return ended.returncode, done.read_text().splitlines() if done.exists() else []


@pytest.fixture
def machine(tmp_path):
    machine = Machine(tmp_path)
    machine.disk("/dev/nvme0n1", VOLUME, "disk", "part xfs /", "part", "part vfat /boot/efi")
    return machine


def made_of(device: str) -> list[str]:
    return [
        f"mkfs.xfs -f -q {device}",
        "mkdir -p /scratch",
        f"mount -o noatime {device} /scratch",
        "chmod 1777 /scratch",
    ]


def test_it_is_one_shell_script_in_an_archive_that_batch_can_add_to():
    archive = message_from_string(MIME)
    assert archive.get_content_type() == "multipart/mixed"
    assert archive["MIME-Version"] == "1.0"
    assert [part.get_content_type() for part in archive.get_payload()] == ["text/x-shellscript"]
    assert archive.epilogue.strip() == ""
    assert script().startswith("#!/bin/bash\n")
    assert MIME.isascii()


def test_shellcheck_finds_nothing():
    found = subprocess.run(["shellcheck", "-"], check=False, input=script(), capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "")


def test_the_one_disk_of_the_instance_store_is_taken_as_it_is(machine):
    machine.disk("/dev/nvme1n1", STORE, "disk")
    assert machine.start() == (0, ["udevadm settle", *made_of("/dev/nvme1n1"), BLOCKED])


def test_several_disks_of_the_instance_store_become_one(machine):
    for number in (1, 2, 3):
        machine.disk(f"/dev/nvme{number}n1", STORE, "disk")
    array = "mdadm --create /dev/md0 --run --level=0 --raid-devices=3 /dev/nvme1n1 /dev/nvme2n1 /dev/nvme3n1"
    assert machine.start() == (0, ["udevadm settle", array, *made_of("/dev/md0"), BLOCKED])


def test_mdadm_is_installed_where_it_is_missing(machine):
    for number in (1, 2):
        machine.disk(f"/dev/nvme{number}n1", STORE, "disk")
    mdadm, dnf = machine.bin / "mdadm", machine.bin / "dnf"
    mdadm.rename(machine.folder / "mdadm")
    machine.command("dnf", f'{dnf.read_text()}\n/bin/mv "{machine.folder}/mdadm" "{mdadm}"')
    code, done = machine.start()
    assert (code, done[1]) == (0, "dnf install --assumeyes --quiet mdadm")
    assert done[2].startswith("mdadm --create /dev/md0 ")


def test_the_instance_store_goes_before_a_volume(machine):
    machine.disk("/dev/nvme1n1", VOLUME, "disk")
    machine.disk("/dev/nvme2n1", STORE, "disk")
    assert made_of("/dev/nvme2n1")[0] in machine.start()[1]


def test_else_the_empty_volume_is_taken_and_the_system_left_alone(machine):
    machine.disk("/dev/nvme1n1", VOLUME, "disk")
    assert machine.start() == (0, ["udevadm settle", *made_of("/dev/nvme1n1"), BLOCKED])


@pytest.mark.parametrize("row", ["disk ext4", "disk xfs /data"], ids=["a file system", "mounted"])
def test_a_volume_with_something_on_it_is_never_overwritten(machine, row):
    machine.disk("/dev/nvme1n1", VOLUME, row)
    code, done = machine.start()
    assert (code, done) == (1, ["udevadm settle", "systemctl mask --now ecs"])
    assert machine.said == "scratch: there is no disk for it; this machine takes no jobs\n"


def test_a_machine_without_a_disk_for_it_stays_out_of_the_cluster(machine):
    assert machine.start() == (1, ["udevadm settle", "systemctl mask --now ecs"])


@pytest.mark.parametrize("name", ["mkfs.xfs", "mount", "iptables"])
def test_so_does_one_where_a_command_fails(machine, name):
    machine.disk("/dev/nvme1n1", STORE, "disk")
    machine.command(name, "exit 3")
    code, done = machine.start()
    assert (code, done[-1]) == (1, "systemctl mask --now ecs")


def test_so_does_one_whose_disks_cannot_be_listed(machine):
    machine.command("lsblk", "exit 1")
    assert machine.start() == (1, ["udevadm settle", "systemctl mask --now ecs"])
