import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.errors import InputError
from bioinfo_assets.steps.files import ReadFiles
from bioinfo_assets.steps.layout import Layout
from bioinfo_assets.steps.trimming import TRUSEQ_1, TRUSEQ_2, Trimming, trim_reads
from bioinfo_assets_tests.steps.bench import Made, stored
from bioinfo_assets_tests.steps.builders import LAYOUT, fastq, reads, record, somewhere, text_of

INSERT = "GATCACAGGTCTATCACCCTATTAACCACTCACGGGAGCTCTCCATGCATT"


def pair(folder, first: list[str], second: list[str]) -> ReadFiles:
    return ReadFiles(fastq(folder / "expt.1.fastq.gz", first), fastq(folder / "expt.2.fastq.gz", second))


def trimmed(bench, folder, files: ReadFiles, trimming: Trimming) -> Made:
    return bench.run(trim_reads("expt", files, trimming, Layout(str(folder / "out"))))


def bases(made: Made, key: str) -> list[str]:
    return text_of(made.path(key)).split("\n")[1::4]


class TestWhatIsCut:
    def test_read_through_into_truseq_adapters(self, bench, tmp_path):
        files = pair(tmp_path, [record("a", INSERT + TRUSEQ_1)], [record("a", INSERT + TRUSEQ_2)])
        made = trimmed(bench, tmp_path, files, Trimming.truseq())
        assert bases(made, "reads1") == bases(made, "reads2") == [INSERT]

    def test_an_adapter_before_a_read_from_a_file(self, bench, tmp_path):
        adapters = tmp_path / "adapter's $(list).fa"
        adapters.write_text(">one\nTTGGTTGGTTGG\n")
        files = pair(tmp_path, [record("a", "TTGGTTGGTTGG" + INSERT)], [record("a", INSERT)])
        made = trimmed(bench, tmp_path, files, Trimming(five_prime_1=stored(adapters)))
        assert bases(made, "reads1") == bases(made, "reads2") == [INSERT]

    def test_gs_without_signal(self, bench, tmp_path):
        files = pair(tmp_path, [record("a", INSERT + "G" * 30)], [record("a", INSERT)])
        assert bases(trimmed(bench, tmp_path, files, Trimming(poly_g=True)), "reads1") == [INSERT]

    def test_nothing_but_pairs_with_unknown_bases_unless_told(self, bench, tmp_path):
        unknown = INSERT[:-6] + "NNNNNN"  # 6 of 51, more than a tenth is not
        too_many = INSERT[:-5] + "NNNNNN"
        assert unknown.count("N") / len(unknown) > 0.1 > 5 / 51
        first = [record("a", INSERT + TRUSEQ_1), record("b", too_many), record("c", INSERT)]
        second = [record(name, INSERT) for name in "abc"]
        made = trimmed(bench, tmp_path, pair(tmp_path, first, second), Trimming())
        assert bases(made, "reads1") == [INSERT + TRUSEQ_1, INSERT]
        assert made.report.facts == {"pairs_in": "3", "pairs_out": "2"}

    def test_a_read_that_is_all_adapter_takes_its_pair_with_it(self, bench, tmp_path):
        first = [record("a", TRUSEQ_1), record("b", INSERT)]
        second = [record("a", INSERT), record("b", INSERT)]
        made = trimmed(bench, tmp_path, pair(tmp_path, first, second), Trimming.truseq())
        assert bases(made, "reads1") == bases(made, "reads2") == [INSERT]


def test_the_comment_with_the_read_group_stays(chain):
    names = text_of(chain.made["trimmed_reads"].path("reads1")).split("\n")[::4][:-1]
    assert all(re.fullmatch(r"@[^ \t]+\tRG:Z:\w+\.\d", name) for name in names)


def test_the_report_is_there_as_text_and_json(chain):
    made = chain.made["trimmed_reads"]
    counts = json.loads(made.path("json").read_text())["read_counts"]
    assert made.report.facts == {"pairs_in": str(counts["input"]), "pairs_out": str(counts["output"])}
    assert "=== Summary ===" in made.path("log").read_text()


class TestFailures:
    def test_no_pair_left(self, bench, tmp_path):
        files = pair(tmp_path, [record("a", "N" * 50)], [record("a", INSERT)])
        assert bench.failure(trim_reads("expt", files, Trimming(), LAYOUT)) == (
            "none of the 1 read pairs of expt passed trimming: check its adapters, max_n and minimum_length"
        )

    def test_an_adapter_file_that_is_no_fasta(self, bench, tmp_path):
        adapters = tmp_path / "adapters.txt"
        adapters.write_text("ACGT\n")
        files = pair(tmp_path, [record("a")], [record("a")])
        reason = bench.failure(trim_reads("expt", files, Trimming(three_prime_2=stored(adapters)), LAYOUT))
        assert "the adapter file adapters.txt is not FASTA" in reason

    def test_cutadapts_own_failure_is_not_lost(self, bench, tmp_path):
        files = pair(tmp_path, [record("a")], [record("a"), record("b")])
        assert "failed with exit code 1" in bench.failure(trim_reads("expt", files, Trimming(), LAYOUT))


class TestOptions:
    def test_by_default_they_are_the_seeds(self):
        assert Trimming().options() == ["--pair-filter=any", "--max-n", "0.1"]

    def test_a_minimum_length_goes_with_every_cut(self):
        assert Trimming(poly_g=True).options()[3:] == ["-m", "20", "--nextseq-trim", "20"]
        assert Trimming(five_prime_2="ACGT").options()[3:] == ["-m", "20", "-G", "ACGT"]

    def test_adapter_files_are_inputs_under_names_of_ours(self):
        trimming = Trimming(
            five_prime_1=somewhere("/x/$(one).fa"), five_prime_2=somewhere("/y/two.fa"), minimum_length=31
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
    def test_cutadapts_notation_is_taken(self, adapter):
        assert adapter in Trimming(three_prime_1=adapter).options()

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
    def test_what_is_no_adapter_is_refused(self, adapter):
        with pytest.raises(InputError, match="is not an adapter: give IUPAC letters"):
            Trimming(five_prime_1=adapter)

    @given(adapter=st.text(min_size=1))
    def test_no_adapter_reads_a_file_or_is_an_option(self, adapter):
        try:
            Trimming(three_prime_1=adapter)
        except InputError:
            return
        assert not adapter.startswith("-")
        assert not set(adapter) & set(":/ \n'\"`\\|&<>()")

    @pytest.mark.parametrize("numbers", [{"max_n": -0.1}, {"max_n": float("nan")}, {"minimum_length": 0}])
    def test_impossible_numbers_are_refused(self, numbers):
        with pytest.raises(InputError, match="is not possible"):
            Trimming(**numbers)
