"""What the kernel refuses, and how it says so."""

import os
import subprocess
import sys

import numpy as np
import pytest

from nucensus import kernel

PUBLISHED = {"sigma": (4, 4), "min_distance": 6, "threshold_abs": 1000, "exclude_border": 6}


def test_an_image_of_three_axes_is_refused_with_its_shape():
    with pytest.raises(ValueError, match=r"shape \(2, 3, 4\); expected two axes"):
        kernel.find_maxima(np.zeros((2, 3, 4)), **PUBLISHED)


@pytest.mark.parametrize("dtype", [complex, object, "datetime64[s]"])
def test_pixels_that_are_not_grey_levels_are_refused(dtype):
    with pytest.raises(TypeError, match="expected grey levels"):
        kernel.find_maxima(np.zeros((3, 4), dtype), **PUBLISHED)


@pytest.mark.parametrize(
    "wrong",
    [{"sigma": (4,)}, {"sigma": (-1, 1)}, {"sigma": (np.nan, 1)}, {"min_distance": -1}],
)
def test_settings_without_a_meaning_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        kernel.find_maxima(np.zeros((9, 9)), **{**PUBLISHED, **wrong})


def test_an_empty_image_without_a_threshold_is_refused():
    with pytest.raises(ValueError, match="give a threshold"):
        kernel.find_maxima(np.zeros((0, 9)), **{**PUBLISHED, "threshold_abs": None})


def test_images_of_two_dtypes_in_one_call_are_refused():
    with pytest.raises(ValueError, match="expected one dtype"):
        kernel.find_maxima_many([np.zeros((9, 9)), np.zeros((9, 9), np.uint8)], **PUBLISHED)


def test_no_images_give_no_results():
    assert kernel.find_maxima_many([], **PUBLISHED) == []


def _chosen_level(simd):
    code = "from nucensus import kernel; print(kernel.chosen_level())"
    environment = {**os.environ, "NUCENSUS_SIMD": simd}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("level", kernel.levels())
def test_the_environment_chooses_the_instruction_set_level(level):
    assert _chosen_level(level).stdout.strip() == level


def test_an_unknown_instruction_set_level_is_refused_by_name():
    run = _chosen_level("avx1024")
    assert run.returncode != 0
    assert "the instruction set level is 'avx1024'" in run.stderr
