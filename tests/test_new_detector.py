"""A detector that another package registers is offered wherever one is chosen."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from commands import run
from runs import write_fields

from nucensus import Settings
from nucensus.detect import detector_named, find_nuclei

SPOTS = """
import numpy as np
from nucensus.detect import Control, Detector
from nucensus.values import Centres

def find(image, settings, resolved):
    brightest = np.unravel_index(image.argmax(), image.shape)
    return Centres(np.array([brightest], np.int64), np.array([float(image.max())]))

BRIGHTEST = Detector(
    find, summary="the brightest pixel", about="Only the brightest pixel.",
    controls=(Control("spot", "sigma", "Size of a spot", "px", low=1, high=9, step=0.5),),
    ring_px=lambda settings: 10 * settings.sigma,
)
"""
"""A package that registers a detector as a value, and one as a function."""


@pytest.fixture
def installed(tmp_path):
    site = tmp_path / "site"
    about = site / "spots-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "spots.py").write_text(SPOTS)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: spots\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[nucensus.detectors]\nbrightest = spots:BRIGHTEST\nplain = spots:find\nodd = spots:SPOTS\n"
    )
    (site / "spots.py").write_text(f"{SPOTS}\nSPOTS = 5\n")
    return {**os.environ, "PYTHONPATH": str(site)}


def said(installed, code):
    """Return what Python code prints, as JSON, where the detectors are installed."""
    done = subprocess.run(
        [sys.executable, "-c", f"import json\n{code}"],
        env=installed, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_help_of_the_command_line_lists_it_without_loading_it(installed, tmp_path):
    (tmp_path / "site" / "spots.py").write_text("raise SystemExit('loaded')")
    done = run("detect", "--help", env=installed)
    words = " ".join(done.stdout.split())
    assert "log: blobs over scales; brightest: registered by spots; plain: registered" in words


def test_installed_packages_are_looked_through_once_and_not_for_each_image(installed):
    looked, image_counts = said(
        installed,
        """
import importlib.metadata
import numpy as np
from nucensus import Settings, find_nuclei
looked, real = [], importlib.metadata.entry_points
importlib.metadata.entry_points = lambda **asked: looked.append(1) or real(**asked)
image = np.arange(100.0).reshape(10, 10)
counts = [len(find_nuclei(image, Settings("brightest", sigma=4, threshold=1))) for _ in range(20)]
print(json.dumps([len(looked), counts]))
""",
    )
    assert image_counts == [1] * 20
    assert looked <= 3


def test_the_tuner_offers_it_and_gets_its_controls_from_it(installed, tmp_path):
    paths = [str(path) for path in write_fields(tmp_path / "fields", count=1)]
    begun = said(
        installed,
        f"""
from nucensus import Settings
from nucensus.tune import Session
from nucensus.values import ImageRef
session = Session([], [ImageRef("a", {paths[0]!r})], Settings())
offered = session.describe()["detectors"]
starts = {{name: session.start(name) for name in ("brightest", "plain", "maxima", "log")}}
wide = session.ring_radius(0, Settings("brightest", 3, 6, 100))
print(json.dumps([offered, starts, wide]))
""",
    )
    offered, starts, wide = begun
    assert {"brightest", "plain"} <= set(offered)
    (spot,) = starts["brightest"]["controls"]
    assert (spot["label"], spot["unit"], spot["high"]) == ("Size of a spot", "px", 9)
    assert starts["brightest"]["about"] == "Only the brightest pixel."
    assert wide == 30
    assert starts["plain"]["controls"] == starts["maxima"]["controls"]
    assert [each["name"] for each in starts["log"]["controls"]] == ["least", "most", "threshold"]


def test_napari_and_its_sliders_offer_it(installed):
    names, volume, made = said(
        installed,
        """
from nucensus.detect import detector_named, detector_names
made = detector_named("brightest").settings({"spot": 4.5}, border="keep")
print(json.dumps([detector_names(), detector_names(takes_volumes=True), made.as_dict()]))
""",
    )
    assert names[:3] == ["auto", "maxima", "log"]
    assert {"brightest", "plain"} <= set(names)
    assert {"maxima", "brightest"} <= set(volume)
    assert not {"auto", "log"} & set(volume)
    assert (made["detector"], made["sigma"], made["threshold"]) == ("brightest", 4.5, "auto")


def test_a_run_with_it_is_counted_and_reported(installed, tmp_path):
    write_fields(tmp_path / "fields", count=2)
    options = ("--detector=brightest", "--sigma=3", "--min-distance=5", "--threshold=9")
    done = run("detect", tmp_path / "fields", "-o", tmp_path / "run", *options, env=installed)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "run" / "nuclei.csv").read_text().splitlines()) == 3
    for environment, words in ((installed, "the brightest pixel"), (None, "not installed here")):
        done = run("report", tmp_path / "run", "-o", tmp_path / "r.html", env=environment)
        assert done.returncode == 0, done.stderr
        page = (tmp_path / "r.html").read_text()
        assert "<td>brightest</td>" in page
        assert words in page


def test_what_is_neither_a_function_nor_a_detector_is_refused(installed, tmp_path):
    write_fields(tmp_path / "fields", count=1)
    done = run("detect", tmp_path / "fields", "-o", tmp_path / "run", "--detector", "odd",
               env=installed)  # fmt: skip
    assert done.returncode == 2
    assert "which is of type int; expected a function or a nucensus.detect.Detector" in done.stderr


def test_a_detector_in_planes_only_refuses_volumes_by_its_name(installed):
    why = said(
        installed,
        """
import numpy
from nucensus import Settings, find_nuclei
from nucensus.errors import SettingsError
try:
    find_nuclei(numpy.zeros((3, 9, 9)), Settings("brightest", 4, 6, 100))
except SettingsError as error:
    print(json.dumps(str(error)))
""",
    )
    assert "the detector brightest finds nuclei in planes only; choose a plane" in why


@pytest.mark.parametrize("settings", [
    Settings.published(), Settings("log", (4, 10), 6, 100), Settings("log", 5, 6, 100),
])  # fmt: skip
def test_controls_show_the_settings_that_they_make(settings):
    detector = detector_named(settings.detector)
    shown = detector.values(settings)
    made = detector.settings(shown, border=settings.border)
    assert detector.values(made) == shown
    assert made.threshold == settings.threshold


def test_the_ends_of_a_range_do_not_cross():
    detector = detector_named("log")
    made = detector.settings({"least": 8, "most": 3, "threshold": 100})
    assert made.sigma == (8, 8)


def test_on_a_blank_image_nothing_is_counted_at_two_edges():
    assert not len(find_nuclei(np.zeros((60, 60), np.uint16), Settings("log", border="count")))
