"""Volumes without numbers: size, contrast and depth of their nuclei are estimated."""

import numpy as np
import pytest
import tifffile

from nucensus import Plane, Settings, census, find_nuclei
from nucensus.errors import SettingsError


def draw_volume(seed, *, radius, axial, shape=(30, 130, 140), noise=20, crowd=1.15, count=30):
    """Return a volume of ellipsoids that reach through `axial` planes a pixel, and the centres."""
    rng = np.random.default_rng(seed)
    radii = radius * np.array([axial, 1, 1])
    centres = []
    for at in rng.uniform(0.7 * radii, shape - 0.7 * radii, (200 * count, 3)):
        apart = [np.linalg.norm((at - other) / radii) for other in centres]
        if min(apart, default=9) > 2 * crowd:
            centres.append(at)
        if len(centres) == count:
            break
    light = np.zeros(shape)
    for at in centres:
        low = np.maximum((at - 1.5 * radii).astype(int), 0)
        part = light[tuple(map(slice, low, (at + 1.5 * radii).astype(int) + 1))]
        places = np.moveaxis(np.indices(part.shape), 0, -1) + low
        off = np.linalg.norm((places - at) / radii, axis=-1)
        body = rng.uniform(0.7, 1.3) / (1 + np.exp((off - 1) * radius))
        np.maximum(part, body, out=part)
    image = rng.normal(200 + 1000 * light, noise)
    return image.clip(0).astype(np.uint16), np.array(centres)


def f1(points, centres, radius, axial):
    if not len(points):
        return 0.0
    scale = np.array([1 / axial, 1, 1])
    away = np.linalg.norm((points[:, None] - centres) * scale, axis=2)
    hits = len(set(away.argmin(axis=1)[away.min(axis=1) < radius]))
    return 2 * hits / (len(points) + len(centres))


@pytest.mark.parametrize("axial", [1, 0.5, 0.25])
@pytest.mark.parametrize("radius", [7, 12])
def test_a_volume_is_counted_without_numbers_however_far_its_planes_are_apart(radius, axial):
    volume, centres = draw_volume(radius, radius=radius, axial=axial)
    assert f1(find_nuclei(volume).points, centres, radius, axial) > 0.95


def test_touching_nuclei_of_unlike_brightness_stay_apart_in_a_noisy_volume():
    volume, centres = draw_volume(3, radius=9, axial=0.5, noise=150, crowd=1.0, count=60)
    assert f1(find_nuclei(volume).points, centres, 9, 0.5) > 0.95


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_volume_without_nuclei_is_blank(dtype):
    noise = np.random.default_rng(0).normal(100, 9, (12, 120, 130)).astype(dtype)
    found = find_nuclei(noise)
    assert (len(found), found.flag, found.points.shape) == (0, "blank", (0, 3))


@pytest.mark.parametrize("shape", [(3, 120, 130), (120, 130, 3), (120, 130, 4)])
def test_colours_are_no_volume(shape):
    with pytest.raises(SettingsError, match="pick one plane or colour"):
        find_nuclei(np.random.default_rng(0).integers(0, 255, shape, np.uint8))


def test_planes_that_show_no_nucleus_from_end_to_end_do_not_tell_how_deep_they_are():
    volume, _ = draw_volume(1, radius=12, axial=1)
    with pytest.raises(SettingsError, match=r"9 x 130 x 140 .* give --sigma"):
        find_nuclei(volume[10:19])


def test_a_run_of_volumes_learns_and_records_what_it_was_counted_with(tmp_path):
    truth = []
    for seed in range(2):
        volume, centres = draw_volume(seed, radius=8, axial=0.5, shape=(24, 130, 140))
        tifffile.imwrite(tmp_path / f"{seed}.tif", volume, imagej=True, metadata={"axes": "ZYX"})
        truth.append(len(centres))
    run = census(tmp_path, plane=Plane(z="volume"))
    assert run.images["count"].tolist() == pytest.approx(truth, abs=1)
    assert run.settings.detector == "maxima"
    assert 0.4 < run.about.estimates[""]["axial"] < 0.7


def test_only_the_newest_counts_are_estimated_in_volumes():
    volume, _ = draw_volume(1, radius=8, axial=1)
    with pytest.raises(SettingsError, match="planes only"):
        find_nuclei(volume, Settings("auto@1"))
