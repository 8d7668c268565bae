"""The tuner, driven in a real browser."""

import subprocess
import sys
import tomllib
from contextlib import contextmanager

import numpy as np
import pytest
import tifffile
from pages import assert_fits, opened, serious_faults, wait_until
from runs import write_fields
from scenes import draw_stained
from test_tune import in_colour

from nucensus import census, open_run
from nucensus.score.field_name import field_name
from nucensus.score.truth import read_truth

LOOKS = [
    ("desk", "light"),
    ("phone", "dark"),
    pytest.param("desk", "dark", marks=pytest.mark.slow),
    pytest.param("phone", "light", marks=pytest.mark.slow),
]


def serve(folder, *options):
    """Start the tuner on `folder` and return the process and the address it printed."""
    arguments = map(str, ("tune", folder, "--no-browser", *options))
    command = [sys.executable, "-m", "nucensus", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def stop(process):
    process.terminate()
    process.wait()
    process.stdout.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tune")
    write_fields(folder)
    process, address = serve(folder)
    yield address
    stop(process)


def shown(browser, address, **look):
    return opened(browser, address, origin=address, **look)


def wait_for_answer(page, action):
    """Do something and wait until the rings have followed."""
    before = int(page.get_attribute("body", "data-answers") or 0)
    action()
    wait_until(page, f"Number(document.body.dataset.answers || 0) > {before}")
    wait_until(page, "!asking && !changedAt")


def settle(page, detector="maxima"):
    wait_until(page, "document.getElementById('command').textContent !== ''")
    if page.evaluate("settings.detector") != detector:
        choose(page, detector)
    wait_until(page, "document.querySelectorAll('#sample li').length > 0")


def choose(page, detector):
    wait_for_answer(page, lambda: page.check(f"[name=detector][value={detector}]"))


def count(page):
    return int(page.inner_text("#count"))


def rings(page):
    return page.evaluate("document.getElementById('rings').toDataURL()")


def put(page, slider, value):
    code = "(e, v) => { e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})) }"
    wait_for_answer(page, lambda: page.eval_on_selector(slider, code, value))


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_the_rings_follow_the_slider(browser, address, size, scheme):
    with shown(browser, address, size=size, scheme=scheme) as page:
        settle(page)
        before, drawn = count(page), rings(page)
        page.focus("#threshold")
        for _ in range(3):
            wait_for_answer(page, lambda: page.keyboard.press("PageUp"))
        assert count(page) < before
        assert rings(page) != drawn
        assert_fits(page)


def test_every_setting_reaches_the_command_line_and_the_file(browser, address, tmp_path):
    with shown(browser, address) as page:
        settle(page)
        put(page, "#sigma", "3")
        put(page, "#distance", "9")
        wait_for_answer(page, lambda: page.fill("#threshold-number", "450"))
        wait_for_answer(page, lambda: page.check("[value=drop]"))
        with page.expect_download() as download:
            page.click("#save")
        download.value.save_as(tmp_path / "settings.toml")
        saved = tomllib.loads((tmp_path / "settings.toml").read_text())
        put_in = {"sigma": 3, "min_distance": 9, "threshold": 450, "border": "drop"}
        assert {name: saved[name] for name in put_in} == put_in
        command = page.inner_text("#command")
        assert "--sigma=3 --min-distance=9 --threshold=450 --border=drop" in command


def sliders(page):
    return [each.get_attribute("id") for each in page.locator("section [type=range]:visible").all()]


def test_every_detector_has_the_sliders_that_it_needs(browser, address):
    with shown(browser, address) as page:
        settle(page, "auto")
        found = count(page)
        assert found > 0
        assert sliders(page) == ["black", "white"]
        assert page.inner_text("#command").strip().endswith("-o run --border=keep")
        choose(page, "log")
        assert sliders(page) == ["least", "most", "threshold", "black", "white"]
        assert abs(count(page) - found) < 0.3 * found
        put(page, "#most", "3")
        assert page.evaluate("settings.sigma") == [page.evaluate("settings.sigma")[0], 3]
        choose(page, "maxima")
        assert sliders(page) == ["sigma", "distance", "threshold", "black", "white"]
        choose(page, "log")
        assert page.input_value("#most-number") == "3"
        wait_until(page, "words.command.includes('--detector=log --sigma=')")
        choose(page, "auto")
        assert count(page) == found


def test_nuclei_at_the_edge_are_dropped_kept_or_counted_on_two_edges(browser, address):
    with shown(browser, address) as page:
        settle(page, "auto")
        counts = {}
        for border in ("keep", "count", "drop"):
            if border != "keep":
                wait_for_answer(page, lambda b=border: page.check(f"[name=border][value={b}]"))
            counts[border] = count(page)
        assert counts["keep"] > counts["count"] > counts["drop"]


def test_marks_are_made_and_taken_back_and_scored(browser, address):
    with shown(browser, address) as page:
        settle(page)
        x, y = page.evaluate("toScreen(field.points[0], field.points[1])")
        page.click("#rings", position={"x": x, "y": y})
        found = count(page)
        assert f"Precision {100 * (found - 1) / found:.1f} %" in page.inner_text("#score")
        assert "recall 100.0 %" in page.inner_text("#score")
        page.click("#rings", position={"x": x, "y": y})
        assert "Precision 100.0 %" in page.inner_text("#score")
        page.focus("#rings")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Space")
        assert "100.0 %" in page.inner_text("#score")
        page.click("#clear")
        assert "Click a nucleus" in page.inner_text("#score")


def test_marks_are_saved_as_a_truth_that_evaluate_takes(browser, address, tmp_path):
    with shown(browser, address) as page:
        settle(page)
        assert not page.is_visible("#save-truth")
        x, y = page.evaluate("toScreen(field.points[0], field.points[1])")
        page.click("#rings", position={"x": x, "y": y})
        found, name = (
            page.evaluate("pairs(field.points)"),
            page.evaluate("start.fields[field.index]"),
        )
        with page.expect_download() as download:
            page.click("#save-truth")
        download.value.save_as(tmp_path / "truth.csv")
    truth = read_truth(tmp_path / "truth.csv")
    assert list(truth) == [field_name(name)]
    assert sorted(map(tuple, truth[field_name(name)])) == sorted((y, x) for x, y in found[1:])


def test_keys_go_to_the_next_field_and_back(browser, address):
    with shown(browser, address) as page:
        settle(page)
        wait_for_answer(page, lambda: page.keyboard.press("n"))
        assert page.inner_text("#name") == "field_01.tif"
        wait_for_answer(page, lambda: page.keyboard.press("p"))
        assert page.inner_text("#name") == "field_00.tif"
        wait_for_answer(page, lambda: page.locator("#sample button").nth(3).click())
        assert page.inner_text("#name") == "field_03.tif"


def test_the_wheel_zooms_and_dragging_moves(browser, address):
    with shown(browser, address) as page:
        settle(page)
        before = page.evaluate("({...view})")
        page.mouse.move(400, 300)
        page.mouse.wheel(0, -300)
        page.mouse.down()
        page.mouse.move(460, 320, steps=4)
        page.mouse.up()
        after = page.evaluate("({...view})")
        assert after["scale"] > before["scale"]
        assert after["x"] != before["x"]
        assert page.inner_text("#score").startswith("Click")


def test_a_setting_without_a_meaning_is_explained_and_mended(browser, address):
    with shown(browser, address) as page:
        settle(page)
        page.evaluate("complain(new Error('the reason'))")
        assert page.inner_text("#problem") == "the reason"
        put(page, "#sigma", "2")
        assert not page.is_visible("#problem")


def test_a_page_of_another_site_gets_nothing(browser, address):
    context = browser.new_context()
    page = context.new_page()
    page.route("http://elsewhere.test/", lambda route: route.fulfill(body="<p>Elsewhere"))
    page.goto("http://elsewhere.test/")
    asked = f"fetch('{address}describe').then(() => 'read', () => 'refused')"
    assert page.evaluate(asked) == "refused"
    context.close()


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_the_page_has_no_serious_fault_of_accessibility(browser, address, size, scheme):
    with shown(browser, address, size=size, scheme=scheme) as page:
        settle(page)
        assert serious_faults(page) == []


@pytest.mark.slow
def test_settings_that_no_slider_sets_stay_until_one_moves(browser, tmp_path):
    paths = write_fields(tmp_path / "fields", count=1)
    (tmp_path / "s.toml").write_text('sigma = [3, 4]\nthreshold = "none"\n')
    process, address = serve(paths[0], "--settings", tmp_path / "s.toml")
    try:
        with shown(browser, address) as page:
            settle(page)
            assert page.evaluate("settings.sigma") == [3, 4]
            assert page.input_value("#sigma") == "4"
            assert "--settings=nucensus.toml" in page.inner_text("#command")
            put(page, "#sigma", "2")
            put(page, "#threshold", "500")
            wait_until(page, "words.command.includes('--sigma=2 ')")
    finally:
        stop(process)


def test_a_slider_on_a_large_image_fetches_points_alone_and_the_latest_only(browser, tmp_path):
    # What makes it quick; benchmarks/tuner.py measures how quick.
    write_fields(tmp_path, count=1, shape=(2048, 2048), nuclei=400)
    process, address = serve(tmp_path)
    try:
        with shown(browser, address) as page:
            settle(page)
            fetched = []
            page.on("request", lambda request: fetched.append(request.url))
            moves = """for (let i = 0; i < 200; i += 1) {
                e.value = 300 + i; e.dispatchEvent(new Event("input", {bubbles: true})); }"""
            wait_for_answer(
                page, lambda: page.eval_on_selector("#threshold", f"(e) => {{ {moves} }}")
            )
            followed = [url for url in fetched if "/nuclei/" in url]
            assert 1 <= len(followed) <= 3
            assert not [url for url in fetched if "/picture/" in url]
            assert page.evaluate("settings.threshold") == page.evaluate(
                "short(fromAxis(0.499, levels()))"
            )
    finally:
        stop(process)


def test_nuclei_that_are_doubtful_are_counted_beside_the_number(browser, tmp_path):
    tifffile.imwrite(tmp_path / "cells.tif", draw_stained(25, share=0.4).image.astype(np.uint16))
    process, address = serve(tmp_path)
    try:
        with shown(browser, address) as page:
            settle(page, "auto")
            wait_until(page, "field.points.length > 0")
            assert page.inner_text("#doubtful") == "1 of them doubtful (dashed)"
            choose(page, "maxima")
            assert page.inner_text("#doubtful") == ""
    finally:
        stop(process)


@contextmanager
def kept_beside(run, browser, folder):
    process, address = serve(folder, "--keep", run, "--by", "Anna")
    try:
        with shown(browser, address) as page:
            settle(page, "auto")
            wait_until(page, "field.points.length > 0")
            yield page
            wait_until(page, "document.body.dataset.kept === '1'")
    finally:
        stop(process)


def test_marks_are_kept_beside_a_run_and_are_there_again(browser, tmp_path):
    write_fields(tmp_path / "in", count=2)
    counted = census(tmp_path / "in", tmp_path / "run")
    before = int(counted.images["count"][0])
    with kept_beside(tmp_path / "run", browser, tmp_path / "in") as page:
        page.evaluate("mark(field.points[0], field.points[1])")
    with open_run(tmp_path / "run") as run:
        assert int(run.images["count"][0]) == before - 1
        assert run.images["corrected"][0].startswith("by Anna")
    with kept_beside(tmp_path / "run", browser, tmp_path / "in") as page:
        assert page.evaluate("reviews.get(0).removed.length") == 1
        page.click("#clear")
    with open_run(tmp_path / "run") as run:
        assert int(run.images["count"][0]) == before


def test_the_first_image_is_shown_before_anything_is_learned(browser, tmp_path):
    write_fields(tmp_path, count=2)
    process, address = serve(tmp_path)
    try:
        with shown(browser, address) as page:
            page.route("**/start/**", lambda _: None)  # it never answers
            page.reload()
            wait_until(page, "document.body.dataset.shown === 'first'")
            assert page.inner_text("#count") != "0"
            assert page.inner_text("#name") == "field_00.tif"
            assert page.evaluate("new Set(field.levels).size > 100")
            assert page.query_selector_all("#controls input") == []
    finally:
        stop(process)


def refusals(page):
    """Return the list to which every answer of 400 and more is added, as its address."""
    found = []
    page.on("response", lambda each: found.append(each.url) if each.status >= 400 else None)
    return found


@contextmanager
def served(browser, folder):
    process, address = serve(folder)
    context = browser.new_context()
    try:
        page = context.new_page()
        refused = refusals(page)
        page.goto(address)
        yield page, refused
    finally:
        context.close()
        stop(process)


def test_a_file_in_colour_says_so_and_offers_its_channels(browser, tmp_path):
    in_colour(tmp_path)
    with served(browser, tmp_path) as (page, _):
        wait_until(page, "!document.getElementById('choices').hidden")
        assert "channel" in page.inner_text("#problem")
        with page.expect_navigation():
            page.select_option("[name=channel]", label="blue")
        wait_until(page, "field?.points.length > 0")
        assert "--channel=2" in page.evaluate("spell().then(() => words.command)")
        assert not page.is_visible("#problem")


def test_a_file_that_cannot_be_read_is_told_and_asked_for_once(browser, tmp_path):
    write_fields(tmp_path, count=3)
    (tmp_path / "field_01.tif").write_bytes(b"no image")
    with served(browser, tmp_path) as (page, refused):
        settle(page)
        wait_until(page, "document.getElementById('sample-text').textContent.includes('cannot be')")
        for threshold in ("500", "700"):
            wait_for_answer(page, lambda each=threshold: page.fill("#threshold-number", each))
            wait_until(page, "sampleRound > 0 && !asking")
            page.wait_for_timeout(600)
        assert len(refused) == 1
        page.click("#next")
        wait_until(page, "!document.getElementById('problem').hidden")
        assert "field_01.tif" in page.inner_text("#name")
        page.click("#next")
        wait_until(page, "field.points.length > 0")
        assert len(refused) <= 2


def scale_of(page):
    """Return what the scale on the image says."""
    page.evaluate("""() => {
        const write = CanvasRenderingContext2D.prototype.fillText;
        CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
          if (this.canvas.id === "rings") document.body.dataset.scale = text;
          write.call(this, text, ...place);
        };
        drawRings();
    }""")
    return page.get_attribute("body", "data-scale")


def test_the_image_has_a_scale_that_zooming_changes(browser, address):
    with shown(browser, address) as page:
        settle(page, "auto")
        assert scale_of(page) == "50 px"
        for _ in range(4):
            page.click("#in")
        page.wait_for_timeout(50)
        assert scale_of(page) == "10 px"


def longest_line(page):
    """Return how far the longest line that is drawn around the nuclei goes, in pixels."""
    return page.evaluate("""() => {
        let longest = 0, last = [0, 0];
        const { lineTo, moveTo } = CanvasRenderingContext2D.prototype;
        CanvasRenderingContext2D.prototype.moveTo = function (...to) {
          last = to;
          moveTo.apply(this, to);
        };
        CanvasRenderingContext2D.prototype.lineTo = function (...to) {
          longest = Math.max(longest, Math.hypot(to[0] - last[0], to[1] - last[1]));
          last = to;
          lineTo.apply(this, to);
        };
        drawRings();
        return longest;
    }""")


def test_no_line_goes_from_the_outline_of_one_nucleus_to_another(browser, address):
    with shown(browser, address) as page:
        settle(page, "auto")
        wait_until(page, "field.outlines?.length > 100")
        assert 0 < longest_line(page) < page.evaluate("2 * field.ring * view.scale")
