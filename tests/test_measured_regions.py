"""What is measured of nuclei without outlines: in the regions that the detector finds."""

import csv
import json
import sqlite3

import numpy as np
import pytest
import tifffile
from scenes import make_scene
from skimage.measure import regionprops_table

import nucensus
from nucensus import Shard, merge_runs
from nucensus.batch.packed import pack, unpack
from nucensus.detect import estimate, find_nuclei, pool
from nucensus.detect.automatic import find_candidates
from nucensus.detect.levels import as_levels
from nucensus.detect.measure import measured_of
from nucensus.detect.regions import find_regions
from nucensus.detect.rules import VERSIONS
from nucensus.errors import InputError
from nucensus.execute import STRATEGIES
from nucensus.export import export_run
from nucensus.kernel import levels
from nucensus.report import write_report
from nucensus.store.nucleus_columns import RECORDS
from nucensus.values import MEASURED, Found, Settings

PROPERTIES = {
    "area_px": "area", "std": "intensity_std", "major_px": "axis_major_length",
    "minor_px": "axis_minor_length", "solidity": "solidity",
}  # fmt: skip


def assert_measured(measured, labels, image):
    """Compare with scikit-image on a label image."""
    expected = regionprops_table(
        labels, image, properties=(*PROPERTIES.values(), "intensity_mean", "orientation", "bbox")
    )
    for ours, theirs in PROPERTIES.items():
        np.testing.assert_allclose(measured[ours], expected[theirs], rtol=1e-5, err_msg=ours)
    np.testing.assert_allclose(
        np.sin(measured["orientation"] - expected["orientation"]), 0, atol=1e-5
    )
    backgrounds = expected["intensity_mean"] - measured["mean"]
    assert np.ptp(backgrounds) < 0.05 * np.ptp(image)
    np.testing.assert_allclose(measured["integrated"], measured["mean"] * measured["area_px"], 1e-6)
    height, width = labels.shape
    ends = (expected["bbox-2"] == height) | (expected["bbox-3"] == width)
    cut = ends | (expected["bbox-0"] == 0) | (expected["bbox-1"] == 0)
    assert np.array_equal(measured["touches_edge"], cut)
    return cut


def candidates(image):
    """Return the regions that may be nuclei, with their pixels."""
    own = pool([estimate(image)])
    return find_candidates(as_levels(image), own, own.contrast, VERSIONS[2], shapes="cells")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
@pytest.mark.parametrize("radius", [4, 11, 21])
def test_what_is_measured_equals_scikit_image_on_the_pixels_of_the_regions(dtype, radius):
    scene = make_scene(
        radius=radius, count=60, shape=(27 * radius + 5, 31 * radius + 2), gap=0.85, texture=0.3,
        seed=radius,
    )  # fmt: skip
    image = np.rint(scene.image[radius:, radius // 2 :] / (3 if dtype == np.uint8 else 1))
    image = image.astype(dtype)
    regions = candidates(image)
    measured = measured_of(regions.shapes, as_levels(image).unit)
    cut = assert_measured(measured, regions.cells.labels(), image)
    assert 0 < cut.sum() < len(cut)
    found = find_nuclei(image)
    places = np.floor(np.stack([regions.y, regions.x], axis=1) + 0.5).tolist()
    same = measured[[places.index(place) for place in found.points.tolist()]]
    for name in MEASURED.names:
        np.testing.assert_allclose(found.measured[name], same[name], rtol=1e-9, err_msg=name)
    assert len(found) > 20


def test_a_hole_that_is_filled_is_measured_with_its_nucleus():
    y, x = np.mgrid[:300, :300]
    centres = [(75, 75), (75, 225), (225, 75), (225, 225)]
    whole = np.any([np.hypot(y - a, x - b) < 30 for a, b in centres], axis=0)
    holes = np.any([np.hypot(y - a, x - b) < 10 for a, b in centres], axis=0)
    image = np.where(whole & ~holes, 200, 10).astype(np.uint8)
    regions = candidates(image)
    assert_measured(measured_of(regions.shapes, 1.0), regions.cells.labels(), image)
    assert find_nuclei(image).measured["area_px"] == pytest.approx(whole.sum() / 4, rel=0.1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_every_instruction_set_measures_the_same(dtype):
    image = make_scene(radius=9, count=40, shape=(331, 417), gap=0.9, seed=14).image
    image = (image / 3).astype(dtype)
    plain, *others = (
        find_regions(image, radius_px=9, level=level, shapes="regions") for level in levels()
    )
    assert all(np.array_equal(plain.shapes, other.shapes) for other in others)


def test_padding_is_no_part_of_what_is_measured_and_a_margin_no_edge():
    scene = make_scene(radius=12, count=40, shape=(300, 300), gap=1.2, seed=5)
    framed = np.zeros((420, 380), np.uint16)
    framed[70:370, 80:] = scene.image + 500
    framed[70:130, 80:140] = 0
    regions = candidates(framed)
    labels = regions.cells.labels()
    assert not labels[framed == 0].any()
    cut = assert_measured(measured_of(regions.shapes, 1.0), labels, framed)
    assert 0 < cut.sum() < (regions.x > 330).sum()


def test_areas_and_light_are_nearly_those_that_were_drawn():
    y, x = np.mgrid[:400, :400]
    image = np.full(y.shape, 300.0)
    for centre in np.stack(np.meshgrid(*[50 + 100 * np.arange(4)] * 2), axis=-1).reshape(-1, 2):
        image += 2000 * (np.hypot(y - centre[0], (x - centre[1]) / 1.3) < 16)
    measured = find_nuclei(np.rint(image).astype(np.uint16)).measured
    np.testing.assert_allclose(measured["area_px"], np.pi * 16 * 20.8, rtol=0.08)
    np.testing.assert_allclose(measured["integrated"], 2000 * np.pi * 16 * 20.8, rtol=0.08)
    np.testing.assert_allclose(measured["major_px"] / measured["minor_px"], 1.3, rtol=0.08)


def test_outlines_are_measured_where_there_are_some_and_better_centres_change_nothing():
    image = make_scene(radius=12, count=20, shape=(200, 200), gap=1.1, seed=1).image
    plain, refined, outlined = (
        find_nuclei(image, each)
        for each in (Settings(), Settings(subpixel=True), Settings(outlines=True))
    )
    assert np.array_equal(plain.measured, refined.measured)
    assert np.array_equal(outlined.measured["area_px"], outlined.outlines.areas_px)
    assert not np.array_equal(plain.measured["area_px"], outlined.measured["area_px"])
    assert list(plain.to_pandas())[:4] == ["y", "x", "intensity", "area_px"]


@pytest.mark.parametrize("border", ["drop", "count"])
def test_what_the_border_leaves_out_is_not_measured(border):
    image = make_scene(radius=11, count=50, shape=(300, 300), gap=1.0, seed=4).image[25:-25, 25:-25]
    found, whole = find_nuclei(image, Settings(border=border)), find_nuclei(image)
    assert len(found.measured) == len(found) < len(whole)


@pytest.mark.parametrize("detector", ["maxima", "log"])
def test_detectors_of_points_measure_nothing(detector):
    image = make_scene(radius=12, count=20, shape=(200, 200), gap=1.1, seed=1).image
    assert find_nuclei(image, Settings(detector)).measured is None


@pytest.fixture(scope="module")
def measured(tmp_path_factory, fields):
    """A folder of three wells of two images, one of them blank, and a run of it."""
    root = tmp_path_factory.mktemp("measured")
    (root / "plate").mkdir()
    for number, field in enumerate([*fields[:5], None]):
        tifffile.imwrite(
            root / "plate" / f"A0{number // 2 + 1}_s{number % 2}.tif",
            np.zeros((50, 60), np.uint16) if field is None else field.image,
            imagej=True, resolution=(2, 2), metadata={"unit": "um"},
        )  # fmt: skip
    nucensus.census(root / "plate", root / "run").close()
    return root


def tables(folder):
    return (folder / "nuclei.csv").read_bytes()


def test_the_table_of_nuclei_has_it_behind_the_columns_that_it_had(measured):
    with open(measured / "run" / "nuclei.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert header[:4] == ["image", "y", "x", "intensity"]
    assert header[4:14] == [*MEASURED.names, "confidence"]
    with nucensus.Run(measured / "run") as run:
        nuclei = run.nuclei
        assert run.measured_within == "regions"
    for place, name in enumerate(header[1:], 1):
        read = np.array([row[place] for row in rows]).astype(nuclei[name].dtype)
        assert np.array_equal(read, nuclei[name]), name
        assert max(len(row[place]) for row in rows) <= (18 if name in {"intensity", *"yx"} else 12)
    assert np.array_equal(nuclei["area_um2"], 0.25 * nuclei["area_px"])


@pytest.mark.parametrize("strategy", sorted(set(STRATEGIES) - {"dask"}))
def test_every_strategy_measures_the_same(measured, tmp_path, strategy):
    nucensus.census(measured / "plate", tmp_path / "run", strategy=strategy).close()
    assert tables(tmp_path / "run") == tables(measured / "run")


def test_shards_that_are_merged_and_a_run_that_is_carried_on_measure_the_same(measured, tmp_path):
    parts = [tmp_path / str(index) for index in (1, 2)]
    for index, part in enumerate(parts, 1):
        nucensus.census(measured / "plate", part, shard=Shard(index, 2)).close()
    merge_runs(parts, tmp_path / "merged").close()
    assert tables(tmp_path / "merged") == tables(measured / "run")


def test_what_was_measured_travels_from_other_machines(fields):
    outcomes = [
        Found(nucensus.find_nuclei(each.image), each.image.shape, "uint16", 1.0, 2.0)
        for each in fields
    ]
    assert unpack(pack(outcomes)) == outcomes


@pytest.fixture
def unmeasured(monkeypatch):
    """Write nuclei without what is measured of them."""
    bare = tuple(
        (each.name, each.dtype, (lambda _: None) if each.group == "measured" else each.of)
        for each in RECORDS.fields
        if each.of is not None
    )
    with monkeypatch.context() as earlier:
        earlier.setattr("nucensus.store.packing._PACKED_FIELDS", bare)
        yield earlier.undo


def test_a_run_of_which_nothing_was_measured_says_what_it_has_not(measured, tmp_path, unmeasured):
    nucensus.census(measured / "plate", tmp_path / "run").close()
    unmeasured()
    with nucensus.Run(tmp_path / "run") as run:
        assert run.measured_within == ""
        assert "area_px" not in run.nuclei.dtype.names
        assert "Nuclei_AreaPx_Mean" not in nucensus.well_table(run).dtype.names
        with pytest.raises(InputError, match="not measured"):
            nucensus.cell_cycle(run)


@pytest.mark.parametrize("how", ["carried on", "merged"])
def test_images_of_which_nothing_was_measured_stay_so_beside_others(
    measured, tmp_path, unmeasured, how
):
    pytest.importorskip("pyarrow")
    pytest.importorskip("h5py")
    if how == "merged":
        nucensus.census(measured / "plate", tmp_path / "1", shard=Shard(1, 2)).close()
        unmeasured()
        nucensus.census(measured / "plate", tmp_path / "2", shard=Shard(2, 2)).close()
        merge_runs([tmp_path / "1", tmp_path / "2"], tmp_path / "run").close()
    else:
        nucensus.census(measured / "plate", tmp_path / "run").close()
        unmeasured()
        with sqlite3.connect(tmp_path / "run" / "run.sqlite") as database:
            database.execute("UPDATE journal SET status = 'pending' WHERE key > 2")
        nucensus.census(measured / "plate", tmp_path / "run").close()
    with nucensus.Run(tmp_path / "run") as run:
        assert run.measured_within == "regions"
        nuclei, wells = run.nuclei, nucensus.well_table(run)
        for form in ("geojson", "parquet", "anndata"):
            export_run(run, form, tmp_path / form)
    for path in (tmp_path / "geojson").glob("*.geojson"):
        json.loads(path.read_text())
    is_old = nuclei["area_px"] == -1
    assert 0 < is_old.sum() < len(nuclei)
    assert np.array_equal(np.isnan(nuclei["mean"]), is_old)
    whole = nuclei[~is_old]
    first = whole[np.char.startswith(whole["image"].astype(str), "A01")]["area_px"]
    np.testing.assert_equal(wells["Nuclei_AreaPx_Mean"][0], first.mean() if len(first) else np.nan)
    positive = nucensus.open_run(tmp_path / "run", positive="area_px=0").nuclei
    assert np.array_equal(positive["area_px_positive"], np.where(is_old, -1, 1))


def test_points_of_geojson_have_what_was_measured(measured, tmp_path):
    with nucensus.Run(measured / "run") as run:
        export_run(run, "geojson", tmp_path)
        nuclei = run.nuclei
    (path,) = tmp_path.glob("A01_s0*.geojson")
    features = json.loads(path.read_text())["features"]
    for feature, nucleus in zip(features, nuclei, strict=False):
        known = feature["properties"]["measurements"]
        assert feature["geometry"]["type"] == "Point"
        assert all(known[name] == nucleus[name] for name in (*MEASURED.names, "area_um2"))


def test_wells_and_the_report_have_what_was_measured(measured, tmp_path):
    with nucensus.Run(measured / "run") as run:
        wells, nuclei = nucensus.well_table(run), run.nuclei
        write_report(run, tmp_path / "report.html")
        provenance = export_run(run, "csv", tmp_path)[-1]
    first = nuclei[[name.startswith("A01") for name in nuclei["image"]]]
    for name, column in (("area_px", "AreaPx"), ("integrated", "OutlineIntegrated")):
        quartiles = [wells[0][f"Nuclei_{column}_{of}"] for of in ("Q1", "Median", "Q3")]
        assert quartiles == pytest.approx(np.percentile(first[name], [25, 50, 75]))
        assert wells[0][f"Nuclei_{column}_SD"] == pytest.approx(first[name].std(ddof=1))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "area_px" in page
    assert "no phases" in page
    assert json.loads(provenance.read_text())["measured_within"] == "regions"
