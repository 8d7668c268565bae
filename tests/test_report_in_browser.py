"""The report, opened from a disk in a real browser without a network."""

import csv
import re
from xml.etree import ElementTree

import pytest
from pages import assert_fits, opened, serious_faults
from runs import write_fields, write_run
from stated_runs import some_centres
from stated_runs import write_run as stated_run

from nucensus.read import read
from nucensus.report import write_report
from nucensus.values import Plane

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
        assert "stands out by nuclei per field" in page.inner_text("#tip")
        assert_fits(page)


def test_the_arrow_keys_go_from_well_to_well(browser, report):
    with shown(browser, report) as page:
        page.focus("td[tabindex='0']")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowRight")
        assert page.inner_text("#tip").startswith("B02: 0 nuclei per field; 0 in 2 of 2 fields")
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


def saved(page, figure, kind, folder):
    """Return the file that a button below a figure saves."""
    with page.expect_download() as waiting:
        page.click(f"{figure} .save button:text-is('{kind}')")
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_every_figure_can_be_saved_as_numbers_and_as_a_drawing(browser, report, tmp_path):
    with shown(browser, report) as page:
        names = page.eval_on_selector_all(
            "figure[data-name]", "all => all.map(f => f.dataset.name)"
        )
        assert len(names) == 3
        for name in names:
            figure = f"figure[data-name='{name}']"
            rows = saved(page, figure, "CSV", tmp_path).read_text().splitlines()
            assert len(rows) > 3
            assert len({row.count(",") for row in rows}) == 1
            drawing = saved(page, figure, "SVG", tmp_path).read_bytes()
            assert ElementTree.fromstring(drawing).tag == "{http://www.w3.org/2000/svg}svg"
            assert read(saved(page, figure, "PNG", tmp_path), Plane(channel=1)).std() > 0


def test_what_is_saved_of_a_plate_is_what_its_wells_hold(browser, report, tmp_path):
    with shown(browser, report) as page:
        text = saved(page, "figure:has(.plate)", "CSV", tmp_path).read_text()
        rows = csv.DictReader(text.splitlines())
        wells = {row["well"]: row for row in rows}
        label = page.get_attribute("td[aria-label^='G07']", "aria-label")
    assert f"G07: {wells['G07']['per_field']} nuclei per field" in label
    assert "C03" not in wells  # it failed


def test_a_saved_plate_has_a_title_a_scale_and_colours_that_every_program_knows(
    browser, report, tmp_path
):
    with shown(browser, report) as page:
        drawing = saved(page, "figure:has(.plate)", "SVG", tmp_path).read_text()
        scale = page.inner_text(".scale.per_field")
    parts = list(ElementTree.fromstring(drawing).iter())
    texts = [part.text for part in parts if part.tag.endswith("text")]
    assert "of 96 wells with images" in texts[0]
    assert " ".join(texts[-2:]).split() == scale.split()
    assert "H" in texts
    fills = {part.get("fill") for part in parts if part.tag.endswith(("rect", "text"))}
    assert all(re.fullmatch(r"rgb\(\d+,\d+,\d+\)|none", fill) for fill in fills)
    assert len(fills) > 20
    crosses = [part for part in parts if part.tag.endswith("path")]
    assert len(crosses) == 1  # C03 failed


def test_one_channel_is_shown_at_a_time(browser, tmp_path):
    images = {
        f"A01_{channel}.tif": (
            some_centres(count, seed=count), {"plate": "P", "well": "A01", "channel": channel}
        )
        for channel, count in (("DAPI", 40), ("GFP", 7))
    }  # fmt: skip
    write_report(stated_run(tmp_path, images), tmp_path / "report.html")
    with shown(browser, (tmp_path / "report.html").as_uri()) as page:
        well = page.locator("td[aria-label^='A01']:visible")
        assert "40 in 1 of 1 field" in well.get_attribute("aria-label")
        page.select_option("#view", label="channel GFP")
        assert "7 in 1 of 1 field" in well.get_attribute("aria-label")
        assert page.locator(".histograms h3:visible").all_inner_texts() == [
            "Nuclei per field, channel GFP 1 field", "Intensity of nuclei, channel GFP 7 nuclei",
        ]  # fmt: skip
