"""Images for the tests of the kernel: every type, layout and kind of content."""

import warnings

import numpy as np
from hypothesis import strategies as st

from nucensus.detect import reference

DTYPES = [
    "bool", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8",
    ">u2", ">u4", ">u8", ">i2", ">i4", ">i8", ">f2", ">f4", ">f8",
]  # fmt: skip
CONTENTS = [
    "noise", "few levels", "blobs", "saturated", "constant", "spikes", "steps", "extremes",
    "far from 0",
]  # fmt: skip
LAYOUTS = ["C", "Fortran", "reversed rows", "reversed columns", "every second", "read-only"]


def _limits(dtype):
    if dtype.kind == "b":
        return 0, 1
    if dtype.kind == "f":
        return -1000.0, 60000.0
    return np.iinfo(dtype).min, np.iinfo(dtype).max


def _blobs(shape, rng, *, top):
    y, x = np.indices(shape)
    image = np.zeros(shape)
    for _ in range(rng.integers(1, 6)):
        cy, cx = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        radius = rng.uniform(1, 8)
        image += top * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * radius**2))
    return image


def _content(name, shape, dtype, rng):
    low, high = _limits(dtype)
    moderate = min(high, 4000)
    if name == "noise":
        return rng.uniform(max(low, -moderate), moderate, shape)
    if name == "few levels":
        return rng.integers(0, 3, shape) * (1 if dtype.kind == "b" else moderate // 3)
    if name == "blobs":
        return np.minimum(_blobs(shape, rng, top=moderate) + rng.normal(0, 3, shape) ** 2, high)
    if name == "saturated":
        return np.minimum(_blobs(shape, rng, top=3 * moderate), moderate)
    if name == "constant":
        return np.full(shape, rng.integers(0, 2) * moderate)
    if name == "spikes":
        return (rng.random(shape) < 0.02) * moderate
    if name == "steps":
        return np.add.outer(np.arange(shape[0]) // 7, np.arange(shape[1]) // 5) % max(moderate, 2)
    if name == "far from 0":
        return _far_from_0(shape, dtype, rng)
    if dtype.kind == "f":
        return rng.choice([0.0, 1e-40, -1e-40, 3.0, 1e30, -1e30, 6e4], shape)
    return rng.choice(np.array([low, high, 0, 1], dtype.newbyteorder("=")), shape)


def _far_from_0(shape, dtype, rng):
    """Return levels close together at the end of the range, where 64 bits are more than float64."""
    if dtype.kind == "f":
        high = 2.0**60 if dtype.itemsize == 8 else 6e4
        return high - rng.integers(0, high / 1000, shape)
    high = np.iinfo(dtype).max if dtype.kind != "b" else 1
    below = rng.integers(0, min(high, 2 ** rng.integers(4, 62)), shape, endpoint=True)
    return below if dtype.kind == "b" else high - below.astype(dtype.newbyteorder("="))


def make_image(*, shape, dtype, content, layout, seed):
    """Return an image of that shape, type, content and memory layout."""
    dtype = np.dtype(dtype)
    rng = np.random.default_rng(seed)
    base = tuple(2 * n for n in shape) if layout == "every second" else shape
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = np.asarray(_content(content, base, dtype, rng)).astype(dtype)
    if layout == "Fortran":
        return np.asfortranarray(image)
    if layout == "reversed rows":
        return image[::-1]
    if layout == "reversed columns":
        return image[:, ::-1]
    if layout == "every second":
        return image[::2, 1::2]
    if layout == "read-only":
        image.setflags(write=False)
    return image


@st.composite
def images(draw, max_size=48, dtypes=tuple(DTYPES), contents=tuple(CONTENTS)):
    """Draw an image."""
    return make_image(
        shape=(draw(st.integers(0, max_size)), draw(st.integers(0, max_size))),
        dtype=draw(st.sampled_from(dtypes)),
        content=draw(st.sampled_from(contents)),
        layout=draw(st.sampled_from(LAYOUTS)),
        seed=draw(st.integers(0, 2**32 - 1)),
    )


SIGMAS = st.sampled_from([0, 1e-16, 1e-3, 0.1, 0.2, 0.7, 1, 1.5, 2.3, 4, 7.5, 15])


@st.composite
def settings(draw):
    """Draw settings, all but the threshold."""
    return {
        "sigma": (draw(SIGMAS), draw(SIGMAS)),
        "min_distance": draw(st.sampled_from([0, 1, 1, 2, 3, 6, 6, 10, 60])),
        "exclude_border": draw(st.sampled_from([0, 0, 1, 6, 100])),
    }


def smooth(image, sigma):
    """Return scikit-image's smoothed image."""
    from skimage.filters import gaussian

    with np.errstate(all="ignore"):
        return gaussian(image, sigma=sigma, preserve_range=True)


def find_with_reference(image, **kwargs):
    """Return what the reference finds, without its warnings."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return reference.find_maxima(image, **kwargs)
