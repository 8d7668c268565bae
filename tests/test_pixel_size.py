"""The size of a pixel: each axis in its own, in whatever unit; what is no length is no size."""

import csv
import json
import pickle

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner

from nucensus import Plane, Run, Settings, census, export_run, find_nuclei, well_table
from nucensus.batch.packed import pack, unpack
from nucensus.cli.detect import command as detect
from nucensus.errors import SettingsError
from nucensus.read import read_image
from nucensus.store import NUCLEUS_COLUMNS, in_micrometres
from nucensus.values import Centres, Found
from nucensus.values.pixel_size import NO_SIZE, PixelSize, stated_size
from nucensus.values.synthetic import make_field

NUMBERS = Settings(sigma=2, min_distance=3, threshold=300, border="keep")
PLANE = np.zeros((40, 60), np.uint16)


@pytest.fixture(scope="module")
def field():
    return make_field(3, shape=(200, 240), nuclei=12).image


def write_ome(path, image, **sizes):
    """Write an OME-TIFF file that states these PhysicalSizes."""
    metadata = {"axes": "ZYX"[-image.ndim :], **{f"PhysicalSize{k}": v for k, v in sizes.items()}}
    tifffile.imwrite(path, image, metadata=metadata, photometric="minisblack")
    return path


def size_of(path, plane=None):
    return read_image(path, plane or Plane()).pixel_size


@pytest.mark.parametrize(
    ("unit", "of_it"),
    [
        ("um", 0.4), ("µm", 0.4), ("\u03bcm", 0.4), ("\\u00B5m", 0.4), ("micron", 0.4),
        ("Microns", 0.4), ("nm", 400), ("mm", 4e-4), ("cm", 4e-5), ("m", 4e-7), ("pm", 4e5),
        ("Å", 4000), ("\u212b", 4000), ("inch", 0.4 / 25400), ("in", 0.4 / 25400),
        ("nanometer", 400), ("angstrom", 4000), ("millimetre", 4e-4), ("thou", 0.4 / 25.4),
    ],
)  # fmt: skip
def test_lengths_in_every_unit_become_micrometres(unit, of_it):
    assert stated_size(unit, y=of_it, x=str(2 * of_it)) == PixelSize(0.4, 0.8)


POWERS = {
    "yotta": 24, "zetta": 21, "exa": 18, "peta": 15, "tera": 12, "giga": 9, "mega": 6, "kilo": 3,
    "hecto": 2, "deca": 1, "deci": -1, "centi": -2, "milli": -3, "micro": -6, "nano": -9,
    "pico": -12, "femto": -15, "atto": -18, "zepto": -21, "yocto": -24,
}  # fmt: skip
SYMBOLS = dict(zip(POWERS, (*"YZEPTGMkh", "da", *"dcmunpfazy"), strict=True))


@pytest.mark.parametrize("prefix", POWERS)
def test_every_prefix_of_the_metre_is_known_by_its_name_and_its_symbol(prefix):
    length = 0.4 / 10.0 ** (POWERS[prefix] + 6)
    for unit in (f"{prefix}meter", f"{prefix}metres", f"{SYMBOLS[prefix]}m"):
        assert stated_size(unit, y=length).y == pytest.approx(0.4, rel=1e-9), unit


@pytest.mark.parametrize(
    ("unit", "of_a_metre"),
    [
        ("inches", 0.0254), ('"', 0.0254), ("mil", 2.54e-5), ("li", 0.0254 / 12),
        ("pt", 0.0254 / 72),
        ("ft", 0.3048), ("feet", 0.3048), ("yard", 0.9144), ("mile", 1609.344),
    ],
)  # fmt: skip
def test_units_of_the_inch_are_what_they_were_agreed_to_be(unit, of_a_metre):
    assert stated_size(unit, y=0.4e-6 / of_a_metre).y == pytest.approx(0.4, rel=1e-9)


@pytest.mark.parametrize(
    ("length", "is_size"), [(1e-4, True), (9.9e-5, False), (1e4, True), (10001, False)]
)
def test_a_pixel_is_between_a_tenth_of_a_nanometre_and_a_centimetre(length, is_size):
    size = stated_size("um", y=length)
    assert (size.y is not None) == is_size == (not size.note)


@pytest.mark.parametrize(
    ("unit", "length"),
    [
        ("pixel", 0.4), ("reference frame", 1), ("", 0.4), ("Mm", 0.4), ("um", 0), ("um", -0.5),
        ("um", "nan"), ("um", np.inf), ("um", "1e400"), ("um", 1e9), ("m", 0.4), ("um", 1e-12),
        ("um", "half"),
    ],
)  # fmt: skip
def test_what_is_no_length_of_a_pixel_is_left_out_with_a_word(unit, length):
    size = stated_size(unit, y=length, x=length)
    assert (size.y, size.x) == (None, None)
    assert "left out" in size.note


def test_nothing_is_said_where_nothing_is_stated():
    assert stated_size("", y=1.0, x=1.0, z=None) == stated_size(y="", x=None) == NO_SIZE


def test_a_word_holds_nothing_that_steers_a_terminal():
    assert stated_size("\x1b[2Jpixel" * 99, y="0.4\n").note.isprintable()


def test_ome_tiff_states_each_axis_in_its_own_unit(tmp_path):
    stack = np.zeros((3, 20, 30), np.uint16)
    path = write_ome(tmp_path / "a.ome.tif", stack, Y=400, YUnit="nm", X=0.6, Z=2e-3, ZUnit="mm")
    assert size_of(path, Plane(z=0)) == PixelSize(0.4, 0.6, 2.0)


@pytest.mark.parametrize(
    ("unit", "unit_um"), [("um", 1), ("\\u00B5m", 1), ("nm", 1e-3), ("cm", 1e4), ("inch", 25_400)]
)
def test_imagej_states_height_and_width_in_its_unit(tmp_path, unit, unit_um):
    tifffile.imwrite(
        tmp_path / "a.tif", PLANE, imagej=True, metadata={"unit": unit},
        resolution=(unit_um / 0.6, unit_um / 0.4),
    )  # fmt: skip
    size = size_of(tmp_path / "a.tif")
    assert (size.y, size.x) == pytest.approx((0.4, 0.6), rel=1e-5)


def test_the_unit_of_an_imagej_file_may_stand_in_a_tag(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", PLANE, imagej=True, resolution=(1e4 / 0.6, 1e4 / 0.4),
                     resolutionunit="CENTIMETER")  # fmt: skip
    size = size_of(tmp_path / "a.tif")
    assert (size.y, size.x) == pytest.approx((0.4, 0.6), rel=1e-5)


def test_ome_zarr_states_each_axis_in_its_own_unit(tmp_path):
    zarr = pytest.importorskip("zarr")
    group = zarr.create_group(tmp_path / "a.zarr", zarr_format=2)
    group.create_array("0", data=PLANE)
    axes = [{"name": "y", "type": "space", "unit": "nanometer"},
            {"name": "x", "type": "space", "unit": "angstrom"}]  # fmt: skip
    scale = [{"type": "scale", "scale": [400.0, 6000.0]}]
    group.attrs["multiscales"] = [
        {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    ]
    assert size_of(tmp_path / "a.zarr") == PixelSize(0.4, 0.6)


def test_every_output_keeps_the_height_and_the_width_of_a_pixel(tmp_path, field):
    path = write_ome(tmp_path / "a.ome.tif", field, Y=0.4, X=0.6)
    run = census(path, tmp_path / "run", NUMBERS)
    (row,) = run.images
    assert np.isnan(row["pixel_size_um"])
    assert (row["pixel_y_um"], row["pixel_x_um"], row["note"]) == (0.4, 0.6, "")
    with open(tmp_path / "run" / "nuclei.csv", newline="") as file:
        nuclei = list(csv.DictReader(file))
    assert len(nuclei) > 3
    for each in nuclei:
        assert float(each["y_um"]) == int(each["y"]) * 0.4
        assert float(each["x_um"]) == int(each["x"]) * 0.6
    export_run(run, "geojson", tmp_path)
    (first, *_) = json.loads((tmp_path / "a.ome.tif.geojson").read_text())["features"]
    assert first["properties"]["measurements"]["x_um"] == float(nuclei[0]["x_um"])


def test_neighbours_and_density_are_measured_in_both_sizes(tmp_path):
    image = np.zeros((100, 100), np.uint16)
    for y, x in ((20, 20), (20, 50), (60, 20)):  # 30 px of 1.2 um, 40 px of 0.2 um
        image[y, x] = 60_000
    path = write_ome(tmp_path / "a.ome.tif", image, Y=0.2, X=1.2)
    run = census(path, tmp_path / "run", NUMBERS)
    (well,) = well_table(run)
    assert well["Nuclei_NeighbourDistancePx_Mean"] == pytest.approx((30 + 30 + 40) / 3)
    assert well["Nuclei_NeighbourDistanceUm_Mean"] == pytest.approx((8 + 8 + 36) / 3)
    assert well["Nuclei_PerMm2"] == pytest.approx(3 / (100 * 0.2 * 100 * 1.2 / 1e6))


def test_sigma_in_micrometres_is_smoothed_along_each_axis_in_its_own_size(tmp_path, field):
    path = write_ome(tmp_path / "a.ome.tif", field, Y=0.4, X=0.8)
    run = census(path, settings=Settings(sigma_um=1.6, min_distance=3, threshold=300))
    expected = census(path, settings=Settings(sigma=(4, 2), min_distance=3, threshold=300))
    assert len(expected.nuclei) > 3
    assert run.nuclei.tolist() == expected.nuclei.tolist()


def test_sigma_in_micrometres_is_refused_where_no_file_states_the_size_of_a_pixel(field):
    settings = Settings(sigma_um=1.6, min_distance=3, threshold=300)
    with pytest.raises(SettingsError, match=r"1.6 micrometres.* give sigma in pixels"):
        find_nuclei(field, settings)


def test_a_large_image_is_read_part_by_part_with_sigma_in_micrometres(tmp_path, field, monkeypatch):
    path = write_ome(tmp_path / "a.ome.tif", field, Y=0.4, X=0.8)
    settings = Settings("maxima", sigma_um=1.6, min_distance=3, threshold=300)
    whole = census(path, settings=settings)
    monkeypatch.setattr("nucensus.batch.admission._WHOLE_BYTES", 0)
    run = census(path, settings=settings)
    assert run.facts["strategy"]["in_parts"]["images"] == 1
    assert run.nuclei.tolist() == whole.nuclei.tolist()


def test_one_scale_in_micrometres_is_one_scale_of_blobs_in_oblong_pixels(tmp_path, field):
    path = write_ome(tmp_path / "a.ome.tif", field, Y=0.25, X=1)
    run = census(path, settings=Settings("log", sigma_um=2, threshold=300))
    expected = census(path, settings=Settings("log", sigma=4, threshold=300))
    assert run.nuclei.tolist() == expected.nuclei.tolist()


def test_a_size_that_is_not_believed_is_a_note_and_never_a_failure(tmp_path, field):
    path = write_ome(tmp_path / "a.ome.tif", field, Y=-0.5, X=-0.5)
    out = tmp_path / "run"
    said = CliRunner().invoke(detect, [str(path), "-o", str(out), "--threshold", "300"])
    assert said.exit_code == 0
    assert "Note: 1 image: the stated pixel size (y -0.5 µm, x -0.5 µm)" in said.stderr
    run = Run(out)
    (row,) = run.images
    assert np.isnan(row["pixel_y_um"])
    assert "x -0.5" in row["note"]
    assert "x_um" not in (out / "nuclei.csv").read_text()
    failed = census(path, settings=Settings(sigma_um=2)).failures
    assert "y -0.5 µm" in failed["reason"][0]


def test_a_changed_file_has_the_note_of_what_it_states_now(tmp_path, field):
    for rows, sizes in ((100, {"Y": -1, "X": 1}), (90, {"Y": 0.4, "X": 0.6})):
        path = write_ome(tmp_path / "a.ome.tif", field[:rows], **sizes)
        (row,) = census(path, tmp_path / "run", NUMBERS).images
        assert bool(row["note"]) == (rows == 100)


def test_an_area_of_0_is_not_known_in_micrometres_and_a_place_at_0_is_one():
    columns = {each.name: each for each in NUCLEUS_COLUMNS}
    for name, expected in (("area_um2", [np.nan, 1.0, 2.25]), ("y_um", [0.0, 2.0, 4.5]),
                           ("major_um", [np.nan, 2.0, 4.5])):  # fmt: skip
        found = in_micrometres(columns[name], np.array([0, 4, 9]), 0.5)
        np.testing.assert_array_equal(found, np.array(expected, found.dtype))


def test_sizes_and_notes_come_back_from_other_machines():
    size = PixelSize(0.4, 0.6, 2.0, "a note")
    centres = Centres(np.array([[1, 2]]), np.array([3.0]))
    found = Found(centres, (40, 60), "uint16", 1.0, 1.0, pixel_size=size)
    (back,) = unpack(pack([found]))
    assert back.pixel_size == size


@pytest.mark.parametrize(("unit", "nothing"), [("um", None), ("um", ""), ("", 1)])
def test_an_axis_that_states_nothing_leaves_the_others_as_they_are(unit, nothing):
    size = stated_size({"z": unit, "y": "um", "x": "um"}, z=nothing, y=0.4, x=0.6)
    assert size == PixelSize(0.4, 0.6)


@pytest.mark.parametrize("size", [NO_SIZE, stated_size("pixel", y=0.4, x=0.4), PixelSize(0.4, 0.4)])
def test_what_is_odd_about_pixels_is_said_where_an_index_states_their_size(size):
    noted = pickle.loads(pickle.dumps(size.with_note("they are odd"))).outranked_by(0.5, None)
    assert (noted.y, noted.note) == (0.5, "they are odd")
    assert size.with_note("they are odd").note.endswith("they are odd")
    assert not size.outranked_by(0.5, 0.5).note
