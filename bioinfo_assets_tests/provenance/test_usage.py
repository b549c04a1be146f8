"""What jobs used, added up from their records; every expected figure is calculated by hand in its test."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.accounting import Accounting
from bioinfo_assets.provenance.catalog import open_catalog
from bioinfo_assets.provenance.usage.page import render_page, write_page
from bioinfo_assets.provenance.usage.prices import PriceTable, read_prices, sample_prices
from bioinfo_assets.provenance.usage.report import make_report, notes
from bioinfo_assets.provenance.usage.timeline import ROW_HEIGHT, WAITING, WIDTH, draw_timeline
from bioinfo_assets.provenance.usage.totals import Usage
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.provenance.usage_project import DISK_MIB_PER_VCPU, record_job, report_of, spans_of
from bioinfo_assets_tests.records.recorded_results import FINISHED
from bioinfo_assets_tests.servers import s3, s3_server

__all__ = ["s3", "s3_server"]  # fixtures

GB = 2**30
PRICES = PriceTable(
    currency="EUR", date=date(2026, 1, 2), source="contract 7", vcpu_hour=0.05, gib_hour=0.01, storage_gb_month=0.02
)
ALIGNMENT = Accounting(
    vcpus=8,
    memory_mib=2048,
    disk_mib=100,
    queue="spot",
    queued_s=600,
    staging_s=900,
    fetched_bytes=1000,
    upload_s=900,
    uploaded_bytes=500,
    retried_s=1800,
)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(Store(), str(tmp_path))


class TestTotals:
    def test_a_job_has_its_cpus_and_memory_from_staging_to_upload_and_in_lost_attempts(self, ledger: Ledger) -> None:
        record_job(ledger, "aligned_bam", "a", hours=1, cpu_s=7200.0, accounting=ALIGNMENT)
        total = report_of(ledger).cohort
        # 3600 s of script, 900 of staging, 900 of upload and 1800 lost are 2 hours: with 8 CPUs and 2 GiB.
        assert (total.vcpu_hours, total.gib_hours) == (16, 4)
        assert total.busy_share == 0.25  # 7200 s of 8 times 3600
        assert (total.queued_s, total.staging_s, total.upload_s, total.retried_s) == (600, 900, 900, 1800)
        assert (total.fetched_bytes, total.uploaded_bytes) == (1000, 500)

    def test_steps_samples_and_shared_results_are_added_up_apart(self, ledger: Ledger) -> None:
        two = Accounting(vcpus=2, memory_mib=1024)
        record_job(ledger, "reference_index", "references", hours=3, accounting=two)
        for scope in ("a", "b"):
            record_job(ledger, "aligned_bam", scope, hours=2, stored=100, accounting=two)
        record_job(ledger, "depth", "a", hours=1, stored=10, accounting=two)
        report = report_of(ledger)
        assert [(step.name, step.jobs, step.vcpu_hours) for step in report.steps] == [
            ("aligned_bam", 2, 8),
            ("reference_index", 1, 6),
            ("depth", 1, 2),
        ]
        assert [(sample.name, sample.vcpu_hours, sample.stored_bytes) for sample in report.samples] == [
            ("a", 6, 110),
            ("b", 4, 100),
        ]
        assert [scope.name for scope in report.shared] == ["references"]
        assert (report.cohort.jobs, report.cohort.vcpu_hours, report.cohort.stored_bytes) == (4, 16, 210)

    def test_retries_are_counted(self, ledger: Ledger) -> None:
        for scope, attempts in (("a", 1), ("b", 3), ("c", 2)):
            record_job(ledger, "depth", scope, attempts=attempts)
        assert report_of(ledger).cohort.retries == 3

    def test_a_released_file_takes_no_space(self, ledger: Ledger) -> None:
        record = record_job(ledger, "aligned_bam", "a", stored=100)
        record_job(ledger, "depth", "a", stored=10)
        released = replace(record.outputs[0], released=record.finished)
        ledger.write(record.model_copy(update={"outputs": (released,)}))
        assert report_of(ledger).cohort.stored_bytes == 10

    def test_a_replaced_result_is_counted_apart_and_takes_no_space(self, ledger: Ledger) -> None:
        single = Accounting(vcpus=1, memory_mib=1024)
        ledger.withdraw(record_job(ledger, "depth", "a", hours=5, stored=70, accounting=single))
        record_job(ledger, "depth", "a", hours=1, stored=60, accounting=single)
        report = report_of(ledger)
        assert (report.cohort.vcpu_hours, report.cohort.stored_bytes) == (1, 60)
        assert (report.replaced.jobs, report.replaced.vcpu_hours, report.replaced.stored_bytes) == (1, 5, 0)
        assert "1 jobs of results that were replaced later are not included: 5.00 vCPU hours." in notes(report)

    @pytest.mark.parametrize("origin", [{"imported": True}, {"copied_from": "/other/a/records/depth.json"}])
    def test_a_result_that_no_job_computed_here_counts_as_stored_only(
        self, ledger: Ledger, origin: dict[str, Any]
    ) -> None:
        record_job(ledger, "depth", "a", hours=5, stored=70, accounting=ALIGNMENT, **origin)
        total = report_of(ledger).cohort
        assert (total.results, total.jobs, total.vcpu_hours, total.wall_s, total.stored_bytes) == (1, 0, None, None, 70)

    def test_files_outside_of_the_output_path_are_not_stored_in_it(self, ledger: Ledger) -> None:
        record = record_job(ledger, "depth", "a", stored=70)
        elsewhere = replace(record.outputs[0], uri=f"{ledger.output_path}-2/a.bam")
        ledger.write(record.model_copy(update={"outputs": (elsewhere,)}))
        assert report_of(ledger).cohort.stored_bytes == 0

    def test_records_of_older_versions_have_times_and_no_costs(self, ledger: Ledger) -> None:
        record_job(ledger, "depth", "a", hours=2, cpu_s=60.0)
        record_job(ledger, "depth", "b", hours=1, accounting=Accounting(vcpus=4, memory_mib=1024))
        report = report_of(ledger, PRICES)
        assert (report.cohort.wall_s, report.cohort.vcpu_hours, report.cohort.jobs_without_accounting) == (
            3 * 3600,
            4,
            1,
        )
        assert any(note.startswith("1 of 2 jobs have records of an older version") for note in notes(report))

    def test_a_changed_record_changes_the_report(self, ledger: Ledger, tmp_path: Path) -> None:
        (tmp_path / "home").mkdir()
        for hours in (1, 2):
            record_job(ledger, "depth", "a", hours=hours, accounting=Accounting(vcpus=1, memory_mib=1024))
            with open_catalog(ledger, tmp_path / "home") as catalog:
                assert Usage.of(catalog, ledger.output_path).in_all().vcpu_hours == hours


class TestPrices:
    def test_the_price_is_that_of_cpus_memory_and_a_month_of_storage(self, ledger: Ledger) -> None:
        record_job(ledger, "aligned_bam", "a", hours=1, stored=50 * GB, accounting=ALIGNMENT)
        report = report_of(ledger, PRICES)
        # 16 vCPU hours at 0.05 and 4 GiB hours at 0.01; 50 GB at 0.02.
        assert PRICES.compute(report.cohort) == pytest.approx(0.84)
        assert PRICES.storage_per_month(report.cohort) == pytest.approx(1.0)
        assert report.price_cells(report.cohort) == ("EUR 0.84", "EUR 1.00")

    def test_the_prices_of_one_genome(self, ledger: Ledger) -> None:
        # 270 vCPU hours at 0.0504 are 13.608; 301 GB at 0.023 a month are 6.923.
        record_job(
            ledger, "all", "NA12878", hours=27, stored=301 * GB, accounting=Accounting(vcpus=10, memory_mib=1024)
        )
        prices = PRICES.model_copy(update={"vcpu_hour": 0.0504, "gib_hour": 0.0, "storage_gb_month": 0.023})
        report = report_of(ledger, prices)
        assert report.price_cells(report.samples[0]) == ("EUR 13.61", "EUR 6.92")

    def test_the_sample_is_a_valid_table_and_marked_as_a_sample(self, tmp_path: Path, ledger: Ledger) -> None:
        file = tmp_path / "prices.toml"
        file.write_text(sample_prices(), encoding="utf-8")
        prices = read_prices(file)
        assert prices.sample
        record_job(ledger, "depth", "a")
        assert notes(report_of(ledger, prices))[0].startswith("THE PRICES ARE A SAMPLE")
        assert "The prices are a sample" in render_page(report_of(ledger, prices), spans_of(ledger))

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            (("vcpu_hour = 0.0425", "vcpu_hour = -1"), "vcpu_hour is -1: input should be greater than or equal to 0"),
            (("gib_hour = 0.0", 'gib_hour = "free"'), "gib_hour is 'free': input should be a valid number"),
            (("gib_hour = 0.0", "gib_hour = inf"), "gib_hour is inf: input should be a finite number"),
            (("gib_hour = 0.0", ""), "gib_hour is missing: add it, as in the table that --sample-prices prints"),
            (("gib_hour = 0.0", "gib_hours = 0.0\ngib_hour = 0"), "gib_hours is unknown: did you mean gib_hour?"),
            (("date = 2026-11-26", 'date = "yesterday"'), "date is 'yesterday': input should be a valid date"),
            (("currency =", "currency"), "is not TOML"),
        ],
        ids=lambda value: str(value)[:30],
    )
    def test_a_wrong_table_is_reported_in_one_sentence(
        self, tmp_path: Path, change: tuple[str, str], problem: str
    ) -> None:
        file = tmp_path / "prices.toml"
        text = sample_prices()
        assert change[0] in text
        file.write_text(text.replace(*change, 1), encoding="utf-8")
        with pytest.raises(InputError) as error:
            read_prices(file)
        assert str(file) in str(error.value)
        assert problem in str(error.value)
        assert "\n" not in str(error.value)


class TestSuggestions:
    def measure(self, ledger: Ledger, jobs: int, **changes: int) -> list[str]:
        """The suggestions for as many jobs, the n-th of which used 1911 - n MiB and 1.5 CPUs."""
        requested = {"vcpus": 8, "memory_mib": 12_805, "disk_mib": 100, **changes}
        for number in range(jobs):
            peak = 1911.0 - number
            record_job(
                ledger,
                "depth",
                f"s{number}",
                cpu_s=1.5 * 3600,
                peak_memory_mib=peak,
                accounting=Accounting(**requested),
            )
        return [item.message for item in report_of(ledger).suggestions]

    def test_what_was_never_used_is_suggested_away_with_a_margin(self, ledger: Ledger) -> None:
        # 1.5 times 1911 and 512 are 3378.5, which is rounded up to 14 times 256; 1.25 times 1.5 CPUs to 2.
        assert self.measure(ledger, 40) == [
            (
                "depth asks for 12,805 MiB of memory, and the largest process of 40 jobs used 1,911: "
                "set [steps.depth] memory_mib = 3584"
            ),
            (
                "depth asks for 8 vCPUs, and the busiest of 40 jobs used 1.5 on average: "
                "set [steps.depth] vcpus = 2; what uses all CPUs takes longer then"
            ),
        ]

    def test_few_jobs_are_no_reason(self, ledger: Ledger) -> None:
        assert self.measure(ledger, 9) == []

    def test_memory_that_is_nearly_used_is_left_alone(self, ledger: Ledger) -> None:
        assert self.measure(ledger, 12, memory_mib=4479, vcpus=2) == []  # 3584 is more than 0.8 of it
        assert len(self.measure(ledger, 12, memory_mib=4480, vcpus=2)) == 1

    def test_a_job_keeps_the_cpus_that_hold_its_share_of_the_disk(self, ledger: Ledger) -> None:
        assert "vcpus = 4;" in self.measure(ledger, 12, disk_mib=3 * DISK_MIB_PER_VCPU + 1)[-1]


class TestPage:
    def test_the_page_is_complete_and_escaped(self, tmp_path: Path) -> None:
        ledger = Ledger(Store(), str(tmp_path / "<script>alert(1)&"))
        record_job(ledger, "depth", "a", accounting=ALIGNMENT)
        source = "</style><script>"
        page = render_page(report_of(ledger, PRICES.model_copy(update={"source": source})), spans_of(ledger))
        assert "<script" not in page
        assert "&lt;script&gt;alert(1)&amp;" in page
        assert "http" not in page  # it asks no server for anything
        text = page[page.index("<svg") : page.index("</svg>") + len("</svg>")]
        svg = ET.fromstring(text)  # noqa: S314 - our own
        titles = [title.text or "" for title in svg.iter("title")]
        assert any(title.startswith("a: depth, 1 h 0 min; waited 10 min 0 s, staged 15 min 0 s;") for title in titles)

    def test_each_sample_has_a_row_with_its_jobs_in_order(self, ledger: Ledger) -> None:
        for scope, day in (("late", 1), ("early", 0)):
            for number, asset in enumerate(("aligned_bam", "depth")):
                started = FINISHED + timedelta(hours=day + number)
                record_job(ledger, asset, scope, started=started, hours=1)
        timeline = draw_timeline(spans_of(ledger))
        assert timeline is not None
        assert [row.text for row in timeline.rows] == ["early", "late"]
        assert list(timeline.legend) == ["aligned_bam", "depth"]
        early = [bar for bar in timeline.bars if 0 < bar.y - timeline.rows[0].at < ROW_HEIGHT]
        assert early[1].x == pytest.approx(early[0].x + early[0].width)
        assert early[0].width == pytest.approx(early[1].width)

    def test_jobs_of_a_sample_that_ran_at_the_same_time_are_both_seen(self, ledger: Ledger) -> None:
        waited = Accounting(vcpus=1, memory_mib=1024, queued_s=3600)
        record_job(ledger, "depth", "a", hours=2)
        record_job(ledger, "metrics", "a", started=FINISHED + timedelta(hours=1), hours=2, accounting=waited)
        record_job(ledger, "later", "a", started=FINISHED + timedelta(hours=3), hours=1)
        timeline = draw_timeline(spans_of(ledger))
        assert timeline is not None
        waiting, depth, metrics, later = timeline.bars
        assert waiting.color == WAITING  # behind the others
        assert depth.y + depth.height == metrics.y
        assert later.height == depth.height + metrics.height

    def test_a_time_in_which_nothing_ran_is_left_out(self, ledger: Ledger) -> None:
        for scope, started in (("a", FINISHED), ("b", FINISHED + timedelta(days=300))):
            record_job(ledger, "depth", scope, started=started, hours=1)
        timeline = draw_timeline(spans_of(ledger))
        assert timeline is not None
        assert [mark.text for mark in timeline.breaks] == ["299 d 23 h"]
        first, second = timeline.bars
        assert first.width == pytest.approx(second.width)
        assert first.width > WIDTH / 3
        assert second.x + second.width <= WIDTH

    def test_jobs_of_many_days_are_drawn_in_their_order(self, ledger: Ledger) -> None:
        """As of a batch each day for two months: the gaps together leave room for the jobs."""
        for day in range(60):
            record_job(ledger, "depth", f"s{day:02}", started=FINISHED + timedelta(days=day), hours=1 + day % 2)
        timeline = draw_timeline(spans_of(ledger))
        assert timeline is not None
        for before, after in pairwise(timeline.bars):
            assert before.x + before.width < after.x
        assert timeline.bars[1].width == pytest.approx(2 * timeline.bars[0].width)
        assert timeline.bars[-1].x + timeline.bars[-1].width <= WIDTH

    def test_of_many_samples_those_with_the_longest_jobs_are_drawn(self, ledger: Ledger) -> None:
        for number, hours in enumerate((1, 5, 3)):
            record_job(ledger, "depth", f"s{number}", hours=hours)
        record_job(ledger, "reference_index", "references", hours=50)
        spans = spans_of(ledger, max_samples=2)
        assert {span.scope for span in spans} == {"s1", "s2"}

    def test_a_project_without_jobs_of_samples_has_no_timeline(self, ledger: Ledger) -> None:
        record_job(ledger, "depth", "a", imported=True)
        assert draw_timeline(spans_of(ledger)) is None
        assert "<svg" not in render_page(report_of(ledger), spans_of(ledger))

    def test_times_are_those_of_the_records(self, ledger: Ledger) -> None:
        record_job(ledger, "depth", "a", hours=2)
        (span,) = spans_of(ledger)
        assert span.started == pytest.approx(FINISHED.timestamp(), abs=0.01)
        assert datetime.fromtimestamp(span.finished, FINISHED.tzinfo) - FINISHED == pytest.approx(
            timedelta(hours=2), abs=timedelta(seconds=0.01)
        )

    def test_the_page_is_written_to_s3_as_well(self, s3: str) -> None:
        ledger = Ledger(Store(), f"{s3}/results")
        record_job(ledger, "depth", "a", hours=2, accounting=ALIGNMENT)
        with open_catalog(ledger, None) as catalog:
            usage = Usage.of(catalog, ledger.output_path)
            report = make_report(usage, ledger.output_path, None, DISK_MIB_PER_VCPU)
            uri = write_page(ledger, usage, report)
        assert uri == f"{s3}/results/resource_usage.html"
        assert b"<svg" in Store().read_bytes(uri)
        assert report.cohort.vcpu_hours == 24
