import csv
import os
import re
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import run

from nucensus.detect.check_centres import check_centres
from nucensus.values import Centres, Outlines

EXAMPLE = Path(__file__).parents[1] / "examples" / "nucensus-stardist"

# StarDist as far as the example uses it: its names, arguments and what it returns.
STAND_IN = """
import numpy as np

class StarDist2D:
    def __init__(self, config, name=None, basedir="."):
        assert config is None and (name, basedir.endswith("models")) == ("mine", True)

    def predict_instances(self, img, axes=None, normalizer=None, prob_thresh=None):
        assert img.dtype == np.float32 and -1 < img.min() and img.max() < 10
        y, x = np.unravel_index(np.argsort(img, axis=None)[[-1, -40]], img.shape)
        points = np.stack([y, x], axis=1)
        return np.zeros(img.shape, np.int32), {
            "coord": np.zeros((2, 2, 32)), "points": points, "prob": np.ones(2, np.float32)
        }
"""


@pytest.fixture
def installed(tmp_path):
    """A folder that holds the example as if it had been installed, and a stand-in for StarDist."""
    folder = tmp_path / "site"
    (folder / "stardist").mkdir(parents=True)
    (folder / "stardist" / "__init__.py").touch()
    (folder / "stardist" / "models.py").write_text(STAND_IN)
    shutil.copy(EXAMPLE / "nucensus_stardist.py", folder)
    about = folder / "nucensus_stardist-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: nucensus-stardist\nVersion: 1.0\n"
    )
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    entries = project["entry-points"]["nucensus.detectors"]
    lines = ["[nucensus.detectors]", *(f"{name} = {target}" for name, target in entries.items())]
    (about / "entry_points.txt").write_text("\n".join(lines))
    return {
        **os.environ, "PYTHONPATH": str(folder),
        "NUCENSUS_STARDIST_MODEL": str(tmp_path / "models" / "mine"),
    }  # fmt: skip


@pytest.mark.parametrize("strategy", ["threads", "pool-disk"])
def test_a_detector_that_another_package_registers_counts_a_plate(
    installed, strategy, plate, tmp_path
):
    done = run("detect", plate, "-o", tmp_path / "run", "--detector", "stardist",
               "--strategy", strategy, env=installed)  # fmt: skip
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "run" / "images.csv", newline="") as file:
        assert [row["count"] for row in csv.DictReader(file)] == ["2"] * 5


def test_a_detector_that_nobody_registers_is_refused_with_the_names_of_those_there_are(
    installed, plate, tmp_path
):
    done = run("detect", plate, "-o", tmp_path / "run", "--detector", "cellpose", env=installed)
    assert done.returncode == 2
    named = "auto, maxima, log, auto@1, auto@2, stardist"
    assert f"there is no detector 'cellpose'; expected one of {named}" in done.stderr


def found(*points):
    return Centres(np.array(points), np.ones(len(points)))


WRONG = {
    "listing": ([(1, 2)], "returned list; expected nucensus.values.Centres"),
    "beside": (found([3, 4], [5, 9999]), "put a nucleus at (5, 9999), beside an image of shape"),
    "negative": (found([-1, 4]), "put a nucleus at (-1, 4), beside an image of shape"),
    "fractions": (found([1.5, 4.0]), "returned points of type float64; expected whole pixels"),
    "volume": (found([0, 1, 4]), "returned points of shape (1, 3) for an image of shape"),
    "too few": (Centres(np.zeros((2, 2), int), np.ones(1)), "returned intensities of shape (1,)"),
    "flat": (replace(found([3, 4]), subpixel=np.ones(2)), "returned subpixel of shape (2,)"),
    "other outlines": (
        replace(found([3, 4]), outlines=Outlines.from_labels(np.zeros((10, 20), int), 2)),
        "returned 2 outlines in an image of shape (10, 20), and 1 nuclei",
    ),
    "outlines elsewhere": (
        replace(found([3, 4]), outlines=Outlines.from_labels(np.zeros((9, 20), int), 1)),
        "returned 1 outlines in an image of shape (9, 20)",
    ),
    "measured otherwise": (
        replace(found([3, 4]), measured=np.ones(1)),
        "returned measured of type",
    ),
}


@pytest.mark.parametrize(("centres", "said"), WRONG.values(), ids=WRONG)
def test_what_are_no_nuclei_of_the_image_is_refused_with_what_was_expected(centres, said):
    with pytest.raises((TypeError, ValueError), match=re.escape(f"the detector 'mine' {said}")):
        check_centres("mine", centres, (10, 20))


def test_no_nuclei_and_nuclei_in_the_corners_are_nuclei_of_the_image():
    check_centres("mine", found([0, 0], [9, 19]), (10, 20))
    check_centres("mine", Centres(np.empty((0, 2), np.int64), np.empty(0)), (10, 20))


def test_an_image_whose_detector_puts_a_nucleus_beside_it_fails_in_a_run(
    installed, plate, tmp_path
):
    entries = tmp_path / "site" / "nucensus_stardist-1.0.dist-info" / "entry_points.txt"
    entries.write_text("[nucensus.detectors]\nstardist = wrong:find\n")
    (tmp_path / "site" / "wrong.py").write_text(
        "import numpy as np\n"
        "from nucensus.values import Centres, Outlines\n"
        "def find(*_):\n    return Centres(np.array([[5, 9999]]), np.ones(1))\n"
    )
    done = run("detect", plate, "-o", tmp_path / "run", "--detector", "stardist", env=installed)
    assert done.returncode == 3
    assert "(detect): the detector 'stardist' put a nucleus at (5, 9999)" in done.stderr
