"""Every plane of a LIF file is the one that was asked for, however its scan was laid out."""

from itertools import permutations

import numpy as np
import pytest
from formats import write_lif_images
from reading_contract import check_reading

from nucensus import census
from nucensus.errors import NotAPlaneError
from nucensus.read import read
from nucensus.values import Plane

liffile = pytest.importorskip("liffile")

OPTIONS = {"C": "channel", "Z": "z", "T": "time"}
RNG = np.random.default_rng(2)


def draw(axes, dtype="u2", **sizes):
    shape = [sizes.get(axis, {"Y": 9, "X": 14}.get(axis, 2)) for axis in axes]
    return RNG.integers(0, 200, shape).astype(dtype)


def planes_of(axes, data):
    """Return each plane with its pixels, rows first."""
    others = [axis for axis in axes if axis not in "YX"]
    array = np.moveaxis(data, [axes.index("Y"), axes.index("X")], [-2, -1])
    return [
        (Plane(**{OPTIONS[axis]: n for axis, n in zip(others, at, strict=True)}), array[at])
        for at in np.ndindex(array.shape[:-2])
    ]


@pytest.mark.parametrize(
    "axes", ["".join(each) for each in permutations("ZCYX") if each[-1] != "C"]
)
def test_planes_are_cut_along_the_axes_of_the_scan(tmp_path, axes):
    data = draw(axes, Z=4, C=3)
    write_lif_images(tmp_path / "a.lif", [("a", axes, data)], channels=("DAPI", "GFP", "Cy5"))
    with liffile.LifFile(tmp_path / "a.lif") as file:
        assert "".join(file.images[0].dims) == axes
        np.testing.assert_array_equal(file.images[0].asarray(), data)
    check_reading(tmp_path / "a.lif", planes_of(axes, data), cuts=(0.4, 0.999))


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_every_type_of_pixels_is_kept(tmp_path, dtype):
    data = draw("TCZYX", dtype)
    write_lif_images(tmp_path / "a.lif", [("a", "TCZYX", data)])
    check_reading(tmp_path / "a.lif", planes_of("TCZYX", data), cuts=(0.7,))


@pytest.mark.parametrize(("letter", "word"), [("λ", "wavelength"), ("M", "tile"), ("L", "loop")])
def test_wavelengths_tiles_and_loops_are_scenes_by_name(tmp_path, letter, word):
    axes = letter + "CYX"
    data = draw(axes, **{letter: 3})
    write_lif_images(tmp_path / "a.lif", [("lambda", axes, data)])
    with pytest.raises(NotAPlaneError, match=rf"0 \(lambda, {word} 0 9 x 14\).*--scene"):
        read(tmp_path / "a.lif", Plane(channel=0))
    for n, c in np.ndindex(data.shape[:2]):
        found = read(tmp_path / "a.lif", Plane(f"{word} {n}", channel=c))
        np.testing.assert_array_equal(found, data[n, c])


def test_colours_and_channels_are_two_axes(tmp_path):
    data = draw("CYXS", "u1", S=3)
    write_lif_images(tmp_path / "a.lif", [("a", "CYXS", data)])
    for c, name in enumerate(("DAPI", "Alexa 488")):
        for s, colour in enumerate(("red", "green", "blue")):
            found = read(tmp_path / "a.lif", Plane(channel=f"{name} {colour}"))
            np.testing.assert_array_equal(found, data[c, ..., s])


def test_scans_that_are_no_images_are_left_out_by_name(tmp_path, caplog):
    image, line = draw("YX"), draw("TX")
    write_lif_images(tmp_path / "a.lif", [("line", "TX", line), ("image", "YX", image)])
    np.testing.assert_array_equal(read(tmp_path / "a.lif"), image)
    assert "'line' is left out: a scan of T 2, X 14" in caplog.text
    with pytest.raises(NotAPlaneError, match="'line' is left out"):
        read(tmp_path / "a.lif", Plane("line"))
    with pytest.raises(NotAPlaneError, match=r"0 \(line left out: .*1 \(image 9 x 14\)"):
        read(tmp_path / "a.lif", Plane("other"))


def test_each_scene_makes_a_row_of_every_scan_and_a_failed_one_of_those_left_out(tmp_path):
    images = [("line", "TX", draw("TX")), ("a", "YX", draw("YX")), ("b", "YX", draw("YX"))]
    write_lif_images(tmp_path / "a.lif", images)
    run = census(tmp_path / "a.lif", plane=Plane("each"))
    assert len(run.images) == 3
    (failed,) = run.failures
    assert "left out: a scan of T 2, X 14" in failed["reason"]
    assert failed["stage"] == "discover"
