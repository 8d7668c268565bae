"""Real images that packages of others carry: `uv run nox -s public_images` downloads them."""

import os
import tarfile
import zipfile
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from nucensus import Settings, census
from nucensus.errors import NotAPlaneError
from nucensus.read import read
from nucensus.values import Plane

FOLDER = Path(os.environ.get("NUCENSUS_PUBLIC_IMAGES", "absent"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="nox -s public_images downloads the images"),
]


def unpack(package, member, folder):
    """Return the path of a file out of a wheel."""
    with zipfile.ZipFile(next(FOLDER.glob(f"{package}-*.whl"))) as wheel:
        return Path(wheel.extract(member, folder))


def test_the_fields_of_stardist_are_read_and_most_of_the_nuclei_found(tmp_path):
    image = unpack("stardist", "stardist/data/images/img2d.tif", tmp_path)
    mask = tifffile.imread(unpack("stardist", "stardist/data/images/mask2d.tif", tmp_path))
    np.testing.assert_array_equal(read(image), tifffile.imread(image))
    run = census(image, settings=Settings(sigma=3, threshold=20, border="keep"))
    hit = set(mask[run.nuclei["y"], run.nuclei["x"]]) - {0}
    assert len(hit) > 0.8 * (len(np.unique(mask)) - 1)


def test_the_stack_of_stardist_counts_its_31_planes(tmp_path):
    image = unpack("stardist", "stardist/data/images/img3d.tif", tmp_path)
    run = census(image, settings=Settings(sigma=2, threshold=100), plane=Plane(z="each"))
    assert run.counts["found"] == 31
    np.testing.assert_array_equal(read(image, Plane(z=7)), tifffile.imread(image)[7])


def test_the_grey_colours_of_mahotas_need_a_channel(tmp_path):
    image = unpack("mahotas", "mahotas/demos/data/nuclear.png", tmp_path)
    with pytest.raises(NotAPlaneError, match="--channel"):
        read(image)
    expected = imagecodecs.png_decode(image.read_bytes())[..., 0]
    np.testing.assert_array_equal(read(image, Plane(channel=0)), expected)
    run = census(image, settings=Settings(sigma=6, threshold=40), plane=Plane(channel=0))
    assert run.counts["nuclei"] > 5


def test_the_fly_of_cellprofiler_takes_a_pattern_of_its_own(tmp_path):
    folder = "cellprofiler/data/examples/ExampleFly/images"
    for site in ("002", "076", "218"):
        for stain in "DFR":
            image = unpack("cellprofiler", f"{folder}/01_POS{site}_{stain}.TIF", tmp_path)
            np.testing.assert_array_equal(read(image), tifffile.imread(image))
    run = census(
        tmp_path,
        settings=Settings(sigma=3, threshold=40),
        plane=Plane(channel="D"),
        pattern=r"_POS(?P<site>\d+)_(?P<channel>[DFR])\.TIF",
    )
    assert list(run.images["site"]) == ["2", "76", "218"]
    assert set(run.images["channel"]) == {"D"}
    assert run.counts["nuclei"] > 100


def test_three_harmony_plates_are_counted_in_their_nuclear_channel(tmp_path):
    with tarfile.open(next(FOLDER.glob("pe2loaddata-*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    (data,) = tmp_path.glob("pe2loaddata-*/tests/data")
    for version, pixel_um, at_least in (("Version1", 0.598, 2), ("Version7", 0.297, 200)):
        run = census(
            data / version,
            settings=Settings(sigma=8 if version == "Version7" else 4, threshold=1500),
            plane=Plane(channel="hoechst"),
        )
        (row,) = run.images
        assert row["pixel_size_um"] == pytest.approx(pixel_um, abs=1e-3)
        assert row["count"] >= at_least
