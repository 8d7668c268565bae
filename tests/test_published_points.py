"""The points of every strategy equal those of the published program, which uses nothing of ours."""

import subprocess
import sys

import numpy as np
import pytest
from conftest import SHARED

import nucensus
from nucensus.execute import PUBLISHED, STRATEGIES

TOOLS = SHARED / "tools"

pytestmark = pytest.mark.skipif(
    not TOOLS.is_dir(), reason="the published program is not beside the repository"
)


def run(program, *arguments):
    command = [sys.executable, TOOLS / program, *arguments]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)


@pytest.fixture(scope="module")
def plate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mosaics")
    run("make_plate.py", folder, "--n", 6)
    return folder


@pytest.fixture(scope="module", params=PUBLISHED)
def published(request, plate, tmp_path_factory):
    points = tmp_path_factory.mktemp("published") / "points.npz"
    run("article.py", request.param, plate, "--save", points)
    with np.load(points) as saved:
        return dict(saved)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_finds_the_published_points(published, plate, strategy):
    paths = sorted(plate.glob("*.tif"))
    found = nucensus.process_images(paths, strategy=strategy, workers=2)
    assert sum(map(len, found)) > 0
    for path, points in zip(paths, found, strict=True):
        np.testing.assert_array_equal(points, published[path.name])
