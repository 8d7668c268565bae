"""Medians are those of NumPy, and soon there."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nucensus.detect.median import median


@given(st.lists(st.floats(-1e9, 1e9, width=32), min_size=1, max_size=40))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_median_is_that_of_numpy_to_the_last_bit(dtype, values):
    array = np.array(values, dtype)
    assert median(array) == float(np.median(array))


def test_nuclei_are_estimated_and_found_without_masked_arrays():
    code = (
        "import sys, numpy as np, nucensus; y, x = np.mgrid[:400, :400]; "
        "image = 100 + 900.0 * ((y % 50 - 25) ** 2 + (x % 50 - 25) ** 2 < 12**2); "
        "print(len(nucensus.find_nuclei(image)), 'numpy.ma' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.split() == [b"64", b"False"]
