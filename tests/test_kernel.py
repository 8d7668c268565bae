"""What the kernel refuses, and how it says so."""

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nucensus import kernel
from nucensus.kernel.binding import address, records, structure_dtype

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


NEEDED = {
    "avx2": {"avx2", "fma"},
    "avx512": {"avx2", "fma", "avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512_vnni"},
}
"""What Linux calls the instructions that a level is compiled to."""


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64" or "NUCENSUS_SIMD" in os.environ,
    reason="Linux tells it of x86, and NUCENSUS_SIMD may name a level that is emulated",
)
def test_the_levels_are_those_whose_instructions_the_system_says_that_there_are():
    there = set(re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.M)[1].split())
    expected = [level for level, needed in NEEDED.items() if needed <= there]
    assert kernel.levels() == ("baseline", *expected)
    assert _chosen_level("").stdout.strip() == kernel.levels()[-1]


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


COUNTS_ALLOCATIONS = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static long count;
long allocations(void) { return count; }

static void note(void *caller) {
    Dl_info info;
    if (dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, "/_kernel.")) ++count;
}
#define NOTE note(__builtin_return_address(0))
void *malloc(size_t size) { NOTE; return __libc_malloc(size); }
void *calloc(size_t n, size_t size) { NOTE; return __libc_calloc(n, size); }
void *realloc(void *from, size_t size) { NOTE; return __libc_realloc(from, size); }
void *aligned_alloc(size_t unit, size_t size) { NOTE; return __libc_memalign(unit, size); }
"""

ALLOCATES = """
import ctypes, numpy as np
from nucensus.kernel import find_maxima_many

counted = ctypes.CDLL(None).allocations
image = np.random.default_rng(0).poisson(300, (200, 300)).astype(np.uint16)

def allocations(count, threshold, path):
    before = counted()
    find_maxima_many([image] * count, sigma=(4, 4), min_distance=6, threshold_abs=threshold,
                     exclude_border=6, path=path)
    return counted() - before

for path in ("sieve", "exact"):
    for threshold in (300, 1000):
        print(*[allocations(count, threshold, path) for count in (10, 10, 100)])
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or "LD_PRELOAD" in os.environ or not shutil.which("cc"),
    reason="takes the place of glibc's malloc",
)
def test_an_image_costs_no_allocation_but_that_of_its_result(tmp_path):
    source, library = tmp_path / "count.c", tmp_path / "count.so"
    source.write_text(COUNTS_ALLOCATIONS)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    done = subprocess.run(
        [sys.executable, "-c", ALLOCATES], env=os.environ | {"LD_PRELOAD": str(library)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    first, *later = zip(*(map(int, line.split()) for line in done.stdout.splitlines()), strict=True)
    assert first[0] > 21  # the very first image needs scratch memory
    # How many each image has, for the call; where they are and how bright, for each image.
    assert later == [(1 + 2 * 10,) * 4, (1 + 2 * 100,) * 4]


def test_arrays_go_to_the_kernel_by_where_they_begin():
    image = np.zeros((6, 8), np.uint16)
    read_only = image.copy()
    read_only.flags.writeable = False
    structures = records("RegionRecord", 5)
    assert structures.dtype == structure_dtype("RegionRecord")
    for array in (image, image.T, image[1:, ::2], read_only, image[:0], structures, structures[2:]):
        assert address(array) == array.ctypes.data
