"""What shows and exports a run of volumes: the plane of each nucleus is there, or it is refused."""

import csv

import numpy as np
import pytest
import tifffile
from stated_runs import write_run

from nucensus import Settings, census, diff_images, export_run
from nucensus.errors import InputError
from nucensus.export import FORMATS
from nucensus.model import Centres, ImageRef, Plane
from nucensus.report import gallery
from nucensus.store import Run
from nucensus.tune import Session
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
                         metadata={"axes": "ZYX", "unit": "um"})  # fmt: skip
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
