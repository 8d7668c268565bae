"""One more of each kind, added as CONTRIBUTING says, is seen everywhere."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import run

import nucensus

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(
    r"^```python\n# src/(\S+), (.*?)\n(.*?)^```$",
    (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)
COPY_FIRST = """
import sys
sys.meta_path[:] = [each for each in sys.meta_path if "_editable" not in type(each).__module__]
"""
"""What an editable installation would import is the package itself."""


def add(site, path, place, code):
    """Write a new file, or put a line at the end of a table and its import before the others."""
    file = site / path
    if place == "a new file":
        assert not file.exists()
        file.write_text(code)
        return
    text = file.read_text(encoding="utf-8")
    imports = "".join(re.findall(r"^from .*\n", code, re.M))
    line = code.removeprefix(imports)
    table = re.compile(rf"^({place.removeprefix('in ')} = .*?)(?=^[)}}])", re.M | re.S)
    text, count = table.subn(lambda found: found[1] + line, text)
    assert count == 1, (path, place)
    file.write_text(re.sub(r"^(?=from \.)", imports, text, count=1, flags=re.M), encoding="utf-8")


@pytest.fixture(scope="module")
def more(tmp_path_factory):
    """A copy of the package with one more of each, as an environment to start programs in."""
    site = tmp_path_factory.mktemp("site")
    source = Path(nucensus.__file__).parent
    shutil.copytree(source, site / "nucensus", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(importlib.util.find_spec("nucensus._kernel").origin, site / "nucensus")
    (site / "sitecustomize.py").write_text(COPY_FIRST)
    for block in BLOCKS:
        add(site, *block)
    return {**os.environ, "PYTHONPATH": str(site)}


@pytest.fixture(scope="module")
def counted(more, tmp_path_factory):
    """A run over arrays that NumPy saved, with one more of each."""
    folder = tmp_path_factory.mktemp("counted")
    (folder / "in").mkdir()
    for name, place in (("a", (3, 7)), ("b", (20, 5))):
        image = np.zeros((30, 40), np.uint16)
        image[place] = 900
        np.save(folder / "in" / f"{name}.npy", image)
    done = run("detect", folder / "in", "-o", folder / "run", "--detector=brightest", "--sigma=2",
               "--min-distance=3", "--threshold=5", "--strategy=turns", env=more)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "(turns, " in done.stdout
    return folder / "run"


def said(more, code):
    """Return what Python code prints, as JSON, where there is one more of each."""
    done = subprocess.run([sys.executable, "-c", f"import json\n{code}"],
                          env=more, capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_contributing_adds_one_new_file_and_one_line_for_each():
    places = [place for _, place, _ in BLOCKS]
    assert places.count("a new file") == 4
    tables = [place for place in places if place != "a new file"]
    assert tables == ["in DETECTOR_TABLE", "in _TABLE", "in READERS", "in FORMATS", "in IMAGES"]


def test_the_help_of_the_command_line_names_them(more):
    detect, bench, export = (
        " ".join(run(command, "--help", env=more).stdout.split())
        for command in ("detect", "bench", "export")
    )
    assert "brightest: the brightest pixel" in detect
    assert "isolated, turns" in detect
    assert "isolated, turns" in bench
    assert "xy x and y, one text file per image" in export


def test_images_are_read_counted_and_exported_with_them(counted, more):
    lines = (counted / "images.csv").read_text().splitlines()
    names, a, b = (line.split(",") for line in lines)
    assert [row[names.index("brightest")] for row in (a, b)] == ["900.0", "900.0"]
    done = run("export", counted, "--to", "xy", env=more)
    assert done.returncode == 0, done.stderr
    assert (counted / "xy" / "b.npy.txt").read_text() == "5 20\n"
    assert "2 images" in run("scan", counted.parent / "in", env=more).stdout


def test_the_report_of_a_run_names_them(counted, more):
    done = run("report", counted, "-o", counted / "report.html", env=more)
    assert done.returncode == 0, done.stderr
    page = (counted / "report.html").read_text(encoding="utf-8")
    assert "the brightest pixel" in page.lower()
    assert "turns" in page


def test_auto_considers_a_strategy_more(more):
    predicted = said(more, """
from nucensus.batch.choose import choose_from
from nucensus.batch.pilot import Measured
measured = Measured(images=9, load_s=0.01, apply_s=0.2, cpu_s=0.2, pickle_s=9)
choice = choose_from(measured, 100, workers=4, function=len)
print(json.dumps(choice.predicted_s))
""")  # fmt: skip
    assert {"list-disk", "threads", "turns"} <= set(predicted)


def test_the_bench_times_a_strategy_more_and_finds_the_same_points(more, counted, tmp_path):
    done = run("bench", counted.parent / "in", "-o", tmp_path, "--detector=native", "--repeat=1",
               "--strategy=list-disk", "--strategy=turns", env=more)  # fmt: skip
    assert done.returncode == 0, done.stderr
    measured = json.loads((tmp_path / "bench.json").read_text())["measurements"]
    assert [each["strategy"] for each in measured] == ["list-disk", "turns"]


def test_the_tuner_and_napari_offer_a_detector_more(more, counted):
    offered, started, names = said(more, f"""
from nucensus import Settings
from nucensus.detect import detector_names
from nucensus.tune import Session
from nucensus.values import ImageRef
session = Session([], [ImageRef("a", {str(counted.parent / "in" / "a.npy")!r})], Settings())
print(json.dumps([session.describe()["detectors"], session.start("brightest"), detector_names()]))
""")  # fmt: skip
    assert "brightest" in offered
    assert [each["label"] for each in started["controls"]] == ["Size of a spot"]
    assert "brightest" in names


def test_the_documentation_names_them(more):
    pages = said(more, f"""
import sys
sys.path.insert(0, {str(ROOT / "docs")!r})
import tables
print(json.dumps([tables.written(page.read_text(encoding="utf-8")) for page in tables.PAGES]))
""")  # fmt: skip
    formats, methods, outputs, tune = pages
    assert "| NumPy array | `.npy` |" in formats
    assert "| `turns` | threads of `concurrent.futures` | waits for the last |" in methods
    assert "| `xy` | `<image>.txt` | gnuplot |" in outputs
    assert "| `brightest` | float64 | grey levels | intensity of the brightest nucleus |" in outputs
    assert "| `brightest` | Only the brightest pixel. | size of a spot |" in tune
