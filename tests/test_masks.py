"""Masks and label images are no pictures: they are refused, or counted with a word."""

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import gaussian

from nucensus import Settings, census, detect_nuclei, find_nuclei
from nucensus.detect import note_on_mask
from nucensus.errors import SettingsError
from nucensus.values.synthetic import make_field

Y, X = np.mgrid[:160, :200]
MASK = np.hypot(Y % 40 - 20, X % 40 - 20) < 10
LABELS = ndimage.label(MASK)[0].astype(np.uint16)
NUMBERS = Settings(sigma=3, min_distance=5, threshold=0.2)


@pytest.mark.parametrize("detector", ["auto", "log", "maxima"])
def test_an_image_of_true_and_false_is_refused_where_grey_levels_are_to_be_learned(detector):
    with pytest.raises(SettingsError, match="a mask; expected grey levels"):
        find_nuclei(MASK, Settings(detector=detector))


def test_numbers_count_a_mask_as_scikit_image_does():
    expected = peak_local_max(gaussian(MASK, 3, preserve_range=True), 5, 0.2)
    assert len(expected) == 20
    assert np.array_equal(find_nuclei(MASK, NUMBERS).points, expected)
    assert np.array_equal(detect_nuclei(MASK, 3, 5, 0.2), expected)


def test_the_published_detector_says_that_a_mask_cannot_be_above_its_threshold():
    with pytest.warns(UserWarning, match="above the threshold 1000"):
        assert len(detect_nuclei(MASK)) == 0


def _write_masks(folder):
    tifffile.imwrite(folder / "a.tif", MASK)
    tifffile.imwrite(folder / "b.tif", MASK, photometric="minisblack")
    Image.fromarray(MASK).save(folder / "c.png")


def test_files_of_one_bit_are_failed_rows_that_say_what_to_do(tmp_path):
    _write_masks(tmp_path)
    run = census(tmp_path, workers=1)
    assert run.counts["failed"] == 3
    assert {row["stage"] for row in run.failures} == {"detect"}
    assert all("count the picture that it was made of" in row["reason"] for row in run.failures)
    counted = census([tmp_path / "b.tif", tmp_path / "c.png"], settings=NUMBERS, workers=1)
    assert counted.counts["nuclei"] == 40


@pytest.mark.parametrize("pixels", [MASK * np.uint8(255), MASK.astype(np.uint16), LABELS])
@pytest.mark.parametrize("detector", ["auto", "log", "maxima"])
def test_a_run_says_which_images_look_like_masks(tmp_path, pixels, detector):
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    run = census(tmp_path, settings=Settings(detector=detector), workers=1)
    ((note, count),) = run.notes.items()
    assert "as in a mask or a label image" in note
    assert count == 1


SHADED = np.clip(255 * np.exp(-(np.hypot(Y % 40 - 20, X % 40 - 20) ** 2) / 90), 0, 255)
PICTURES = {
    "drawn": make_field(3, shape=(160, 200), nuclei=12).image,
    "shaded without noise": SHADED.astype(np.uint8),
    "saturated on a background cut to 0": np.clip(3 * SHADED - 150, 0, 255).astype(np.uint8),
    "dim counts of photons": np.random.default_rng(0).poisson(0.2, (160, 200)).astype(np.uint8),
    "one dead level": np.full((160, 200), 7, np.uint8),
    "floating point": MASK.astype(np.float32),
    "a row": np.arange(9, dtype=np.uint8)[np.newaxis],
    "nothing": np.empty((0, 5), np.uint8),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_no_masks(name):
    assert note_on_mask(PICTURES[name]) == ""
