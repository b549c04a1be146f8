"""Bad input is rejected with one sentence that names it and exit code 2, and nothing is written."""

import gzip
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bioinfo_assets_tests.cli.commands import (
    CommandResult,
    call,
    list_folders,
    take_lanes,
    write_fastq,
    write_pair,
    write_vcf,
)
from bioinfo_assets_tests.data_sets import na12878
from bioinfo_assets_tests.launch.mounts import can_mount


@pytest.fixture
def reads(tmp_path: Path) -> Path:
    """A folder with one intact lane, for a test to damage."""
    write_pair(tmp_path / "reads")
    return tmp_path / "reads"


def run(output: Path, *arguments: object) -> CommandResult:
    return call("run", "--output-path", output, *arguments)


def check_rejected(result: CommandResult, output: Path, *words: object) -> None:
    """One sentence on stderr with these words, exit code 2, no traceback, nothing written."""
    assert result.exit_code == 2, result
    assert result.stdout == ""
    assert result.stderr.startswith("bioinfo-assets: ")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr
    for word in words:
        assert str(word) in result.stderr
    assert not output.exists()


def reject_reads(tmp_path: Path, reads: Path, *words: object) -> None:
    output = tmp_path / "out"
    samples_file = list_folders(tmp_path / "samples.txt", reads)
    check_rejected(run(output, "--samples-file", samples_file, "--select", "merged_reads"), output, *words)


def test_a_truncated_fastq(tmp_path: Path, reads: Path) -> None:
    fastq = reads / "expt_FC1_L1_2.fastq.gz"
    fastq.write_bytes(fastq.read_bytes()[:-100])
    reject_reads(tmp_path, reads, fastq, "not a complete gzip file")


def test_a_missing_read_2(tmp_path: Path, reads: Path) -> None:
    (reads / "expt_FC1_L1_2.fastq.gz").unlink()
    reject_reads(tmp_path, reads, reads / "expt_FC1_L1_1.fastq.gz", "no read 2", reads / "expt_FC1_L1_2.fastq.gz")


def test_unequal_numbers_of_reads(tmp_path: Path, reads: Path) -> None:
    names = [f"M1:1:FC1:1:1101:{number}:1" for number in range(1, 19)]
    write_fastq(reads / "expt_FC1_L1_2.fastq.gz", names)
    reject_reads(tmp_path, reads, reads / "expt_FC1_L1_1.fastq.gz", "20 reads", "18")


@pytest.mark.parametrize("data", [b"", gzip.compress(b"")], ids=["no bytes", "no reads"])
def test_an_empty_fastq(tmp_path: Path, reads: Path, data: bytes) -> None:
    (reads / "expt_FC1_L1_1.fastq.gz").write_bytes(data)
    reject_reads(tmp_path, reads, reads / "expt_FC1_L1_1.fastq.gz")


def test_the_same_lane_twice(tmp_path: Path, reads: Path) -> None:
    copy = tmp_path / "copy"
    write_pair(copy)
    output, samples_file = tmp_path / "out", list_folders(tmp_path / "samples.txt", reads, copy)
    result = run(output, "--samples-file", samples_file, "--select", "merged_reads")
    check_rejected(result, output, "sample expt", "flow cell FC1, lane 1 twice", reads, copy)


@pytest.mark.parametrize("name", ["a/b", "a b", 'a""b', "a\nb", "..", "a..b", "$HOME", "-a", "records"])
def test_an_invalid_sample_name(tmp_path: Path, reads: Path, name: str) -> None:
    sheet = tmp_path / "sheet.csv"
    pair = f"{reads}/expt_FC1_L1_1.fastq.gz,{reads}/expt_FC1_L1_2.fastq.gz"
    sheet.write_text(f'patient,sample,lane,fastq_1,fastq_2\np,"{name}",1,{pair}\n')
    output = tmp_path / "out"
    result = run(output, "--samples-file", sheet, "--select", "merged_reads")
    check_rejected(result, output, sheet, repr(name.replace('""', '"')))


def test_a_single_end_row(tmp_path: Path, reads: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(f"patient,sample,lane,fastq_1,fastq_2\np,expt,1,{reads}/expt_FC1_L1_1.fastq.gz,\n")
    output = tmp_path / "out"
    check_rejected(run(output, "--samples-file", sheet, "--select", "merged_reads"), output, "only paired reads")


def test_a_samples_file_that_does_not_exist(tmp_path: Path) -> None:
    output = tmp_path / "out"
    check_rejected(
        run(output, "--samples-file", tmp_path / "none.txt"), output, tmp_path / "none.txt", "does not exist"
    )


def test_a_folder_without_fastqs(tmp_path: Path) -> None:
    output, samples_file = tmp_path / "out", list_folders(tmp_path / "samples.txt", tmp_path / "none")
    check_rejected(run(output, "--samples-file", samples_file), output, samples_file, tmp_path / "none")


def test_no_samples_at_all(tmp_path: Path) -> None:
    output = tmp_path / "out"
    check_rejected(run(output, "--select", "merged_reads"), output, output, "--samples-file")


def test_an_unknown_sample(tmp_path: Path, reads: Path) -> None:
    output, samples_file = tmp_path / "out", list_folders(tmp_path / "samples.txt", reads)
    result = run(output, "--samples-file", samples_file, "--samples", "expd", "--select", "merged_reads")
    check_rejected(result, output, "'expd'", "expt")


def test_an_unknown_asset(tmp_path: Path) -> None:
    output = tmp_path / "out"
    check_rejected(run(output, "--select", "dept"), output, "'dept'", "depth")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--platform", "illumia"], "illumia"),
        (["--max-n", "1.5"], "max_n"),
        (["--aligner", "bowtie"], "aligner"),
        (["--aligner", "bwa-mem3"], "bwa-mem3 cannot index a reference: set `reference_index`"),
        (["--reference-index", "/ref/genome.fa"], "set `aligner` to bwa, bwa-mem2 or bwa-mem3 too"),
        (["--cpus", "0"], "cpus"),
        (["--adapter-3p-1", "ACGT; rm"], "'ACGT; rm'"),
        (["--adapter-5p-1", "/none/adapters.fa"], "/none/adapters.fa"),
        (["--known-sites", "a.vcf.gz", "--no-known-sites"], "--no-known-sites"),
        (["--no-known-sites", "--select", "known_sites"], "known_sites"),
    ],
)
def test_a_wrong_setting(tmp_path: Path, reads: Path, arguments: list[str], word: str) -> None:
    output, samples_file = tmp_path / "out", list_folders(tmp_path / "samples.txt", reads)
    select = [] if "--select" in arguments else ["--select", "merged_reads"]
    check_rejected(run(output, "--samples-file", samples_file, *select, *arguments), output, word)


def reject_reference(tmp_path: Path, reference: Path, *words: object) -> None:
    output = tmp_path / "out"
    result = run(output, "--reference", reference, "--select", "reference_genome")
    check_rejected(result, output, reference, *words)


def test_a_reference_that_does_not_exist(tmp_path: Path) -> None:
    reject_reference(tmp_path, tmp_path / "genome.fa", "does not exist")


def test_a_reference_without_a_fasta_suffix(tmp_path: Path) -> None:
    (tmp_path / "genome.txt").write_text(">chrM\nACGT\n")
    reject_reference(tmp_path, tmp_path / "genome.txt", ".fa")


def test_a_reference_that_is_not_a_fasta(tmp_path: Path) -> None:
    (tmp_path / "genome.fa").write_text("ACGT\n")
    reject_reference(tmp_path, tmp_path / "genome.fa", "not a FASTA")


def test_an_index_with_a_missing_file(tmp_path: Path) -> None:
    fasta, output = tmp_path / "genome.fa", tmp_path / "out"
    fasta.write_text(">chrM\nACGT\n")
    for suffix in ("amb", "ann", "bwt", "pac"):
        fasta.with_name(f"genome.fa.{suffix}").touch()
    result = run(
        output, "--reference", fasta, "--aligner", "bwa", "--reference-index", fasta, "--select", "reference_index"
    )
    check_rejected(result, output, f"{fasta}.sa", "does not exist")


def reject_sites(tmp_path: Path, vcf: Path, *words: object) -> None:
    """The reference is chr22, of 60 bases."""
    reference = tmp_path / "genome.fa"
    reference.write_text(">chr22\n" + "ACGTA" * 12 + "\n")
    output = tmp_path / "out"
    result = run(output, "--reference", reference, "--known-sites", vcf, "--select", "known_sites")
    check_rejected(result, output, vcf, *words)


def test_known_sites_without_a_contig_of_the_reference(tmp_path: Path) -> None:
    vcf = write_vcf(tmp_path / "sites.vcf.gz", "##contig=<ID=22,length=60>", sites=["22\t7\t.\tC\tT\t.\t.\t."])
    reject_sites(tmp_path, vcf, "'22'", "'chr22'")


def test_known_sites_of_another_assembly(tmp_path: Path) -> None:
    vcf = write_vcf(tmp_path / "sites.vcf.gz", "##contig=<ID=chr22,length=61>")
    reject_sites(tmp_path, vcf, "60", "61", "chr22")


def test_known_sites_in_plain_gzip(tmp_path: Path) -> None:
    vcf = tmp_path / "sites.vcf.gz"
    vcf.write_bytes(gzip.compress(b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"))
    reject_sites(tmp_path, vcf, "bgzip")


def test_known_sites_that_do_not_exist(tmp_path: Path) -> None:
    reject_sites(tmp_path, tmp_path / "sites.vcf.gz", "does not exist")


@pytest.mark.parametrize("is_there", [True, False])
def test_common_variants(tmp_path: Path, reads: Path, is_there: bool) -> None:  # noqa: FBT001 - a case
    vcf = tmp_path / "common.vcf.gz"
    if is_there:
        write_vcf(vcf, "##contig=<ID=chr22,length=61>")
    words = ("60", "61", "chr22") if is_there else ("does not exist",)
    output, samples_file = tmp_path / "out", list_folders(tmp_path / "samples.txt", reads)
    (tmp_path / "genome.fa").write_text(">chr22\n" + "ACGTA" * 12 + "\n")
    files = ("--samples-file", samples_file, "--reference", tmp_path / "genome.fa", "--no-known-sites")
    check_rejected(run(output, *files, "--contamination-sites", vcf), output, vcf, *words)


@pytest.mark.parametrize(("text", "words"), [("rs1 A G\n", "is not a haplotype map"), (None, "does not exist")])
def test_a_haplotype_map(tmp_path: Path, reads: Path, text: str | None, words: str) -> None:
    haplotypes = tmp_path / "map.txt"
    if text is not None:
        haplotypes.write_text(text)
    output, samples_file = tmp_path / "out", list_folders(tmp_path / "samples.txt", reads)
    (tmp_path / "genome.fa").write_text(">chr22\n" + "ACGTA" * 12 + "\n")
    files = ("--samples-file", samples_file, "--reference", tmp_path / "genome.fa", "--no-known-sites")
    check_rejected(run(output, *files, "--haplotype-map", haplotypes), output, haplotypes, words)


def test_a_missing_tool(tmp_path: Path, reads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    output, samples_file = tmp_path / "out", list_folders(tmp_path / "samples.txt", reads)
    result = run(output, "--samples-file", samples_file, "--select", "merged_reads")
    check_rejected(result, output, "bgzip", "apt-get install tabix", "bioinfo-assets doctor")


def test_an_output_path_below_a_file(tmp_path: Path, reads: Path) -> None:
    (tmp_path / "file").write_text("")
    output, samples_file = tmp_path / "file" / "out", list_folders(tmp_path / "samples.txt", reads)
    result = run(output, "--samples-file", samples_file, "--select", "merged_reads")
    assert result.exit_code == 2
    assert str(output) in result.stderr
    assert "Traceback" not in result.stderr
    assert (tmp_path / "file").read_text() == ""


if can_mount():

    @pytest.fixture(params=[64, 400, 500, 600, 650, 700])
    def full_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
        """A disk of this many KiB."""
        folder = tmp_path / "full"
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={request.param}k", "tmpfs", folder], check=True)
        yield folder
        subprocess.run(["umount", folder], check=True)

    def test_a_full_disk(tmp_path: Path, reads: Path, full_disk: Path) -> None:
        samples_file = list_folders(tmp_path / "samples.txt", reads)
        result = run(full_disk, "--samples-file", samples_file, "--select", "merged_reads")
        assert result.exit_code == 2
        assert str(full_disk) in result.stderr
        assert "no space" in result.stderr
        assert list(full_disk.iterdir()) == []

    def test_a_disk_that_fills_up_during_a_run(
        tmp_path: Path, reads: Path, full_disk: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Dagster's database, a log or a result is the first that cannot be written."""
        monkeypatch.setattr("bioinfo_assets.application.preflight.MIN_FREE_BYTES", 0)
        samples_file = list_folders(tmp_path / "samples.txt", reads)
        result = run(full_disk, "--samples-file", samples_file, "--select", "merged_reads")
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1
        assert f"no space is left for {full_disk}" in result.stderr


def test_the_home_of_another_project(tmp_path: Path, reads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "bioinfo-assets.toml").write_text('output_path = "/elsewhere"\n')
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    output, samples_file = tmp_path / "out", list_folders(tmp_path / "samples.txt", reads)
    check_rejected(run(output, "--samples-file", samples_file), output, home, "/elsewhere")


def test_settings_that_are_not_toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bioinfo-assets.toml").write_text("output_path = /elsewhere\n")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    check_rejected(run(tmp_path / "out"), tmp_path / "out", tmp_path, "not TOML")


@pytest.mark.parametrize("text", [b"a: [\n", b"- a\n", b"telemetry: 5\n", b"\xff"])
def test_a_malformed_dagster_yaml(tmp_path: Path, reads: Path, text: bytes) -> None:
    samples_file, config = list_folders(tmp_path / "samples.txt", reads), tmp_path / "out" / ".dagster" / "dagster.yaml"
    config.parent.mkdir(parents=True)
    config.write_bytes(text)
    result = run(tmp_path / "out", "--samples-file", samples_file, "--select", "merged_reads")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"bioinfo-assets: {config} is not what Dagster expects (")
    assert result.stderr.count("\n") == 1


def test_a_database_whose_server_does_not_answer(tmp_path: Path, reads: Path) -> None:
    samples_file, config = list_folders(tmp_path / "samples.txt", reads), tmp_path / "out" / ".dagster" / "dagster.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("storage:\n  postgres:\n    postgres_url: postgresql+psycopg2://me@127.0.0.1:1/dagster\n")
    result = run(tmp_path / "out", "--samples-file", samples_file, "--select", "merged_reads")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"bioinfo-assets: Dagster's database, which {config} names, does not answer")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("data", [b"", b"AGATCGGAAGAGC\n", b"\x1f\x8b"])
def test_an_adapter_file_that_is_not_a_fasta(tmp_path: Path, reads: Path, data: bytes) -> None:
    adapters, output = tmp_path / "adapters.fa", tmp_path / "out"
    adapters.write_bytes(data)
    samples_file = list_folders(tmp_path / "samples.txt", reads)
    check_rejected(run(output, "--samples-file", samples_file, "--adapter-3p-1", adapters), output, adapters, "FASTA")


def test_a_remote_output_path_without_a_local_home() -> None:
    result = call("run", "--output-path", "s3://bucket/run7")
    assert result.exit_code == 2
    assert "DAGSTER_HOME" in result.stderr


def test_reads_that_were_damaged_after_they_were_added(tmp_path: Path) -> None:
    reads = take_lanes(tmp_path / "reads", "HJYFJ_L4")
    output = tmp_path / "out"
    assert call("samples", "add", list_folders(tmp_path / "samples.txt", reads), "--output-path", output).exit_code == 0
    (reads / "NA12878_HJYFJ_L4_1.fastq.gz").write_bytes(b"")
    result = run(output, "--reference", na12878().reference, "--no-known-sites", "--select", "merged_reads")
    assert result.exit_code == 2
    assert "NA12878_HJYFJ_L4_1.fastq.gz is empty" in result.stderr
    assert not (output / "NA12878").exists()


@pytest.mark.parametrize("place", ["reference", "known_sites", "cache", "output_path", "samplesheet", "samples_file"])
def test_a_password_in_an_address_is_neither_saved_nor_repeated(tmp_path: Path, reads: Path, place: str) -> None:
    output, samples_file = tmp_path / "out", list_folders(tmp_path / "samples.txt", reads)
    address = "https://someone:canary-1@host1.invalid/x.fa"
    options = {"--output-path": output, "--samples-file": samples_file, "--select": "merged_reads"}
    match place:
        case "samplesheet":
            pair = f"{address}_1.fastq.gz,{address}_2.fastq.gz"
            samples_file.write_text(f"sample,lane,fastq_1,fastq_2\nexpt,1,{pair}\n")
        case "reference":
            options |= {"--reference": address, "--select": "reference_genome"}
        case "known_sites":
            options |= {"--reference": na12878().reference, "--known-sites": address, "--select": "known_sites"}
        case _:
            options[f"--{place.replace('_', '-')}"] = address
    result = call("run", *(word for option in options.items() for word in option))
    assert "canary-1" not in result.stdout + result.stderr
    check_rejected(result, output, "an address at https://host1.invalid has a user name or password in it")
