"""Outlines in the files of other programs, opened by their own readers."""

import json
import re

import numpy as np
import pytest
import tifffile
from skimage.measure import label
from skimage.measure import points_in_poly as inside_of

import nucensus
from nucensus.errors import InputError
from nucensus.report.gallery import write_gallery
from nucensus.values import MEASURED, Outlines, Settings
from nucensus.values.polygons import polygons_of, signed_area
from nucensus.viewer.layers import read_run

IMAGE = "B03_s1.tif"


@pytest.fixture(scope="module")
def outlined(tmp_path_factory, fields):
    """A run with outlines of one image whose pixels are half a micrometre."""
    root = tmp_path_factory.mktemp("exported")
    (root / "plate").mkdir()
    tifffile.imwrite(
        root / "plate" / IMAGE, fields[0].image, imagej=True, resolution=(2, 2),
        metadata={"unit": "um"},
    )  # fmt: skip
    nucensus.census(root / "plate", root / "run", Settings(outlines=True)).close()
    with nucensus.Run(root / "run") as run:
        yield run


def filled(ring, shape):
    """Return the pixels whose middle is within a ring of corners."""
    middles = np.indices(shape).reshape(2, -1).T[:, ::-1] + 0.5
    return inside_of(middles, ring).reshape(shape)


@pytest.mark.parametrize("seed", range(25))
def test_polygons_go_around_bodies_and_holes_along_the_sides_of_pixels(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 25, 2))
    labels = rng.integers(0, 4, shape) * (rng.random(shape) < rng.random())
    for number, rings in enumerate(polygons_of(Outlines.from_labels(labels, 4)), 1):
        areas = [signed_area(ring) for ring in rings]
        assert sum(areas) == (labels == number).sum()
        assert sum(area > 0 for area in areas) == label(labels == number, connectivity=1).max()


def test_label_images_hold_the_outlines_and_say_so(outlined, tmp_path):
    nucensus.export_run(outlined, "labels", tmp_path)
    with tifffile.TiffFile(tmp_path / f"{IMAGE}.labels.tif") as file:
        assert np.array_equal(file.asarray(), outlined.labels_of(IMAGE))
        assert file.pages[0].tags["DocumentName"].value == "nuclei as their outlines"


def test_a_radius_is_refused_where_there_are_outlines(outlined, tmp_path):
    with pytest.raises(InputError, match="the run has outlines"):
        nucensus.export_run(outlined, "labels", tmp_path, radius=3)


def test_label_images_without_outlines_say_what_they_are(fields, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", fields[0].image)
    with nucensus.census(tmp_path / "a.tif", tmp_path / "run") as run:
        nucensus.export_run(run, "labels", tmp_path / "out", radius=3)
    with tifffile.TiffFile(tmp_path / "out" / "a.tif.labels.tif") as file:
        said = file.pages[0].tags["DocumentName"].value
    assert said == "nuclei as discs of radius 3 px, which are not their outlines"


def test_an_ome_zarr_holds_the_outlines(outlined, tmp_path):
    zarr = pytest.importorskip("zarr")
    nucensus.export_run(outlined, "ome-zarr", tmp_path)
    group = zarr.open_group(tmp_path / f"{IMAGE}.ome.zarr", mode="r")
    assert np.array_equal(group["0"][:], outlined.labels_of(IMAGE))
    assert group.attrs["drawn"] == "nuclei as their outlines"


def test_geojson_holds_each_nucleus_as_a_polygon_with_its_measurements(outlined, tmp_path):
    nucensus.export_run(outlined, "geojson", tmp_path)
    collection = json.loads((tmp_path / f"{IMAGE}.geojson").read_text())
    labels, nuclei = outlined.labels_of(IMAGE), outlined.nuclei_of(IMAGE)
    assert len(collection["features"]) == len(nuclei)
    for number, (feature, nucleus) in enumerate(
        zip(collection["features"], nuclei, strict=True), 1
    ):
        (ring,) = feature["geometry"]["coordinates"]
        assert ring[0] == ring[-1]
        assert signed_area(np.array(ring[:-1])) == nucleus["area_px"]
        assert np.array_equal(filled(ring, labels.shape), labels == number)
        measured = feature["properties"]["measurements"]
        assert measured["mean"] == nucleus["mean"]
        assert measured["area_um2"] == nucleus["area_px"] * 0.25


def test_polygons_of_geojson_are_valid_to_shapely(outlined, tmp_path):
    geometry = pytest.importorskip("shapely.geometry")
    nucensus.export_run(outlined, "geojson", tmp_path)
    for feature in json.loads((tmp_path / f"{IMAGE}.geojson").read_text())["features"]:
        shape = geometry.shape(feature["geometry"])
        assert shape.is_valid
        assert shape.exterior.is_ccw


def test_a_roi_zip_holds_each_nucleus_as_a_polygon(outlined, tmp_path):
    roifile = pytest.importorskip("roifile")
    nucensus.export_run(outlined, "imagej", tmp_path)
    rois = roifile.roiread(tmp_path / f"{IMAGE}.zip")
    labels = outlined.labels_of(IMAGE)
    assert [roi.name for roi in rois] == [str(k) for k in range(1, labels.max() + 1)]
    for number, roi in enumerate(rois, 1):
        assert roi.roitype == roifile.ROI_TYPE.POLYGON
        assert np.array_equal(filled(roi.coordinates(), labels.shape), labels == number)
    assert "provenance" in rois[0].props


def test_anndata_holds_what_was_measured(outlined, tmp_path):
    h5py = pytest.importorskip("h5py")
    nucensus.export_run(outlined, "anndata", tmp_path)
    nuclei = outlined.nuclei
    with h5py.File(tmp_path / "nuclei.h5ad") as file:
        for name in ("area_px", "mean", "integrated", "solidity", "touches_edge"):
            assert np.array_equal(file["obs"][name], nuclei[name]), name


def test_anndata_gives_what_was_measured_as_features(outlined, tmp_path):
    pytest.importorskip("h5py")
    anndata = pytest.importorskip("anndata")
    nucensus.export_run(outlined, "anndata", tmp_path)
    data = anndata.read_h5ad(tmp_path / "nuclei.h5ad")
    features = data.obsm["features"]
    assert list(features.columns) == [name for name in MEASURED.names if name != "touches_edge"]
    assert np.array_equal(features["solidity"], outlined.nuclei["solidity"])
    assert data[data.obs["area_px"] > 100].obsm["features"]["area_px"].min() > 100


def test_areas_and_axes_are_in_micrometres_too_where_pixels_are_known(outlined, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    nuclei, wells = outlined.nuclei, nucensus.well_table(outlined)
    assert np.array_equal(nuclei["area_um2"], nuclei["area_px"] * 0.25)
    for name in ("major", "minor"):
        assert np.array_equal(nuclei[f"{name}_um"], nuclei[f"{name}_px"] * 0.5)
    nucensus.export_run(outlined, "csv", tmp_path)
    nucensus.export_run(outlined, "parquet", tmp_path)
    written = np.genfromtxt(tmp_path / "nuclei.csv", delimiter=",", names=True, dtype=None)
    assert np.array_equal(written["area_um2"], nuclei["area_um2"])
    assert np.array_equal(
        parquet.read_table(tmp_path / "nuclei.parquet")["minor_um"], nuclei["minor_um"]
    )
    assert wells["Nuclei_AreaUm2_Median"] == np.median(nuclei["area_um2"])


def test_without_a_size_of_pixels_nothing_is_in_micrometres(tmp_path, fields):
    tifffile.imwrite(tmp_path / "a.tif", fields[0].image, metadata=None)
    with nucensus.census(tmp_path / "a.tif", tmp_path / "run", Settings(outlines=True)) as run:
        assert not [name for name in run.nuclei.dtype.names if "um" in name.split("_")[-1]]
        assert "Nuclei_AreaUm2_Median" not in nucensus.well_table(run).dtype.names


def test_parquet_holds_what_was_measured(outlined, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    nucensus.export_run(outlined, "parquet", tmp_path)
    table = parquet.read_table(tmp_path / "nuclei.parquet")
    for name in ("area_px", "mean", "orientation", "touches_edge"):
        assert np.array_equal(table[name], outlined.nuclei[name]), name


def test_the_report_draws_outlines(outlined, tmp_path):
    assert write_gallery(outlined, tmp_path) == 1
    (path,) = re.findall(r'class="rings" d="([^"]+)"', next(tmp_path.glob("1.svg")).read_text())
    labels = outlined.labels_of(IMAGE)
    assert path.count("M") == path.count("z") == labels.max()
    for number, one in enumerate(path.split("z")[:-1], 1):
        corners = [np.array(re.match(r"M(\d+) (\d+)", one).groups(), int)]
        for axis, step in re.findall(r"([hv])(-?\d+)", one):
            corners.append(corners[-1] + (int(step) * np.array((axis == "h", axis == "v"))))
        assert signed_area(np.array(corners)) == (labels == number).sum()


def test_napari_shows_the_outlines_as_labels(tmp_path, fields):
    (tmp_path / "plate").mkdir()
    for name, image in (("a", fields[0].image), ("b", fields[1].image[:120, :150])):
        tifffile.imwrite(tmp_path / "plate" / f"{name}.tif", image)
    nucensus.census(tmp_path / "plate", tmp_path / "run", Settings(outlines=True)).close()
    layers = read_run(str(tmp_path / "run" / "run.sqlite"))
    assert [kind for _, _, kind in layers] == ["image", "labels", "points"]
    images, labels, points = (data for data, _, _ in layers)
    assert labels.shape == images.shape == (2, 160, 200)
    assert labels.dtype == np.int32
    with nucensus.Run(tmp_path / "run") as run:
        assert np.array_equal(labels[0], run.labels_of("a.tif"))
        assert np.array_equal(labels[1, :120, :150], run.labels_of("b.tif"))
    assert not labels[1, 120:].any()
    assert len(points) == labels[0].max() + labels[1].max() > 2
    assert (np.array([labels[tuple(point)] for point in points]) > 0).all()


def test_napari_gets_labels_beside_its_points(outlined, tmp_path):
    nucensus.export_run(outlined, "napari", tmp_path)
    assert (tmp_path / f"{IMAGE}.csv").exists()
    labels = tifffile.imread(tmp_path / f"{IMAGE}.labels.tif")
    assert np.array_equal(labels, outlined.labels_of(IMAGE))


def test_a_notebook_shows_the_outlines_of_the_median_field(outlined):
    polygons = polygons_of(outlined.outlines_of(IMAGE))
    path = re.search(r'class="rings" d="([^"]+)"', outlined._repr_html_())[1]
    assert path.count("M") == sum(map(len, polygons))
    assert path.count("h") + path.count("v") > 20 * len(polygons)
