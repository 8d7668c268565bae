"""What shows and exports a run of volumes: the plane of each nucleus is there."""

import csv
import json
import sys

import numpy as np
import pytest
import tifffile
from commands import run_here
from stated_runs import write_run

from nucensus import Settings, census, diff_images, export_run
from nucensus.cli import main
from nucensus.errors import InputError
from nucensus.export.labels import label_shape
from nucensus.read import read
from nucensus.report import gallery
from nucensus.store import Run
from nucensus.tune import Session
from nucensus.values import Centres, ImageRef, Plane
from nucensus.viewer.layers import read_run

SETTINGS = Settings(sigma=1, min_distance=3, threshold=200, border="keep")
VOLUME = Plane(z="volume")


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    """A run of two volumes, one without nuclei, with the size of their pixels."""
    folder = tmp_path_factory.mktemp("volumes")
    stack = np.random.default_rng(3).gamma(2, 100, (9, 40, 50)).astype(np.uint16)
    for name, data in (("a.tif", stack), ("none.tif", stack * 0)):
        tifffile.imwrite(folder / name, data, imagej=True, resolution=(2, 2),
                         metadata={"axes": "ZYX", "unit": "um", "spacing": 1.5})  # fmt: skip
    return census(folder, folder / "run", SETTINGS, plane=VOLUME), folder, stack


def test_the_gallery_shows_the_maximum_over_the_planes(volumes, tmp_path):
    run, _, _ = volumes
    assert gallery.write_gallery(run, tmp_path) == 2
    svg = (tmp_path / "1.svg").read_text()
    assert "data:image/webp" in svg
    assert "cannot be shown" not in svg


def test_the_tuner_shows_the_maximum_over_the_planes(volumes):
    run, folder, stack = volumes
    path = str(folder / "a.tif")
    session = Session([path], [ImageRef("a.tif", path, plane=VOLUME)], SETTINGS)
    np.testing.assert_array_equal(session.picture(0).levels, stack.max(axis=0))
    known = run.nuclei_of("a.tif")
    shown = session.nuclei(0, SETTINGS)
    np.testing.assert_array_equal(shown[:, :2], np.column_stack((known["x"], known["y"])))


def test_the_viewer_shows_the_maximum_over_the_planes(volumes):
    run, folder, stack = volumes
    (fields, _, _), (points, _, _) = read_run(str(folder / "run" / "run.sqlite"))
    np.testing.assert_array_equal(fields[0], stack.max(axis=0))
    assert len(points) == run.counts["nuclei"]


def test_tables_of_volumes_say_the_plane_of_each_nucleus(volumes, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    run, _, _ = volumes
    export_run(run, "parquet", tmp_path)
    table = parquet.read_table(tmp_path / "nuclei.parquet")
    known = run.nuclei_of("a.tif")
    for axis, size in (("z", 1.5), ("y", 0.5), ("x", 0.5)):
        np.testing.assert_array_equal(table[axis], known[axis])
        np.testing.assert_array_equal(table[f"{axis}_um"], known[axis] * size)


@pytest.fixture(scope="module")
def partly_stated(tmp_path_factory):
    """A run of four images, of which each states other sizes of pixels or planes."""
    folder = tmp_path_factory.mktemp("stated")
    stack = np.random.default_rng(3).gamma(2, 100, (9, 40, 50)).astype(np.uint16)
    known = {"axes": "ZYX", "unit": "um", "spacing": 1.5}
    tifffile.imwrite(folder / "1 none.tif", stack, metadata={"axes": "ZYX"})
    tifffile.imwrite(folder / "2 planes.ome.tif", stack,
                     metadata={"axes": "ZYX", "PhysicalSizeZ": 1.5})  # fmt: skip
    tifffile.imwrite(folder / "3 both.tif", stack, imagej=True, resolution=(2, 2), metadata=known)
    tifffile.imwrite(folder / "4 pixels.tif", stack, imagej=True, resolution=(2, 2),
                     metadata={"axes": "ZYX", "unit": "um"})  # fmt: skip
    return census(folder, folder / "run", SETTINGS, plane=VOLUME)


@pytest.mark.parametrize("to", ["csv", "parquet"])
@pytest.mark.parametrize("at_once", [1, 1 << 19])
def test_micrometres_that_no_file_states_are_empty(
    partly_stated, tmp_path, monkeypatch, to, at_once
):
    monkeypatch.setattr("nucensus.export.batches._NUCLEI_AT_ONCE", at_once)
    if to == "parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
    export_run(partly_stated, to, tmp_path)
    if to == "csv":
        with open(tmp_path / "nuclei.csv", newline="") as file:
            rows = list(csv.DictReader(file))
    else:
        rows = parquet.read_table(tmp_path / "nuclei.parquet").to_pylist()
    assert {row["image"] for row in rows} == {row["image"] for row in partly_stated.images}
    for row in rows:
        sizes = {"z": 1.5 if row["image"][0] in "23" else None}
        sizes |= dict.fromkeys("yx", 0.5 if row["image"][0] in "34" else None)
        for axis, size in sizes.items():
            expected = None if size is None else int(row[axis]) * size
            assert _number(row[f"{axis}_um"]) == expected


def _number(cell):
    """Return the number in a cell, None of an empty one."""
    return None if cell in ("", None) or cell != cell else float(cell)


def test_a_batch_of_planes_among_volumes_has_no_plane_number(tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("nucensus.export.batches._NUCLEI_AT_ONCE", 1)
    images = {"a.tif": centres((5, 6)), "b.tif": centres((1, 10, 10))}
    write_run(tmp_path / "run", images).close()
    export_run(Run(tmp_path / "run"), "parquet", tmp_path)
    assert parquet.read_table(tmp_path / "nuclei.parquet")["z"].to_pylist() == [-1, 1]


def test_anndata_of_volumes_says_the_plane_of_each_nucleus(volumes, tmp_path):
    h5py = pytest.importorskip("h5py")
    run, _, _ = volumes
    export_run(run, "anndata", tmp_path)
    with h5py.File(tmp_path / "nuclei.h5ad") as file:
        np.testing.assert_array_equal(file["obs/z"], run.nuclei_of("a.tif")["z"])
        np.testing.assert_array_equal(file["obs/z_um"], run.nuclei_of("a.tif")["z"] * 1.5)
        assert {"z", "z_um"} <= set(file["obs"].attrs["column-order"])


def test_points_of_a_volume_have_three_axes_in_napari(volumes, tmp_path):
    run, _, _ = volumes
    export_run(run, "napari", tmp_path)
    with open(tmp_path / "a.tif.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    known = run.nuclei_of("a.tif")[["z", "y", "x"]].tolist()
    assert [tuple(int(row[f"axis-{i}"]) for i in range(3)) for row in rows] == known
    for row in rows:
        assert float(row["z_um"]) == int(row["axis-0"]) * 1.5
        assert float(row["x_um"]) == int(row["axis-2"]) * 0.5


def test_detections_of_a_volume_have_their_plane_in_qupath(volumes, tmp_path):
    run, _, _ = volumes
    export_run(run, "geojson", tmp_path)
    document = json.loads((tmp_path / "a.tif.geojson").read_text())
    found = [each["geometry"] for each in document["features"]]
    for geometry, nucleus in zip(found, run.nuclei_of("a.tif"), strict=True):
        assert geometry["plane"] == {"c": -1, "z": nucleus["z"], "t": 0}
        assert geometry["coordinates"] == [nucleus["x"] + 0.5, nucleus["y"] + 0.5]
    measured = document["features"][0]["properties"]["measurements"]
    assert measured["z_um"] == found[0]["plane"]["z"] * 1.5
    assert json.loads((tmp_path / "none.tif.geojson").read_text())["features"] == []


def test_points_of_a_volume_lie_on_their_slices_in_imagej(volumes, tmp_path):
    roifile = pytest.importorskip("roifile")
    run, _, _ = volumes
    export_run(run, "imagej", tmp_path)
    [roi] = roifile.roiread(tmp_path / "a.tif.zip")
    known = run.nuclei_of("a.tif")
    np.testing.assert_array_equal(roi.counter_positions, known["z"] + 1)
    np.testing.assert_array_equal(roi.coordinates(), np.column_stack((known["x"], known["y"])))


@pytest.mark.parametrize("radius", [0, 3])
def test_label_volumes_count_the_same(volumes, tmp_path, radius):
    run, _, stack = volumes
    export_run(run, "labels", tmp_path, radius=radius)
    labels = tifffile.imread(tmp_path / "a.tif.labels.tif")
    known = run.nuclei_of("a.tif")
    assert labels.shape == stack.shape
    numbers = np.arange(1, len(known) + 1)
    np.testing.assert_array_equal(labels[known["z"], known["y"], known["x"]], numbers)
    np.testing.assert_array_equal(np.unique(labels), np.arange(len(known) + 1))
    assert (np.bincount(labels.ravel())[1:] > 1).all() == (radius > 0)
    assert tifffile.imread(tmp_path / "none.tif.labels.tif").shape == stack.shape
    np.testing.assert_array_equal(read(tmp_path / "a.tif.labels.tif", VOLUME), labels)


def test_label_volumes_as_ome_zarr_have_the_scale_of_their_files(volumes, tmp_path):
    zarr = pytest.importorskip("zarr")
    run, _, stack = volumes
    export_run(run, "ome-zarr", tmp_path, radius=1)
    path = tmp_path / "a.tif.ome.zarr"
    [scales] = zarr.open_group(path, mode="r").attrs["multiscales"]
    assert [axis["name"] for axis in scales["axes"]] == ["z", "y", "x"]
    assert {axis["unit"] for axis in scales["axes"]} == {"micrometer"}
    assert scales["datasets"][0]["coordinateTransformations"][0]["scale"] == [1.5, 0.5, 0.5]
    labels = read(path, VOLUME)
    assert labels.shape == stack.shape
    assert len(np.unique(labels)) == run.counts["nuclei"] + 1


def centres(*points):
    return Centres(np.array(points, np.int64), np.arange(len(points), 0, -1) * 100.0)


def test_volumes_are_compared_in_three_dimensions(tmp_path, monkeypatch, capsys):
    write_run(tmp_path / "a", {"a.tif": centres((1, 10, 10), (2, 50, 50))}).close()
    write_run(tmp_path / "b", {"a.tif": centres((1, 10, 10), (20, 50, 50))}).close()
    write_run(tmp_path / "c", {"a.tif": centres((10, 10))}).close()
    write_run(tmp_path / "d", {"a.tif": Centres(np.empty((0, 3), np.int64), np.empty(0))}).close()
    (found,) = diff_images(Run(tmp_path / "a"), Run(tmp_path / "b"))
    assert found.removed[["z", "y", "x"]].tolist() == [(2, 50, 50)]
    assert found.added[["z", "y", "x"]].tolist() == [(20, 50, 50)]
    for other, gone in (("c", 1), ("d", 2)):
        (found,) = diff_images(Run(tmp_path / "a"), Run(tmp_path / other))
        assert len(found.removed) == gone
    monkeypatch.setattr(sys, "argv", ["nucensus", "diff", str(tmp_path / "a"), str(tmp_path / "b")])
    with pytest.raises(SystemExit):
        main()
    assert "  - (2, 50, 50) 100\n" in capsys.readouterr().out


@pytest.fixture(scope="module")
def planes(tmp_path_factory):
    """A run of the twelve planes of one stack of two times, three planes and two channels."""
    folder = tmp_path_factory.mktemp("planes")
    stack = np.random.default_rng(3).gamma(2, 100, (2, 3, 2, 40, 50)).astype(np.uint16)
    tifffile.imwrite(folder / "a.tif", stack, imagej=True, metadata={"axes": "TZCYX"})
    each = Plane(channel="each", z="each", time="each")
    return census(folder, settings=SETTINGS, plane=each)


def test_planes_of_a_stack_have_their_plane_in_qupath_and_imagej(planes, tmp_path):
    roifile = pytest.importorskip("roifile")
    export_run(planes, "geojson", tmp_path)
    export_run(planes, "imagej", tmp_path)
    for c, z, t in np.ndindex(2, 3, 2):
        name = f"a.tif[c={c},z={z},t={t}]"
        document = json.loads((tmp_path / f"{name}.geojson").read_text())
        assert document["features"]
        for feature in document["features"]:
            assert feature["geometry"]["plane"] == {"c": c, "z": z, "t": t}
        [roi] = roifile.roiread(tmp_path / f"{name}.zip")
        assert (roi.c_position, roi.z_position, roi.t_position) == (c + 1, z + 1, t + 1)


def test_a_plane_of_a_stack_along_one_axis_lies_on_its_slice_in_imagej(tmp_path):
    roifile = pytest.importorskip("roifile")
    stack = np.random.default_rng(3).gamma(2, 100, (9, 40, 50)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    export_run(census(tmp_path, settings=SETTINGS, plane=Plane(z=4)), "imagej", tmp_path / "out")
    [roi] = roifile.roiread(tmp_path / "out" / "a.tif.zip")
    assert (roi.position, roi.z_position, roi.t_position) == (5, 5, 0)


def test_a_file_that_is_no_stack_has_no_plane(tmp_path):
    where = {"z": 3, "time": 2, "channel": "DAPI"}  # as its name says, one file for each plane
    export_run(write_run(tmp_path, {"a.tif": (centres((5, 6)), where)}), "geojson", tmp_path)
    [feature] = json.loads((tmp_path / "a.tif.geojson").read_text())["features"]
    assert set(feature["geometry"]) == {"type", "coordinates"}


def test_a_border_that_leaves_no_room_is_said_and_not_the_threshold(tmp_path):
    volume = np.zeros((3, 40, 40), np.uint16)
    volume[1, 20, 20] = 60_000
    tifffile.imwrite(tmp_path / "v.tif", volume, imagej=True, metadata={"axes": "ZYX"})
    numbers = ("--volume", "--sigma", "0", "--threshold", "100", "--min-distance", "6")
    done = run_here("detect", tmp_path / "v.tif", "-o", tmp_path / "run", *numbers)
    assert "1 image of 1 can have no nucleus: with --border drop" in done.stderr
    assert "above the threshold" not in done.stderr


def test_label_images_of_absurd_sizes_are_refused_at_once():
    row = {"name": "a.tif", "depth": None, "height": 100_000, "width": 100_000}
    with pytest.raises(InputError, match="too many for a label image"):
        label_shape(row)
