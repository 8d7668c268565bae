"""The report, opened from a disk in a real browser without a network."""

import pytest
from pages import assert_fits, opened, serious_faults
from runs import write_fields, write_run

from nucensus.report import write_report

LOOKS = [
    ("desk", "light"),
    ("phone", "dark"),
    pytest.param("desk", "dark", marks=pytest.mark.slow),
    pytest.param("phone", "light", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    with write_run(folder / "run", write_fields(folder / "images")) as run:
        write_report(run, folder / "report.html")
    return (folder / "report.html").as_uri()


def shown(browser, report, **look):
    return opened(browser, report, origin="file:", offline=True, **look)


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_a_well_says_what_it_holds_when_it_is_pointed_at(browser, report, size, scheme):
    with shown(browser, report, size=size, scheme=scheme) as page:
        page.hover("td[aria-label^='G07']")
        assert "stands out by count" in page.inner_text("#tip")
        assert_fits(page)


def test_the_arrow_keys_go_from_well_to_well(browser, report):
    with shown(browser, report) as page:
        page.focus("td[tabindex='0']")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowRight")
        assert page.inner_text("#tip").startswith("B02: 0 nuclei in 2 of 2 fields")
        page.keyboard.press("Escape")
        assert not page.is_visible("#tip")


def _looks_of(page, well):
    code = """(cell) => [getComputedStyle(cell).backgroundColor,
        getComputedStyle(cell).backgroundImage, getComputedStyle(cell).boxShadow].join()"""
    return page.eval_on_selector(f"td[aria-label^='{well}']", code)


def test_a_missing_a_failed_and_an_empty_well_look_different(browser, report):
    with shown(browser, report) as page:
        assert len({_looks_of(page, well) for well in ("H12", "C03", "B02", "A01")}) == 4


def test_the_heat_map_shows_another_metric_when_asked(browser, report):
    with shown(browser, report) as page:
        before = _looks_of(page, "A05")
        page.check("#metric-intensity")
        assert _looks_of(page, "A05") != before
        assert page.is_visible(".scale.intensity")
        assert not page.is_visible(".scale.count")


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_a_picture_is_shown_large_and_escape_closes_it(browser, report, size, scheme):
    with shown(browser, report, size=size, scheme=scheme) as page:
        picture = page.locator(".pictures button").first
        small = picture.bounding_box()
        picture.click()
        large = page.locator("dialog svg")
        assert large.bounding_box()["width"] >= small["width"]
        assert large.locator(".rings").get_attribute("d").startswith("M")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Escape")
        assert not page.is_visible("dialog")


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_the_report_has_no_serious_fault_of_accessibility(browser, report, size, scheme):
    with shown(browser, report, size=size, scheme=scheme) as page:
        assert serious_faults(page) == []
