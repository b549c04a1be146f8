"""The chain as a redun workflow: `redun run redun_workflow.py main`, in the folder of scripts.json.

It runs in redun's environment. Scripts read and write their files in place: redun need not stage them.
"""
# mypy: disable-error-code="import-not-found, untyped-decorator, no-any-return"

import json
from pathlib import Path
from typing import Any

from redun import File, script, task

redun_namespace = "chain"


@task(version="1")
def step(name: str, text: str, sample: str, source: File) -> Any:  # noqa: ANN401 - an expression of redun, which has no type
    """One step of a sample."""
    target = f"results/{sample}/{sample}.{name}.txt"
    command = text.replace("input.txt", source.path).replace("output.txt", target)
    return script(f"mkdir -p results/{sample}\n{command}", outputs=File(target))


@task(version="1")
def main() -> list[Any]:
    """All samples."""
    scripts = json.loads(Path("scripts.json").read_bytes())
    results = []
    for source in sorted(Path("data").iterdir()):
        file: Any = File(str(source))
        for name, text in scripts.items():
            file = step(name, text, source.stem, file)
        results.append(file)
    return results
