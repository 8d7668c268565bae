"""The report says what the run file says, and is the same for the same run."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from runs import SETTINGS, write_fields, write_run
from scenes import draw_stained, make_scene
from stated_runs import some_centres
from stated_runs import write_run as stated_run

from nucensus import Run, Settings, census
from nucensus.cli.detect import command as detect
from nucensus.cli.report import command as report
from nucensus.discover import place_of, row_name
from nucensus.report import write_report
from nucensus.report.fields import Field, read_fields
from nucensus.report.flags import MEANINGS
from nucensus.report.gallery import choose_fields, doubtful, overlay
from nucensus.report.plates import gather, robust_z
from nucensus.text.page import STYLE
from nucensus.values import Centres, Failed, Plane
from nucensus.values.outcomes import Flag


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_fields(tmp_path_factory.mktemp("images"))


@pytest.fixture
def run(tmp_path, images):
    with write_run(tmp_path / "run", images) as run:
        yield run


def written(run, tmp_path):
    write_report(run, tmp_path / "report.html")
    return (tmp_path / "report.html").read_text()


def labels(html):
    return re.findall(r'class="(\w+)" tabindex="-?\d" aria-label="([^"]*)"', html)


def test_the_same_run_gives_the_same_bytes(run, tmp_path):
    assert written(run, tmp_path) == written(run, tmp_path)


def test_the_head_says_what_the_run_found_and_chose(run, tmp_path):
    html = written(run, tmp_path)
    counts = run.counts
    for text in (f"{counts['nuclei']:,}", "12.5", f"{counts['images'] / 12.5:.3g}",
                 "2 workers share the work", "600", "keep"):  # fmt: skip
        assert text in html


def test_what_was_learned_and_chosen_is_said_in_words(tmp_path):
    write_fields(tmp_path / "fields")
    with census(tmp_path / "fields") as run:
        write_report(run, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    table = page[page.index('<h2 id="chosen">') :].split("</table>")[0]
    for text in ("radius of a nucleus", "median of 4 images", "grey levels", "images per second"):
        assert text in table
    for text in ("{", "None", "sigma"):
        assert text not in table


def test_every_well_of_the_plate_is_drawn_and_says_its_state(run, tmp_path):
    wells = labels(written(run, tmp_path))
    assert len(wells) == 96
    states = {label.split(":")[0]: state for state, label in wells}
    assert states["H12"] == "missing"
    assert states["C03"] == "failed"
    assert states["D04"] == "part"
    assert states["B02"] == states["A01"] == "whole"


def test_a_well_that_stands_out_is_marked(run, tmp_path):
    outliers = [label[:3] for _, label in labels(written(run, tmp_path)) if "stands out" in label]
    assert "B02" in outliers
    assert "G07" in outliers
    assert len(outliers) <= 4


def test_nothing_is_loaded_from_elsewhere(run, tmp_path):
    html = written(run, tmp_path)
    assert not re.findall(r'(?:src|href)="(?!data:)[^"#]', html)
    assert "@import" not in html


def test_the_page_looks_as_all_pages_do(run, tmp_path):
    assert STYLE.read_text("utf-8") in written(run, tmp_path)


def test_names_and_reasons_cannot_become_markup(tmp_path):
    folder = tmp_path / "plate <b>"
    folder.mkdir()
    (folder / "<script>alert(1)<").mkdir()
    (folder / "<script>alert(1)<" / "x.tif").write_bytes(b"not an image")
    with census(folder) as run:
        html = written(run, tmp_path)
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/x.tif" in html


def test_a_name_that_is_not_utf_8_is_shown(tmp_path, images):
    (tmp_path / "field\udcff.tif").write_bytes(images[0].read_bytes())
    with census(tmp_path / "field\udcff.tif", settings=SETTINGS) as run:
        assert r"field\udcff.tif" in written(run, tmp_path)


def test_a_run_without_wells_has_no_heat_map(images, tmp_path):
    with census(images, settings=SETTINGS) as run:
        html = written(run, tmp_path)
    assert "<h3>Nuclei per field" in html
    assert "<h3>Nuclei per field," not in html  # nor are there channels
    assert 'class="plate"' not in html


@pytest.mark.parametrize("content", [b"", b"broken"])
def test_a_run_that_found_nothing_has_a_report(tmp_path, content):
    (tmp_path / "a.tif").write_bytes(content)
    with census(tmp_path / "a.tif") as run:
        assert "Failures" in written(run, tmp_path)


def test_fields_whose_images_have_gone_are_still_drawn(tmp_path):
    paths = write_fields(tmp_path / "images", count=1)
    with write_run(tmp_path / "run", paths) as run:
        paths[0].unlink()
        html = written(run, tmp_path)
    assert "the image cannot be shown: the file does not exist" in html
    assert 'class="rings"' in html


def test_no_picture_is_shown_of_a_file_that_took_the_place_of_the_one_that_was_counted(tmp_path):
    paths = write_fields(tmp_path / "images", count=2)
    with census(paths, settings=SETTINGS) as run:
        image = tifffile.imread(paths[1])
        tifffile.imwrite(paths[0], image[::-1], compression="zlib")
        html = written(run, tmp_path)
    assert html.count("the image cannot be shown: its file has another size or time") == 1
    assert html.count("data:image/webp") == 1


def test_every_flagged_field_is_listed_and_shown_once(run, tmp_path):
    html = written(run, tmp_path)
    assert html.count('<td class="name">plate1_E05_s1.tif') == 1
    assert html.count('<span class="name">plate1_E05_s1.tif') == 1
    assert "blank 2, saturated 2" in html


def test_a_report_says_what_each_flag_means_that_an_image_has(run, tmp_path):
    html = written(run, tmp_path)
    assert {flag for flag in get_args(Flag) if f"<li><b>{flag}</b>: " in html} == {
        "blank", "saturated",
    }  # fmt: skip
    assert set(MEANINGS) == set(get_args(Flag))


def test_a_gallery_beside_it_shows_every_field(images, tmp_path):
    with write_run(tmp_path / "run", images, rows=3, columns=3) as run:
        found = run.counts["found"]
    result = CliRunner().invoke(report, [str(tmp_path / "run"), "--gallery"])
    assert result.exit_code == 0
    assert len(list((tmp_path / "run" / "report_gallery").glob("*.svg"))) == found
    page = (tmp_path / "run" / "report_gallery" / "index.html").read_text()
    assert page.count("<img") == found


def test_detect_writes_the_report_when_asked(plate, tmp_path):
    result = CliRunner().invoke(detect, [str(plate), "-o", str(tmp_path / "run"), "--report"])
    assert result.exit_code == 0
    assert "report.html" in result.output
    assert (tmp_path / "run" / "report.html").is_file()


def test_a_run_shows_itself_in_a_notebook(run):
    html = run._repr_html_()
    assert f"{run.counts['nuclei']:,}" in html
    assert "<svg" in html


def test_a_run_can_be_let_go_in_any_thread(images, tmp_path):
    write_run(tmp_path / "run", images, rows=1, columns=2).close()
    runs = [Run(tmp_path / "run")]
    with ThreadPoolExecutor(1) as pool:
        pool.submit(runs.clear).result()
    assert not runs


def test_a_run_in_memory_is_read_and_let_go_in_any_thread(images):
    run = census(images, settings=SETTINGS)
    expected = run.images["count"].tolist()
    assert sum(expected) == len(run.nuclei) > 0
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: run.images["count"].tolist()).result() == expected
        assert pool.submit(lambda: len(run.nuclei)).result() == sum(expected)
        pool.submit(run.close).result()


def test_an_empty_run_shows_itself_in_a_notebook(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"")
    with census(tmp_path / "a.tif") as run:
        assert "1</b> failed" in run._repr_html_()


@pytest.mark.parametrize(
    ("well", "place"),
    [("A01", (0, 0)), ("p24", (15, 23)), ("AF48", (31, 47)), ("H-12", (7, 11)), ("b 3", (1, 2))],
)
def test_the_usual_names_of_wells_are_understood(well, place):
    assert place_of(well) == place


@pytest.mark.parametrize("well", ["", "A00", "control", "AZ01", "A123", "7"])
def test_what_is_not_a_well_is_on_no_plate(well):
    assert place_of(well) is None


def test_rows_beyond_z_have_two_letters():
    assert [row_name(row) for row in (0, 25, 26, 31)] == ["A", "Z", "AA", "AF"]


def test_the_robust_z_is_that_of_median_and_median_deviation():
    values = [1, 2, 3, 4, 5, 6, 7, 8, 100]
    assert robust_z(values)[-1] == pytest.approx((100 - 5) / (1.4826 * 2))


@pytest.mark.parametrize("values", [[1, 2, 3], [5] * 20, [np.nan] * 20, []])
def test_without_a_spread_no_well_stands_out(values):
    assert np.isnan(robust_z(values)).all()


def test_a_plate_is_drawn_in_the_smallest_format_that_holds_it(run):
    plates = gather(read_fields(run))
    assert [(plate.name, plate.rows, plate.columns) for plate in plates] == [("plate1", 8, 12)]


@pytest.mark.slow
def test_the_report_of_384_wells_with_9_sites_is_below_15_mb(tmp_path):
    rng = np.random.default_rng(0)
    import tifffile

    paths = write_fields(tmp_path / "images", count=2, shape=(1080, 1280), nuclei=150)
    for path in paths:  # noise is what makes pictures large
        image = tifffile.imread(path)
        tifffile.imwrite(path, rng.poisson(image / 4 + 200).astype(np.uint16))
    settings = type(SETTINGS)(threshold=350)
    with write_run(tmp_path / "run", paths, rows=16, columns=24, sites=9, settings=settings) as run:
        write_report(run, tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 15e6


def test_what_was_learned_of_each_channel_is_said_once(tmp_path):
    for site in range(8):
        for channel, contrast in ((1, 3000), (2, 400)):
            scene = make_scene(
                radius=10, count=6, shape=(150, 150), contrast=contrast, noise=4, seed=site
            )
            path = tmp_path / "plate" / f"A01_s{site}_w{channel}.tif"
            path.parent.mkdir(exist_ok=True)
            tifffile.imwrite(path, scene.image.astype(np.uint16))
    html = written(census(tmp_path / "plate", plane=Plane(channel="each")), tmp_path)
    assert re.findall(r"radius of a nucleus in ([^<]*)<", html) == ["plate[1]", "plate[2]"]


def test_channels_planes_and_times_are_never_added_up(tmp_path):
    counts = {("DAPI", 0): (30, 10), ("DAPI", 1): (20, 6), ("GFP", 0): (0, 0), ("GFP", 1): (2, 5)}
    images = {
        f"{channel}_{z}_{site}.tif": (
            some_centres(count, seed=count),
            {"plate": "P", "well": "B02", "site": site, "channel": channel, "z": z, "time": 3},
        )
        for (channel, z), both in counts.items()
        for site, count in enumerate(both)
    }
    html = written(stated_run(tmp_path / "run", images), tmp_path)
    wells = [label for _, label in labels(html) if label.startswith("B02")]
    assert len(wells) == len(counts)
    for (channel, z), both in counts.items():
        view = f"channel {channel}, z {z}"
        said = wells.pop(0)
        assert f"; {sum(both)} in 2 of 2 fields; {sum(both) / 0.024:,.0f} per mega" in said
        assert f"P, {view} " in html
        drawn = html[html.index(f"<h3>Nuclei per field, {view}") :]
        assert f"median {np.median(both):g}" in drawn[: drawn.index("</svg>")]
        row = rf"{view}</th><td>2</td><td>0</td><td>{sum(both)}</td><td>{np.median(both):g}</td>"
        assert re.search(row, html)
        if sum(both):
            drawn = html[html.index(f"<h3>Intensity of nuclei, {view}") :]
            assert f"{sum(both)} nuclei<" in drawn[: drawn.index("</h3>")]


def test_the_worst_field_is_far_from_the_median_of_its_own_channel():
    usual = {"DAPI": (100, 102, 104, 101, 60), "GFP": (5, 6, 5, 6, 5)}
    fields = [
        Field(f"{view}{place}", "found", "", "", "", "", "", count, 9, 9, 81, 1.0, (), view)
        for view, counts in usual.items()
        for place, count in enumerate(counts)
    ]
    [worst] = [
        group for group in choose_fields(fields, each=1, flagged=0) if group.title == "Worst"
    ]
    assert [field.name for field in worst.fields] == ["DAPI4"]


NO_NUCLEUS, FAILED, LATER = some_centres(0), Failed("read", "it is cut off"), None


@pytest.mark.parametrize(
    ("outcomes", "says"),
    [
        ([], ["holds no image"]),
        ([FAILED, FAILED], ["No image could be counted"]),
        ([NO_NUCLEUS, FAILED], ["No nucleus was found in any image"]),
        ([NO_NUCLEUS, LATER], ["No nucleus was found", "not finished: 1 image has no outcome"]),
        ([LATER, LATER], ["not finished: 2 images have no outcome"]),
        ([some_centres(3), FAILED, LATER], ["not finished: 1 image has no outcome"]),
        ([some_centres(3), NO_NUCLEUS, FAILED], []),
    ],
)
def test_what_must_be_known_before_any_number_comes_first(tmp_path, outcomes, says):
    images = {f"{number}.tif": outcome for number, outcome in enumerate(outcomes)}
    html = written(stated_run(tmp_path / "run", images), tmp_path)
    said = re.findall(r"^<p><strong>(.*?)</strong></p>$", html.split("<section")[0], re.MULTILINE)
    assert len(said) == len(says)
    assert all(text in each for text, each in zip(says, said, strict=True))


def test_infinite_intensities_have_a_report(tmp_path):
    bright = Centres(np.array([[5, 5], [9, 9]]), np.array([np.inf, 7.0]))
    where = {"plate": "P", "well": "B02"}
    images = {"a.tif": (bright, where), "b.tif": (some_centres(3), {**where, "site": "2"})}
    html = written(stated_run(tmp_path / "run", images), tmp_path)
    assert "mean intensity infinite" in html
    assert "4 nuclei (1 infinite left out)" in html


@pytest.mark.filterwarnings("ignore:invalid value")  # numpy's, of infinite pixels that are smoothed
def test_infinite_pixels_have_a_report(tmp_path):
    image = make_scene(radius=9, count=20, shape=(200, 200)).image.astype(np.float32)
    image[100, 100] = np.inf
    tifffile.imwrite(tmp_path / "a.tif", image)
    with census(tmp_path / "a.tif", tmp_path / "run", SETTINGS) as run:
        assert np.isinf(run.nuclei["intensity"]).any()
        assert "data:image/webp" in written(run, tmp_path)


def test_what_is_less_likely_a_nucleus_than_not_is_dashed():
    nuclei = np.zeros(3, [("confidence", "<i2")])
    nuclei["confidence"] = 49, 50, -1
    assert doubtful(nuclei).tolist() == [True, False, False]
    assert not doubtful(np.zeros(3, [("y", "<i4")])).any()


def test_pictures_dash_doubtful_nuclei(tmp_path):
    scene = draw_stained(25, share=0.4)
    tifffile.imwrite(tmp_path / "cells.tif", scene.image)
    for outlines in (False, True):
        run = census(tmp_path / "cells.tif", settings=Settings(outlines=outlines))
        (field,) = read_fields(run)
        assert doubtful(run.nuclei_of(field.name)).sum() == 1
        drawn = overlay(run, field)
        assert (drawn.count('class="rings"'), drawn.count("dasharray")) == (2, 1)
