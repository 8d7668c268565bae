"""The detector `log`: blobs over scales."""

import csv
import json

import numpy as np
import pytest
import tifffile
from scenes import make_scene, matched

from nucensus import census, export_run
from nucensus.batch.packed import pack, unpack
from nucensus.detect import find_nuclei
from nucensus.values import Centres, Found, Settings

LOG = Settings("log")


@pytest.mark.parametrize(("radius", "count"), [(6, 150), (12, 60), (30, 14)])
def test_blobs_of_any_size_are_found_without_numbers(radius, count):
    scene = make_scene(radius=radius, count=count, shape=(500, 600), seed=5)
    found = find_nuclei(scene.image.astype(np.uint16), LOG)
    assert len(found) == matched(found.points, scene) == len(scene.centres)


def test_the_intensity_is_the_smoothed_grey_level_and_the_contrast_stands_beside_it():
    scene = make_scene(radius=12, count=60, seed=3, background=150, contrast=400)
    image = scene.image.astype(np.uint16)
    found, brighter = find_nuclei(image, LOG), find_nuclei(image + np.uint16(20_000), LOG)
    np.testing.assert_array_equal(brighter.points, found.points)
    np.testing.assert_allclose(brighter.intensities, found.intensities + 20_000)
    np.testing.assert_allclose(brighter.contrasts, found.contrasts, rtol=1e-3)
    assert (np.diff(found.intensities) <= 0).all()
    least, most = image.min(), image.max()
    assert ((found.intensities > least) & (found.intensities < most)).all()
    assert np.median(found.intensities - found.contrasts) == pytest.approx(150, abs=120)


@pytest.mark.parametrize("sigma", [4, 6])
def test_the_intensity_of_one_scale_is_that_of_its_gaussian(sigma):
    filters = pytest.importorskip("skimage.filters")
    scene = make_scene(radius=sigma * 1.4, count=30, seed=3)
    found = find_nuclei(scene.image, Settings("log", sigma=sigma, threshold=100))
    smoothed = filters.gaussian(scene.image, sigma, mode="reflect", preserve_range=True)
    assert len(found) > 20
    np.testing.assert_allclose(found.intensities, smoothed[tuple(found.points.T)], rtol=1e-3)


def test_blobs_that_are_as_bright_come_row_by_row():
    y, x = np.indices((120, 160))
    places = [(y0, x0) for y0 in (30, 90) for x0 in (130, 80, 30)]
    image = sum(4000 * np.exp(-((y - y0) ** 2 + (x - x0) ** 2) / 50) for y0, x0 in places)
    found = find_nuclei(image.astype(np.uint16), LOG)
    assert found.points.tolist() == [list(place) for place in sorted(places)]


def test_every_table_has_the_contrast_beside_the_intensity(tmp_path):
    scene = make_scene(radius=12, count=60, seed=3)
    tifffile.imwrite(tmp_path / "a.tif", scene.image.astype(np.uint16))
    tifffile.imwrite(tmp_path / "blank.tif", np.full((300, 300), 9, np.uint16))
    found = find_nuclei(scene.image.astype(np.uint16), Settings("log", border="count"))
    run = census(tmp_path, tmp_path / "run", Settings("log", border="count"))
    assert run.nuclei["contrast"].tolist() == found.contrasts.tolist()
    assert run.nuclei["intensity"].tolist() == found.intensities.tolist()
    with open(tmp_path / "run" / "nuclei.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["contrast"]) for row in rows] == found.contrasts.tolist()
    parquet = pytest.importorskip("pyarrow.parquet")
    export_run(run, "parquet", tmp_path / "tables")
    table = parquet.read_table(tmp_path / "tables" / "nuclei.parquet").to_pydict()
    assert table["contrast"] == found.contrasts.tolist()
    export_run(run, "geojson", tmp_path / "geojson")
    (first, *_) = json.loads((tmp_path / "geojson" / "a.tif.geojson").read_text())["features"]
    assert first["properties"]["measurements"]["Contrast"] == found.contrasts[0]


def test_a_set_of_images_without_nuclei_has_none(tmp_path):
    for number in range(3):
        image = np.random.default_rng(number).poisson(100, (90, 80)).astype(np.uint16)
        tifffile.imwrite(tmp_path / f"{number}.tif", image)
    run = census(tmp_path, detector="log")
    assert run.counts["found"] == 3
    assert run.counts["nuclei"] == 0


def test_contrasts_come_back_from_other_machines():
    points = np.array([[1, 2], [3, 4]])
    one = Centres(points, np.array([9.0, 8.0]), contrasts=np.array([5.0, 6.0]))
    other = Centres(points, np.array([9.0, 8.0]))
    packed = pack([Found(each, (9, 9), "uint16", 1.0, 1.0) for each in (other, one, one)])
    contrasts = [each.centres.contrasts for each in unpack(packed)]
    assert contrasts[0] is None
    assert [each.tolist() for each in contrasts[1:]] == [[5, 6], [5, 6]]


def test_what_is_not_a_number_does_not_count():
    scene = make_scene(radius=12, count=60, seed=3)
    image = scene.image.copy()
    image[5, 9] = np.nan
    image[7, 7] = -np.inf
    assert len(find_nuclei(image, LOG)) == len(scene.centres)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings("log", sigma=5, min_distance=4, threshold=100), "planes only; choose a plane"),
        (Settings("maxima", sigma=1, min_distance=4, threshold=9, border="count"),
         "counted on two of four edges"),
    ],
)  # fmt: skip
def test_what_is_for_planes_is_refused_for_a_volume(settings, expected):
    volume = np.random.default_rng(0).integers(0, 1000, (5, 40, 50)).astype(np.uint16)
    with pytest.raises(ValueError, match=expected):
        find_nuclei(volume, settings)
