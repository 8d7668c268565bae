"""Of a pyramid the level is counted that was asked for, and everything says which."""

import json
import re

import numpy as np
import pytest
import tifffile
from commands import run_here
from reading_contract import read_parts
from test_slides import COLOUR, GREY, write_ndpi, write_scn, write_svs

from nucensus import Run, Settings, census, export_run
from nucensus.errors import NotAPlaneError, RunError
from nucensus.read import open_scenes, read, read_image
from nucensus.values import Plane
from nucensus.values.synthetic import make_field

TILED = {"tile": (64, 64), "metadata": None}
FIELD = make_field(0, shape=(512, 640), nuclei=60, radius_px=18).image


def halved(image, times=1):
    for _ in range(times):
        rows, columns = (n // 2 * 2 for n in image.shape[-2:])
        image = image[..., :rows, :columns]
        image = (image[..., ::2, ::2] // 2 + image[..., 1::2, 1::2] // 2).astype(image.dtype)
    return image


def write_below(path, image, **options):
    """Write a pyramid whose lower levels are directories below the full size."""
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(image, subifds=2, tile=(64, 64), **options)
        for times in (1, 2):
            file.write(halved(image, times), subfiletype=1, tile=(64, 64), metadata=None)
    return path


def write_beside(path, image):
    """Write a pyramid whose lower levels are pages behind the full size."""
    with tifffile.TiffWriter(path) as file:
        for times in range(3):
            file.write(halved(image, times), subfiletype=int(times > 0), **TILED)
    return path


def write_ome(path, image):
    metadata = {"axes": "CYX"[-image.ndim :], "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    return write_below(path, image, metadata=metadata)


def write_zarr(path, image):
    zarr = pytest.importorskip("zarr")
    axes = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "yx"]
    datasets = [
        {"path": f"s{n}", "coordinateTransformations": [{"type": "scale", "scale": [side, side]}]}
        for n, side in enumerate((0.5, 1.0, 2.0))
    ]
    attributes = {"multiscales": [{"axes": axes, "datasets": datasets}]}
    group = zarr.open_group(path, mode="w", zarr_format=2, attributes=attributes)
    for n in range(3):
        group.create_array(f"s{n}", data=halved(image, n), chunks=(64, 64))
    return path


THERE = re.escape("0 (512 x 640), 1 (256 x 320), 2 (128 x 160)")
WRITERS = {
    "below.tif": (write_below, {"metadata": None}),
    "beside.tif": (write_beside, {}),
    "a.ome.tif": (write_ome, {}),
    "a.zarr": (write_zarr, {}),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("shape", [(512, 640), (501, 333)])
def test_every_level_of_a_pyramid_has_its_own_pixels_whole_and_in_parts(tmp_path, name, shape):
    write, options = WRITERS[name]
    image = FIELD[: shape[0], : shape[1]]
    path = write(tmp_path / name, image, **options)
    for level in range(3):
        plane, expected = Plane(level=level), halved(image, level)
        np.testing.assert_array_equal(read(path, plane), expected)
        np.testing.assert_array_equal(read_parts(path, plane), expected)
        found = read_image(path, plane)
        assert found.downsample == (2**level, 2**level)
        if found.pixel_size.y:
            assert (found.pixel_size.y, found.pixel_size.x) == (0.5 * 2**level,) * 2


@pytest.mark.parametrize("name", WRITERS)
def test_a_level_that_is_not_there_is_refused_with_those_that_are(tmp_path, name):
    write, options = WRITERS[name]
    path = write(tmp_path / name, FIELD, **options)
    with pytest.raises(NotAPlaneError, match=f"no level 3 of resolution; there are {THERE}"):
        read(path, Plane(level=3))


def test_an_image_of_one_resolution_has_no_other(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", FIELD, metadata=None)
    with pytest.raises(NotAPlaneError, match=r"no level 1 .* there is 0 \(512 x 640\)"):
        read(tmp_path / "a.tif", Plane(level=1))
    two = np.stack([FIELD, FIELD + 1])
    tifffile.imwrite(tmp_path / "b.tif", two, photometric="minisblack", metadata=None)
    with pytest.raises(NotAPlaneError, match="no level 1"):
        read(tmp_path / "b.tif", Plane(z=1, level=1))


def test_channels_of_a_level_are_those_of_full_size(tmp_path):
    path = write_ome(tmp_path / "a.ome.tif", GREY)
    for channel, level in np.ndindex(2, 3):
        found = read(path, Plane(channel=channel, level=level))
        np.testing.assert_array_equal(found, halved(GREY[channel], level))


def test_levels_of_slides_are_those_of_their_image_and_not_its_thumbnail(tmp_path):
    write_svs(tmp_path / "a.svs", COLOUR)
    found = read_image(tmp_path / "a.svs", Plane(channel=1, level=1))
    np.testing.assert_array_equal(found.pixels, COLOUR[::2, ::2, 1])
    assert (found.pixel_size.y, found.downsample) == (2 * 0.499, (2, 2))
    write_scn(tmp_path / "a.scn", 2)
    found = read_image(tmp_path / "a.scn", Plane("image_2", channel=1, level=1))
    np.testing.assert_array_equal(found.pixels, GREY[1, ::2, ::2] + 1)
    assert found.pixel_size.y == 1.0
    write_ndpi(tmp_path / "a.ndpi", [(COLOUR, 20), (COLOUR[::2, ::2], 10), (COLOUR[:60], -1)])
    found = read_image(tmp_path / "a.ndpi", Plane(channel=0, level=1))
    assert (found.pixels.shape, found.pixel_size.y) == ((96, 128), 1.0)
    for name in ("a.svs", "a.ndpi"):
        with pytest.raises(NotAPlaneError, match=r"no level 2 .*0 \(192 x 256\), 1 \(96 x 128\)"):
            read(tmp_path / name, Plane(channel=0, level=2))


def test_levels_are_looked_for_only_where_one_is_asked_for(tmp_path):
    path = write_zarr(tmp_path / "a.zarr", FIELD)
    (path / "s1" / ".zarray").unlink()
    np.testing.assert_array_equal(read(path), FIELD)
    with open_scenes(path) as scenes, pytest.raises(Exception, match="s1"):
        scenes[0].reduce()


def test_a_run_at_a_level_counts_its_pixels_and_says_so(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    write_ome(images / "a.ome.tif", FIELD)
    tifffile.imwrite(images / "flat.tif", FIELD, metadata=None)
    run = census(images, tmp_path / "run", plane=Plane(level=1))
    table = run.images
    found = table[table["status"] == "found"]
    assert found["image"].tolist() == ["a.ome.tif"]
    assert (found["height"][0], found["width"][0], found["pixel_size_um"][0]) == (256, 320, 1.0)
    assert (found["level"][0], found["downsample_y"][0], found["downsample_x"][0]) == (1, 2, 2)
    assert "no level 1" in run.failures[0]["reason"]
    full = census(images / "a.ome.tif", tmp_path / "full")
    assert 0.9 < run.counts["nuclei"] / full.counts["nuclei"] < 1.1
    with pytest.raises(RunError, match="level was 1 and is 0"):
        census(images, tmp_path / "run")
    with pytest.raises(RunError, match="level was 0 and is 2"):
        census(images / "a.ome.tif", tmp_path / "full", plane=Plane(level=2))


def test_a_level_is_an_option_of_the_command(tmp_path):
    path = write_below(tmp_path / "a.tif", FIELD, metadata=None)
    done = run_here("detect", path, "-o", tmp_path / "run", "--level", "1")
    assert done.returncode == 0, done.stderr
    with Run(tmp_path / "run") as run:
        assert run.images["width"].tolist() == [320]
    refused = run_here("scan", path, "--level", "3")
    assert re.search(THERE, refused.stdout + refused.stderr)


@pytest.mark.parametrize("outlines", [False, True])
def test_places_for_qupath_are_those_at_full_size(tmp_path, outlines):
    path = write_below(tmp_path / "a.tif", FIELD, metadata=None)
    places = []
    for level in (0, 1):
        out = tmp_path / f"run{level}"
        census(path, out, Settings(outlines=outlines), plane=Plane(level=level))
        with Run(out) as run:
            export_run(run, "geojson", tmp_path / f"json{level}")
        (written,) = (tmp_path / f"json{level}").rglob("*.geojson")
        rings = [f["geometry"]["coordinates"] for f in json.loads(written.read_text())["features"]]
        places.append(np.array([np.mean(ring[0], axis=0) if outlines else ring for ring in rings]))
        assert json.loads(written.read_text())["provenance"].get("level", 0) == level
        back = run_here("import", out, written, "--by", "Anna")
        assert "(0 added, 0 removed)" in back.stdout or outlines, back.stderr
    full, reduced = places
    nearest = np.abs(full[:, None] - reduced[None]).max(axis=2).min(axis=1)
    assert np.quantile(nearest, 0.9) < 3
