"""The smoke test for a real account on moto with real containers: a job, the demo, and a host that is killed.

Moto's jobs have no machine: what becomes of them when one is terminated or changed shows on AWS only.
"""

import subprocess
import sys
from pathlib import Path

import pytest
import tomli_w

from bioinfo_assets_tests.container_engine import engine, tools_image
from bioinfo_assets_tests.deploy.stack import TEMPLATE, Cloud
from bioinfo_assets_tests.e2e.account import MOTO_LOG_GROUP, REGION, moto

__all__ = ["engine", "tools_image"]

pytestmark = pytest.mark.xdist_group("docker")

STEPS = ("doctor", "tagged job", "end instance")
RUNS = ("demo", "kill host")
"""Steps that run the whole pipeline in containers, the second one twice."""


@pytest.mark.parametrize("runs", [(), pytest.param(RUNS, marks=pytest.mark.long)], ids=["short", "long"])
def test_the_steps_that_moto_can_show_are_as_assumed(tools_image: str, tmp_path: Path, runs: tuple[str, ...]) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    for path in (disk, tmp_path, tmp_path.parent):
        path.chmod(0o777)  # the container runs as another user
    with moto(tmp_path / "moto.log") as port:
        cloud = Cloud(f"http://127.0.0.1:{port}", REGION)
        template, settings = tmp_path / "template.json", tmp_path / "settings.toml"
        template.write_text(cloud.template())
        ec2 = cloud.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
        environment = {**cloud.environment(), "AWS_ENDPOINT_URL": f"http://host.docker.internal:{port}"}
        batch = {"scratch_volume": str(disk), "poll_interval_s": 0.5}
        settings.write_text(tomli_w.dumps({"jobs": {"environment": environment}, "batch": batch}))
        done = subprocess.run(
            [
                *(sys.executable, "-m", "smoke_aws", "--yes", "--template", template, "--settings", settings),
                *("--image", tools_image),
                *(word for step in (*STEPS, *runs) for word in ("--only", step)),
                *("--parameter", f"VpcId={vpc}", "--parameter", f"SubnetIds={subnet}"),
                *("--parameter", f"LogGroupName={MOTO_LOG_GROUP}"),
            ],
            cwd=TEMPLATE.parents[1],
            env={**cloud.environment(), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        buckets = cloud.client("s3").list_buckets()["Buckets"]
    states = {line[9:].partition(":")[0]: line[:8].strip() for line in done.stdout.splitlines() if line[8:9] == " "}
    expected = {"deploy": "ok", "doctor": "ok", **dict.fromkeys(runs, "ok"), "end instance": "unknown"}
    assert {name: states.get(name) for name in expected} == expected, done.stdout + done.stderr
    assert states["remove"] == "ok"
    assert buckets == []
    # A container of moto's has neither the machine's disk nor the role; that is what this step is for.
    assert states["tagged job"] == "DIFFERS"
    assert "identity is " in done.stdout
    assert done.returncode == 1
