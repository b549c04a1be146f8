"""Runs tools of GATK and Picard one after another in one JVM: a start takes seconds, their work on small files none.

`python -m bioinfo_assets_tests.engine.java_tools JARS` reads a JSON list from each line of standard input, the tool and
its arguments, and answers it by a line of JSON: null, or what the tool ended with.
"""

import json
import os
import sys
from typing import Final

import jpype

GATK: Final = "org.broadinstitute.hellbender.Main"
"""Takes the name of a tool as its first argument."""

PICARD: Final = {
    "MarkDuplicates": "picard.sam.markduplicates.MarkDuplicates",
    "SetNmMdAndUqTags": "picard.sam.SetNmMdAndUqTags",
    "CollectAlignmentSummaryMetrics": "picard.analysis.CollectAlignmentSummaryMetrics",
    "CollectInsertSizeMetrics": "picard.analysis.CollectInsertSizeMetrics",
}
"""The classes of tools: under GATK's main, Picard's write other bytes (see docker/tools/bin/picard)."""

OPTIONS: Final = (
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Xmx1g",
    "-Dsamjdk.use_async_io_read_samtools=false",
    "-Dsamjdk.use_async_io_write_samtools=false",
    "-Dsamjdk.compression_level=1",
)


def run(tool: str, words: list[str]) -> str | None:
    """Run a tool, and return what it failed with."""
    try:
        if tool not in PICARD:
            jpype.JClass(GATK)().instanceMain([tool, *words])
            return None
        code = int(jpype.JClass(PICARD[tool])().instanceMain(words))
    except jpype.JException as error:
        return str(error.stacktrace())
    return f"exit code {code}" if code else None


def main(jars: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the tools print to standard output too
    jpype.startJVM(*OPTIONS, classpath=[f"{jars}/*"])
    for line in sys.stdin:
        tool, *words = json.loads(line)
        print(json.dumps(run(tool, words)), file=answers, flush=True)
    os._exit(0)  # GATK's threads would keep the JVM


if __name__ == "__main__":
    main(sys.argv[1])
