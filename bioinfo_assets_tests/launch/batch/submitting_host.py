"""A host that submits jobs and waits, to be killed: `python -m ... SCRATCH RUN SCRIPT FINGERPRINT...`."""

import sys
import time

from bioinfo_assets_tests.launch.batch.batch_backend import batch_backend
from bioinfo_assets_tests.launch.contract import TEXT, job


def main(scratch: str, run: str, script: str, *fingerprints: str) -> None:
    with batch_backend(scratch, run) as backend:
        with backend.one_moment:
            ids = [
                backend.submit(job("greets", script, scope=f"s{n}", outputs=(TEXT,)), fingerprint).job_id
                for n, fingerprint in enumerate(fingerprints)
            ]
        while True:
            for status in backend.poll(ids).values():
                print(status.state.value, flush=True)  # noqa: T201
            time.sleep(0.05)


if __name__ == "__main__":
    main(*sys.argv[1:])
