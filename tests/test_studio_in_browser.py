"""The studio, driven in a real browser: from a folder to its tables without typing."""

import csv
import subprocess
import sys

import pytest
import tifffile
from pages import assert_fits, opened, serious_faults, wait_until

from nucensus.values.synthetic import make_field


@pytest.fixture(scope="module")
def plates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plates")
    (folder / "monday").mkdir()
    for number, well in enumerate(("A01", "A02", "B01")):
        for channel in (1, 2):
            image = make_field(number, shape=(200, 240), nuclei=12).image
            tifffile.imwrite(folder / "monday" / f"plate1_{well}_s1_w{channel}.tif", image)
    return folder


@pytest.fixture(scope="module")
def address(plates):
    command = [sys.executable, "-m", "nucensus", "studio", str(plates), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().strip()
        process.terminate()


def test_a_folder_becomes_a_table_without_typing(browser, address, plates, tmp_path):
    with opened(browser, address, origin=address) as page:
        page.click("#folders button")
        page.click("#look")
        wait_until(page, "!document.getElementById('question').hidden")
        assert "channel" in page.inner_text("#question")
        assert not page.is_visible("#count")
        page.select_option("[name=channel]", "1")
        wait_until(page, "document.getElementById('question').hidden")
        assert page.inner_text("#summary") == "3 images to count"
        assert page.locator(".wells .has").count() == 3
        page.click("#count")
        wait_until(page, "!document.getElementById('found').hidden")
        assert "in 3 of 3 images" in page.inner_text("#far")
        assert "--channel=1" in page.inner_text("#command")
        wait_until(
            page, "document.getElementById('report').contentDocument?.readyState === 'complete'"
        )
        with page.expect_download() as download:
            page.click("[href='run/images.csv']")
        download.value.save_as(tmp_path / "images.csv")
        rows = csv.DictReader((tmp_path / "images.csv").read_text("utf-8").splitlines())
        total = int(page.inner_text("#far").split()[0].replace(",", ""))
        assert sum(int(row["count"]) for row in rows) == total > 0
    assert (plates / "monday" / "nucensus-run" / "report.html").is_file()


@pytest.mark.parametrize(("size", "scheme"), [("desk", "light"), ("phone", "dark")])
def test_every_step_can_be_read_by_everybody(browser, address, plates, size, scheme):
    with opened(browser, address, origin=address, size=size, scheme=scheme) as page:
        wait_until(page, "document.getElementById('inside').textContent !== ''")
        page.fill("#folder", str(plates / "monday"))
        page.click("#look")
        wait_until(page, "!document.getElementById('seen').hidden")
        page.select_option("[name=channel]", "1")
        wait_until(page, "!document.getElementById('counting').hidden")
        assert_fits(page)
        assert serious_faults(page) == []
