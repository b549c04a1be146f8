import os
import subprocess

import pytest

from bioinfo_assets.steps import canonical


def filtered(form: str, text: str) -> str:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", form], input=text.encode(), capture_output=True, check=True
    ).stdout.decode()


def test_picard_metrics_lose_command_and_start_time_only() -> None:
    text = (
        "## htsjdk.samtools.metrics.StringHeader\n# MarkDuplicates --INPUT /scratch/7/a.bam\n"
        "## htsjdk.samtools.metrics.StringHeader\n# Started on: Sun Nov 22 20:28:33 UTC 2026\n\n"
        "## METRICS CLASS\tpicard.sam.DuplicationMetrics\nLIBRARY\tN\nlib\t3\n\n"
        "## HISTOGRAM\tjava.lang.Double\nBIN\tN\n1\t2\n"
    )
    kept = filtered(canonical.PICARD_METRICS, text)
    assert "scratch" not in kept
    assert "2026" not in kept
    assert kept.endswith(text[text.index("## METRICS CLASS") :])


def test_a_pdf_loses_its_dates_only() -> None:
    pdf = "%PDF-1.4\n1 0 obj\n/CreationDate (D:20261122)\n/ModDate (D:20261122)\n/Title (R)\n"
    assert filtered(canonical.PDF, pdf) == "%PDF-1.4\n1 0 obj\n/Title (R)\n"


def test_a_cutadapt_log_loses_version_command_and_time_only() -> None:
    log = (
        "This is cutadapt 5.2 with Python 3.11.7\nCommand line parameters: -j 2 a.fastq.gz\n"
        "Processing paired-end reads on 2 cores ...\nFinished in 1.1 s (2 µs/read; 30 M reads/minute).\n\n"
        "=== Summary ===\n\nTotal read pairs processed: 517\n"
    )
    assert filtered(canonical.CUTADAPT_LOG, log) == "\n=== Summary ===\n\nTotal read pairs processed: 517\n"


def test_a_cutadapt_json_loses_version_command_and_cores_only() -> None:
    text = (
        '{\n  "tag": "Cutadapt report",\n  "cutadapt_version": "5.2",\n  "python_version": "3.11.7",\n'
        '  "command_line_arguments": [\n    "-j",\n    "2"\n  ],\n  "cores": 2,\n'
        '  "input": {\n    "paired": true\n  }\n}\n'
    )
    assert filtered(canonical.CUTADAPT_JSON, text) == (
        '{\n  "tag": "Cutadapt report",\n  "input": {\n    "paired": true\n  }\n}\n'
    )


@pytest.mark.parametrize("form", [canonical.PICARD_METRICS, canonical.PDF])
def test_an_empty_file_has_an_empty_canonical_form(form: str) -> None:
    assert filtered(form, "") == ""


@pytest.mark.parametrize("cpus", ["1", "2", "16"])
def test_a_bgzipped_file_is_decompressed_whatever_the_number_of_cpus(cpus: str) -> None:
    text = b"".join(b"chr1\t%d\t30\n" % position for position in range(100_000))
    bgzipped = subprocess.run(["bgzip", "-c"], input=text, capture_output=True, check=True).stdout
    joined = bgzipped + bgzipped  # as lanes are
    assert output_of(canonical.BGZIPPED, joined, cpus) == text + text


def output_of(form: str, data: bytes, cpus: str = "2") -> bytes:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", form],
        input=data,
        capture_output=True,
        check=True,
        env={**os.environ, "JOB_CPUS": cpus},
    ).stdout


def form_of_bam(sam: str) -> bytes:
    bam = subprocess.run(
        ["samtools", "view", "-b", "--no-PG", "-"], input=sam.encode(), capture_output=True, check=True
    )
    return output_of(canonical.BAM, bam.stdout)


HEADER = "@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:chrM\tLN:16569\n@RG\tID:a\tSM:expt\n"
PROGRAM = "@PG\tID:bwa\tPN:bwa\tCL:bwa mem -t 8 /scratch/7/x\n"
READ = "r\t4\t*\t0\t0\t*\t*\t0\t0\tACGT\tIIII\tRG:Z:a\n"


def test_a_bam_loses_its_program_lines() -> None:
    form = form_of_bam(HEADER + PROGRAM + READ)
    assert b"scratch" not in form
    assert (
        form
        == form_of_bam(HEADER + PROGRAM.replace("-t 8 /scratch/7", "-t 2 /tmp") + READ)
        == form_of_bam(HEADER + READ)
    )


@pytest.mark.parametrize(
    "other",
    [
        HEADER + READ.replace("IIII", "III5"),
        HEADER + READ.replace("r\t4", "r\t1028"),
        HEADER.replace("SM:expt", "SM:other") + READ,
        HEADER + READ + READ,
        HEADER,
    ],
)
def test_a_bam_keeps_its_header_and_records(other: str) -> None:
    assert form_of_bam(other) != form_of_bam(HEADER + READ)
