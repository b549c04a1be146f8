"""Two hosts that run one project in S3 at the same time make each result once, and both succeed."""

import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.cloud import opened_cloud

HOST = """
    import sys
    from pathlib import Path
    import dagster as dg
    from bioinfo_assets_tests.cloud import JOBS, MEANS
    from bioinfo_assets_tests.orchestration.toy_project import ToyProject
    folder, root, gate = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    with dg.instance_for_test(temp_dir=str(folder)) as instance:
        toy = ToyProject(folder, instance, root, MEANS, JOBS, samples={"a": 2, "b": 3})
        print("ready", flush=True)
        sys.stdin.readline()
        sys.exit(0 if toy.run().success else 1)
"""


def test_each_result_is_computed_once(tmp_path: Path) -> None:
    with opened_cloud(tmp_path / "cloud") as cloud:
        root = f"{cloud.bucket}/project"
        hosts = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            command = [sys.executable, "-c", textwrap.dedent(HOST), str(tmp_path / name), root, str(tmp_path / "go")]
            hosts.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        for host in hosts:
            assert host.stdout is not None
            assert host.stdout.readline() == "ready\n"
        for host in hosts:
            assert host.stdin is not None
            host.stdin.write("go\n")
            host.stdin.flush()
        for host in hosts:
            host.communicate(timeout=600)
        assert [host.returncode for host in hosts] == [0, 0]
        jobs = Counter(detail["tags"]["bioinfo-assets:asset"] for detail in cloud.jobs())
        assert jobs == {"factor": 1, "product": 2, "parity": 2, "total": 1}
        ledger = Ledger(Store(), f"{root}/output")
        for asset, scope in (("product", "a"), ("product", "b"), ("total", "multiqc")):
            record = ledger.read(ResultKey(asset, scope))
            assert record is not None
            assert not ledger.check_files(record).damage
            past = [uri for uri in Store().list(f"{root}/output/{scope}", recursive=True) if "history" in uri]
            assert past == []
