"""Regions of an image part by part, over a background that is learned from all of its parts."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .binding import Record, call, isa_number, packed, record, structure_dtype
from .image import described
from .regions import room_for_regions, shapes_room

BLOCK = 8
"""Parts begin at multiples of so many pixels of the grid, along each axis."""


class Window(NamedTuple):
    """A part with what is around it, in pixels of the grid of the whole image.

    Attributes
    ----------
    top, left : int
        Where its pixels begin.
    own_top, own_bottom, own_left, own_right : int
        From the first row, and column, of the part itself to before the last. All are multiples of
        `BLOCK`, or an edge of the image.
    """

    top: int
    left: int
    own_top: int
    own_bottom: int
    own_left: int
    own_right: int


class Samples(NamedTuple):
    """The samples of a part: where they stand among all, and what they are."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: dict[str, NDArray[np.float32]]


class Ground:
    """What lies under the nuclei of an image, and the regions above it, part by part.

    First all parts are sampled, then it is fitted, then regions are found. Several threads may do
    the first at once, and the last. A part is contiguous, of uint8, uint16 or float32. In another
    process, where it comes by pickle, parts are sampled for the one here, and regions are found.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the image, in pixels.
    level : str, optional
        The instruction set, one of `levels()`: all give the same.
    **settings
        The fields of `RegionSettings`, one each.
    """

    def __init__(self, shape: tuple[int, int], *, level: str | None = None, **settings: Any):
        self._shape, self._level, self._settings = shape, level, settings
        self._isa, self._is_copy = isa_number(level), False
        self._numbers = packed("RegionSettings", **settings)
        self._ground = np.zeros((), structure_dtype("RegionGround"))
        self.measure = np.zeros((), structure_dtype("RegionMeasure"))
        purpose = f"learn the background of an image of shape {shape}"
        call("nucensus_size_ground", purpose, self._numbers, *shape, self._ground)
        names = ("sample_rows", "sample_stride", "noise_rows", "noise_columns", "tile_rows",
                 "tile_columns")  # fmt: skip
        sizes = {name: int(self._ground[name]) for name in names}
        self._arrays = {
            "samples": np.zeros((sizes["sample_rows"], sizes["sample_stride"]), np.float32),
            "beside": np.zeros((sizes["noise_rows"], sizes["sample_stride"]), np.float32),
            "grains": np.zeros((sizes["noise_rows"], sizes["noise_columns"]), np.float32),
            "low": np.zeros((sizes["tile_rows"], sizes["tile_columns"]), np.float32),
        }
        for name, array in self._arrays.items():
            self._ground[name] = array.ctypes.data

    @property
    def step(self) -> int:
        """How many pixels of the image are one of the grid, along each axis."""
        return int(self._settings["step"])

    @property
    def nbytes(self) -> int:
        """The size of the samples in memory."""
        return sum(array.nbytes for array in self._arrays.values())

    def with_settings(self, settings: dict[str, Any]) -> "Ground | None":
        """Return it with other settings, before it is fitted; None if the samples would differ."""
        if any(settings[name] != self._settings[name] for name in ("step", "tile", "smooth_sigma")):
            return None
        self._settings, self._numbers = settings, packed("RegionSettings", **settings)
        return self

    def __reduce__(self) -> Any:
        fitted = self._arrays["low"], self._ground["surface"], self.measure
        is_fitted = "samples" not in self._arrays
        return _copy, (self._shape, self._level, self._settings, fitted if is_fitted else None)

    def sample(self, pixels: NDArray[Any], window: Window) -> Samples | None:
        """Take the samples of a part; return them where this is a copy of another process."""
        call(
            "nucensus_sample_ground", f"sample an image of shape {pixels.shape}",
            described(pixels), self._numbers, self._isa, self._window(window), self._ground,
        )  # fmt: skip
        return self._samples_in(window) if self._is_copy else None

    def put(self, samples: Samples) -> None:
        """Take the samples that a copy took."""
        for name, values in samples.values.items():
            self._arrays[name][self._where(name, samples.rows, samples.columns)] = values

    def _samples_in(self, window: Window) -> Samples:
        """Return what was sampled of a part."""
        rows, columns = self._places()
        own_rows = np.flatnonzero((rows >= window.own_top) & (rows < window.own_bottom))
        own_columns = np.flatnonzero((columns >= window.own_left) & (columns < window.own_right))
        return Samples(own_rows, own_columns, {
            name: self._arrays[name][self._where(name, own_rows, own_columns)]
            for name in ("samples", "beside", "grains")
        })  # fmt: skip

    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return in which row of the grid each row of samples lies, and the columns alike."""
        height, width = (-(-size // self.step) for size in self._shape)
        (count, stride), columns = self._arrays["samples"].shape, int(self._ground["noise_columns"])
        tiles, places = int(self._ground["tile_columns"]), np.arange(stride)
        numbers = (
            places % tiles * (columns // tiles) + places // tiles
        )  # the first of each tile, ...
        numbers[columns:] = 0
        rows = (2 * np.arange(count) + 1) * height // (2 * count)
        return rows, (2 * numbers + 1) * width // (2 * columns)

    def _where(self, name: str, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Any:
        """Return where samples stand in an array; of the noise there are fewer rows."""
        every = 1 if name == "samples" else int(self._ground["noise_every"])
        some = rows[rows % every == 0] // every
        return np.ix_(some, columns[columns < self._arrays[name].shape[1]])

    def fit(self) -> None:
        """Fit the background, and choose the threshold: all of `measure` but what parts count."""
        call(
            "nucensus_fit_ground", f"learn the background of an image of shape {self._shape}",
            self._numbers, *self._shape, self._isa, self._ground, self.measure,
        )  # fmt: skip
        self._forget_samples()

    def _forget_samples(self) -> None:
        for name in ("samples", "beside", "grains"):
            del self._arrays[name]
            self._ground[name] = 0

    def find(
        self, pixels: NDArray[Any], window: Window, *, is_measured: bool = False
    ) -> tuple[Record, Record | None, Record]:
        """Return the regions of a part, what is in them, if that is to be measured; and its window.

        The last is a `RegionWindow`, which says if the part is too small.
        """
        capacity, count = room_for_regions(pixels.size, self._settings), np.zeros((), np.int64)
        while True:
            regions = np.empty(capacity, structure_dtype("RegionRecord"))
            shapes = shapes_room(capacity) if is_measured else None
            part = self._window(window)
            call(
                "nucensus_find_regions_of_part",
                f"find the nuclei of a part of shape {pixels.shape}",
                described(pixels), self._numbers, self._isa, part, self._ground, self.measure,
                regions, capacity, count, shapes and shapes.numbers,
            )  # fmt: skip
            if count <= capacity:
                found = slice(int(count))
                known = None if shapes is None else shapes.records[found].copy()
                return regions[found].copy(), known, part
            capacity = int(count)

    def count(self, parts: Record) -> None:
        """Complete `measure` by what all parts counted."""
        step = self._settings["step"]
        rows, columns = (-(-size // step) for size in self._shape)
        on_edges, crossings = int(parts["on_edges"].sum()), int(parts["crossings"].sum())
        self.measure["foreground"] = int(parts["foreground"].sum()) / (rows * columns)
        self.measure["edge_width"] = on_edges / crossings * step if crossings else 0

    def _window(self, window: Window) -> Record:
        height, width = self._shape
        return record(
            "RegionWindow", height=height, width=width, **window._asdict(), foreground=0,
            on_edges=0, crossings=0, is_cut=0,
        )  # fmt: skip


def _copy(
    shape: tuple[int, int], level: str | None, settings: dict[str, Any], fitted: Any
) -> Ground:
    """Return what stands in another process for the background of an image."""
    ground = Ground(shape, level=level, **settings)
    ground._is_copy = True
    if fitted is not None:
        low, surface, measure = fitted
        ground._arrays["low"][...] = low
        ground._ground["surface"], ground.measure = surface, measure
        ground._forget_samples()
    return ground
