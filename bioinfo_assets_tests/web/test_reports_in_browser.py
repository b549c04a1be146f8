"""Reports of the demo in a browser: they open from Dagit and are kept apart from it, and pictures show themselves."""

import pytest
from playwright.sync_api import Page

from bioinfo_assets.web.result_files import PAGE_START
from bioinfo_assets_tests.web.demo_server import SAMPLE

pytestmark = pytest.mark.xdist_group("browser")


def open_report(page: Page, address: str) -> tuple[Page, list[str]]:
    """The page that the link in Dagit opens, and the errors of its scripts."""
    page.goto(f"{address}/assets/multiqc_report?view=overview")
    link = page.locator("a[href='/results/multiqc/multiqc_report.html']").first
    with page.context.expect_page() as opened:
        link.click()
    report, errors = opened.value, list[str]()
    report.get_by_role("heading", name="General Statistics").wait_for()
    report.on("pageerror", lambda error: errors.append(str(error)))
    report.reload()
    report.get_by_role("heading", name="General Statistics").wait_for()
    return report, errors


def test_the_report_opens_from_dagit_and_its_plots_are_drawn(page: Page, address: str) -> None:
    report, errors = open_report(page, address)
    report.locator(".js-plotly-plot svg").first.wait_for()
    report.get_by_role("rowheader", name=SAMPLE).first.wait_for()
    assert errors == []
    report.close()


def test_scripts_of_the_report_cannot_use_dagsters_api(page: Page, address: str) -> None:
    """An image of a mutation as well: Dagster answers to GET."""
    assert page.evaluate("fetch('/graphql?query={__typename}').then((answer) => answer.ok)")  # Dagit's own can
    report, _ = open_report(page, address)
    attempts = {
        "fetch": "fetch('/graphql?query={__typename}').then(() => 'reached', () => 'refused')",
        "image": """new Promise((end) => { const image = new Image(); image.onload = () => end('reached');
            document.addEventListener('securitypolicyviolation', () => end('refused'));
            image.src = '/graphql?query={__typename}'; })""",
        "cookies": "document.cookie === '' ? 'refused' : 'reached'",
        "opener": "window.opener === null ? 'refused' : 'reached'",
    }
    assert {name: report.evaluate(script) for name, script in attempts.items()} == dict.fromkeys(attempts, "refused")
    report.close()


def test_the_storage_of_a_page_works_as_long_as_it_is_open(page: Page, address: str) -> None:
    report, _ = open_report(page, address)
    assert "localStorage" in PAGE_START.decode()
    assert report.evaluate("localStorage.setItem('a', 1), localStorage.getItem('a')") == "1"
    report.reload()
    assert report.evaluate("localStorage.getItem('a')") is None
    report.close()


@pytest.mark.parametrize(("asset", "pictures"), [("insert_size_metrics", 1), ("depth", 1), ("read_quality", 2)])
def test_pictures_show_themselves(page: Page, address: str, asset: str, pictures: int) -> None:
    page.goto(f"{address}/assets/{asset}?view=partitions&partition={SAMPLE}")
    images = page.locator("img[src^='data:image/svg']")
    images.first.wait_for()
    assert images.count() == pictures
    assert all(images.nth(number).evaluate("image => image.naturalWidth") > 100 for number in range(pictures))


def test_the_link_of_an_alignment_goes_on_to_igv(page: Page, address: str) -> None:
    """None is running here: what it would be asked for is compared."""
    page.goto(f"{address}/assets/recalibrated_bam?view=partitions&partition={SAMPLE}")
    with (
        page.context.expect_event("request", lambda request: "60151" in request.url) as request_to_igv,
        page.context.expect_page() as opened,
    ):
        page.locator(f"a[href='/igv/{SAMPLE}/{SAMPLE}.recalib.bam']").first.click()
    assert request_to_igv.value.url == (
        f"http://localhost:60151/load?file={address}/results/{SAMPLE}/{SAMPLE}.recalib.bam"
        f"&genome={address}/results/references/simulated.fa&name={SAMPLE}"
    )
    opened.value.close()


def test_the_general_statistics_are_shown(page: Page, address: str) -> None:
    page.goto(f"{address}/assets/multiqc_report?view=overview")
    page.get_by_role("cell", name="general_statistics").first.wait_for()
    page.get_by_role("cell", name=SAMPLE, exact=True).first.wait_for()
