import csv
import os
import shutil
import tomllib
from pathlib import Path

import pytest
from commands import run

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
    assert "there is no detector 'cellpose'; expected one of auto, maxima, log, stardist" in (
        done.stderr
    )


def test_a_detector_that_returns_no_centres_is_told_what_was_expected(installed, plate, tmp_path):
    entries = tmp_path / "site" / "nucensus_stardist-1.0.dist-info" / "entry_points.txt"
    entries.write_text("[nucensus.detectors]\nstardist = listing:find\n")
    (tmp_path / "site" / "listing.py").write_text("def find(*_):\n    return [(1, 2)]\n")
    done = run("detect", plate, "-o", tmp_path / "run", "--detector", "stardist", env=installed)
    assert done.returncode == 3
    assert "the detector 'stardist' returned list; expected nucensus.values.Centres" in done.stderr


def test_a_detector_that_cannot_be_loaded_is_refused_with_its_reason(installed, plate, tmp_path):
    entries = tmp_path / "site" / "nucensus_stardist-1.0.dist-info" / "entry_points.txt"
    entries.write_text("[nucensus.detectors]\nstardist = not_installed:find\n")
    done = run("detect", plate, "-o", tmp_path / "run", "--detector", "stardist", env=installed)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: the detector 'stardist' is registered as not_installed:")
    assert "No module named 'not_installed'" in done.stderr
