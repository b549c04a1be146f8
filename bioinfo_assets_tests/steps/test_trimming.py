import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.adapters import TRUSEQ_1, TRUSEQ_2
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps.files import ReadFiles
from bioinfo_assets.steps.trimming import Trimming, trim_reads
from bioinfo_assets_tests.steps.bench import Bench, StepResult, stored
from bioinfo_assets_tests.steps.builders import LAYOUT, TRIMMING, TRUSEQ, fastq, reads, record, somewhere, text_of
from bioinfo_assets_tests.steps.chain import Chain

INSERT = "GATCACAGGTCTATCACCCTATTAACCACTCACGGGAGCTCTCCATGCATT"


def pair(folder: Path, first: list[str], second: list[str]) -> ReadFiles:
    return ReadFiles(fastq(folder / "expt.1.fastq.gz", first), fastq(folder / "expt.2.fastq.gz", second))


def trimmed(bench: Bench, folder: Path, files: ReadFiles, trimming: Trimming) -> StepResult:
    return bench.run(trim_reads("expt", files, trimming, OutputLayout(str(folder / "out"))))


def bases(result: StepResult, key: str) -> list[str]:
    return text_of(result.path(key)).split("\n")[1::4]


class TestTrimming:
    def test_read_through_into_truseq_adapters(self, bench: Bench, tmp_path: Path) -> None:
        files = pair(tmp_path, [record("a", INSERT + TRUSEQ_1)], [record("a", INSERT + TRUSEQ_2)])
        result = trimmed(bench, tmp_path, files, TRUSEQ)
        assert bases(result, "reads1") == bases(result, "reads2") == [INSERT]

    def test_a_five_prime_adapter_from_a_file(self, bench: Bench, tmp_path: Path) -> None:
        adapters = tmp_path / "adapter's $(list).fa"
        adapters.write_text(">one\nTTGGTTGGTTGG\n")
        files = pair(tmp_path, [record("a", "TTGGTTGGTTGG" + INSERT)], [record("a", INSERT)])
        result = trimmed(bench, tmp_path, files, replace(TRIMMING, five_prime_1=stored(adapters)))
        assert bases(result, "reads1") == bases(result, "reads2") == [INSERT]

    def test_poly_g(self, bench: Bench, tmp_path: Path) -> None:
        files = pair(tmp_path, [record("a", INSERT + "G" * 30)], [record("a", INSERT)])
        assert bases(trimmed(bench, tmp_path, files, replace(TRIMMING, poly_g=True)), "reads1") == [INSERT]

    def test_only_pairs_with_unknown_bases_are_discarded_without_options(self, bench: Bench, tmp_path: Path) -> None:
        few = f"{INSERT[:-5]}NNNNN"
        too_many = f"{INSERT[:-6]}NNNNNN"
        assert few.count("N") / len(few) < TRIMMING.max_n < too_many.count("N") / len(too_many)
        first = [record("a", INSERT + TRUSEQ_1), record("b", too_many), record("c", few)]
        second = [record(name, INSERT) for name in "abc"]
        result = trimmed(bench, tmp_path, pair(tmp_path, first, second), TRIMMING)
        assert bases(result, "reads1") == [INSERT + TRUSEQ_1, few]
        assert result.report.facts == {"pairs_in": "3", "pairs_out": "2"}

    def test_a_pair_with_a_read_of_adapter_only_is_discarded(self, bench: Bench, tmp_path: Path) -> None:
        first = [record("a", TRUSEQ_1), record("b", INSERT)]
        second = [record("a", INSERT), record("b", INSERT)]
        result = trimmed(bench, tmp_path, pair(tmp_path, first, second), TRUSEQ)
        assert bases(result, "reads1") == bases(result, "reads2") == [INSERT]


def test_comments_with_read_groups_are_kept(chain: Chain) -> None:
    names = text_of(chain.results["trimmed_reads"].path("reads1")).split("\n")[::4][:-1]
    assert all(re.fullmatch(r"@[^ \t]+\tRG:Z:\w+\.\d", name) for name in names)


def test_the_report_is_published_as_text_and_json(chain: Chain) -> None:
    result = chain.results["trimmed_reads"]
    counts = json.loads(result.path("json").read_text())["read_counts"]
    assert result.report.facts == {"pairs_in": str(counts["input"]), "pairs_out": str(counts["output"])}
    assert "=== Summary ===" in result.path("log").read_text()


class TestFailures:
    def test_no_pair_left(self, bench: Bench, tmp_path: Path) -> None:
        files = pair(tmp_path, [record("a", "N" * 50)], [record("a", INSERT)])
        assert bench.failure(trim_reads("expt", files, TRIMMING, LAYOUT)) == (
            "none of the 1 read pairs of expt passed trimming: check its adapters, max_n and minimum_length"
        )

    def test_an_adapter_file_that_is_not_fasta(self, bench: Bench, tmp_path: Path) -> None:
        adapters = tmp_path / "adapters.txt"
        adapters.write_text("ACGT\n")
        files = pair(tmp_path, [record("a")], [record("a")])
        reason = bench.failure(trim_reads("expt", files, replace(TRIMMING, three_prime_2=stored(adapters)), LAYOUT))
        assert "the adapter file adapters.txt is not FASTA" in reason

    def test_a_failure_of_cutadapt_is_a_failure_of_the_step(self, bench: Bench, tmp_path: Path) -> None:
        files = pair(tmp_path, [record("a")], [record("a"), record("b")])
        assert "failed with exit code 1" in bench.failure(trim_reads("expt", files, TRIMMING, LAYOUT))


class TestOptions:
    def test_unknown_bases_are_always_limited(self) -> None:
        assert TRIMMING.options() == ["--pair-filter=any", "--max-n", "0.1"]

    def test_a_fraction_of_one_discards_no_pair(self) -> None:
        """Cutadapt takes 1 for a number of bases."""
        assert replace(TRIMMING, max_n=1).options() == ["--pair-filter=any"]

    def test_the_minimum_length_is_passed_if_reads_are_shortened(self) -> None:
        assert replace(TRIMMING, poly_g=True).options()[3:] == ["-m", "20", "--nextseq-trim", "20"]
        assert replace(TRIMMING, five_prime_2="ACGT").options()[3:] == ["-m", "20", "-G", "ACGT"]

    def test_adapter_files_are_inputs_with_fixed_local_names(self) -> None:
        trimming = replace(
            TRIMMING, five_prime_1=somewhere("/x/$(one).fa"), five_prime_2=somewhere("/y/two.fa"), minimum_length=31
        )
        job = trim_reads("expt", reads(), trimming, LAYOUT)
        assert (
            "options=(--pair-filter=any --max-n 0.1 -m 31 -g file:five_prime.1.fa -G file:five_prime.2.fa)"
            in job.script
        )
        assert [item.local for item in job.inputs[2:]] == ["five_prime.1.fa", "five_prime.2.fa"]
        assert job.parameters["cutadapt -g"] == "/x/$(one).fa"

    @pytest.mark.parametrize(
        "adapter",
        ["ACGT", "^ACGT", "ACGTN$", "acgtx", "XACGT", "A{12}C", "one=ACGT", "ACGT;e=0.2;o=5;noindels", "^ACGT...TTTT"],
    )
    def test_the_notation_of_cutadapt_is_accepted(self, adapter: str) -> None:
        assert adapter in replace(TRIMMING, three_prime_1=adapter).options()

    @pytest.mark.parametrize(
        "adapter",
        [
            "",
            "ACG T",
            "file:/etc/passwd",
            "^file:x",
            "$(touch x)",
            "ACGT; rm -rf .",
            "--json=x",
            "ACGT\n",
            "A{9999}",
            "ACZT",
        ],
    )
    def test_an_invalid_adapter_is_refused(self, adapter: str) -> None:
        with pytest.raises(InputError, match="is not an adapter: give IUPAC letters"):
            replace(TRIMMING, five_prime_1=adapter)

    @given(adapter=st.text(min_size=1))
    def test_an_adapter_is_neither_a_file_nor_an_option(self, adapter: str) -> None:
        try:
            replace(TRIMMING, three_prime_1=adapter)
        except InputError:
            return
        assert not adapter.startswith("-")
        assert not set(adapter) & set(":/ \n'\"`\\|&<>()")

    @pytest.mark.parametrize("max_n", [-0.1, 1.5, float("nan")])
    def test_a_max_n_that_is_not_a_fraction_is_refused(self, max_n: float) -> None:
        with pytest.raises(InputError, match="is not valid: give a fraction from 0 to 1"):
            replace(TRIMMING, max_n=max_n)

    def test_a_minimum_length_of_zero_is_refused(self) -> None:
        with pytest.raises(InputError, match="minimum_length 0 is not valid"):
            replace(TRIMMING, minimum_length=0)
