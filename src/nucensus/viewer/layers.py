"""Turn centres and runs into the layers that napari shows: (data, options, kind)."""

import os
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import NucensusError, SettingsError
from ..read import read
from ..store import Run
from ..text.svg import RING
from ..values import RUN_FILE, Centres, ImageRef
from ..values.synthetic import make_field

Layer: TypeAlias = tuple[Any, dict[str, Any], str]

COLOURS = ("red", "green", "blue")
"""Of an image whose last axis is its colours, in their order."""


def points_layer(
    points: NDArray[Any], features: dict[str, Any], *, name: str, size: float
) -> Layer:
    """Return rings around `points`, shape (N, ndim), with what is known of each."""
    options = {
        "name": name,
        "features": features,
        "size": size,
        "face_color": "transparent",
        "border_color": RING,
        "border_width": 0.12,
    }
    return points, options, "points"


def centres_layer(centres: Centres, plane: tuple[int, ...], *, name: str, size: float) -> Layer:
    """Return the nuclei of one image, or of one `plane` of a stack."""
    prefix = np.broadcast_to(np.array(plane, np.int64), (len(centres), len(plane)))
    points = np.hstack((prefix, centres.points))
    return points_layer(points, {"intensity": centres.intensities}, name=name, size=size)


def grey_of(pixels: NDArray[Any], colour: str | None) -> NDArray[Any]:
    """Return one colour of an image, shape (..., 3 or 4): that which is named.

    None stands for the only one that is not the same everywhere; of grey, whose colours are
    alike, any.

    Raises
    ------
    SettingsError
        None is named, and several differ.

    Examples
    --------
    >>> blue = np.zeros((4, 5, 3), np.uint8)
    >>> blue[1, 1, 2] = 200
    >>> int(grey_of(blue, None).max()), int(grey_of(blue, "red").max())
    (200, 0)
    """
    if colour is not None:
        return pixels[..., COLOURS.index(colour)]
    planes = [pixels[..., index] for index in range(len(COLOURS))]
    differ = [each for each in planes if each.size and each.min() < each.max()]
    if any(not np.array_equal(each, differ[0]) for each in differ[1:]):
        raise SettingsError(
            f"the image is in colour; expected one that shows the nuclei; choose "
            f"{', '.join(COLOURS[:-1])} or {COLOURS[-1]}"
        )
    return differ[0] if differ else planes[0]


def get_reader(path: str | list[str]) -> Callable[[str], list[Layer]] | None:
    """Return what opens `path` if it is a run file."""
    if isinstance(path, str) and os.path.basename(path) == RUN_FILE:
        return read_run
    return None


def read_run(path: str) -> list[Layer]:
    """Return a run as a stack of its images, each read when it is shown, and its nuclei.

    Where the run has outlines, they are a stack of label images.

    They are scaled in micrometres where all images have pixels of one size.
    """
    with Run(path) as run:
        names = [name for name, _ in run.nuclei_by_image()]
        nuclei = list(_stacked(run))
        images = run.images
        done = images[images["status"] == "found"]
        size = 2 * run.ring_radius_px
        fields = Fields(
            [run.reference(name) for name in names],
            (int(done["height"].max(initial=1)), int(done["width"].max(initial=1))),
            np.result_type(*(done["dtype"].tolist() or ["uint16"])),
        )
        has_outlines = run.has_outlines
        sizes = set(zip(done["pixel_y_um"].tolist(), done["pixel_x_um"].tolist(), strict=True))
    features = {
        "intensity": np.concatenate([intensity for _, intensity in nuclei] or [np.empty(0)]),
        "image": np.repeat(names, [len(points) for points, _ in nuclei]),
    }
    points = np.concatenate([points for points, _ in nuclei] or [np.empty((0, 3), np.int64)])
    rings = points_layer(points, features, name="nuclei", size=size)
    layers: list[Layer] = [(fields, {"name": "images"}, "image"), rings] if names else [rings]
    if has_outlines:
        layers.insert(1, (OutlinedFields(path, names, fields.shape[1:]), {"name": "outlines"},
                          "labels"))  # fmt: skip
    if len(sizes) == 1 and np.isfinite([*sizes]).all():
        for _, options, _ in layers:
            options["scale"] = (1.0, *min(sizes))
    return layers


def make_sample() -> list[Layer]:
    """Return a synthetic field and its known centres."""
    field = make_field(0)
    known = points_layer(field.centres, {}, name="known centres", size=8)
    return [(field.image, {"name": "synthetic nuclei"}, "image"), known]


def _stacked(run: Run) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Yield (index, y, x) and intensity of the nuclei of each image."""
    for index, (_, nuclei) in enumerate(run.nuclei_by_image()):
        place = np.full(len(nuclei), index)
        yield np.column_stack((place, nuclei["y"], nuclei["x"])), nuclei["intensity"]


class Fields:
    """Image files as one stack, shape (images, rows, columns); each is read when it is shown.

    Smaller images lie in the corner of their plane; one that cannot be read is black.
    Of a volume the maximum over its planes is shown.
    """

    def __init__(
        self, references: list[ImageRef], shape: tuple[int, int], dtype: np.dtype[Any]
    ) -> None:
        self._references = references
        self.shape = (len(references), *shape)
        self.dtype = dtype
        self.ndim = 3
        self.size = int(np.prod(self.shape))

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all planes at once."""
        return np.asarray(self[:], dtype, copy=copy)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        first, *rest = key if isinstance(key, tuple) else (key,)
        if isinstance(first, int | np.integer):
            plane: NDArray[Any] = self._plane(int(first))[tuple(rest)]
            return plane
        numbers = np.arange(len(self))[first]
        planes = [self._plane(int(number)) for number in numbers]
        stack = np.stack(planes) if planes else np.empty((0, *self.shape[1:]), self.dtype)
        cut: NDArray[Any] = stack[(slice(None), *rest)]
        return cut

    def _plane(self, index: int) -> NDArray[Any]:
        plane = np.zeros(self.shape[1:], self.dtype)
        asked = self._references[index]
        try:
            image = read(asked.path, asked.plane.as_shown)
        except NucensusError:
            return plane
        plane[: image.shape[0], : image.shape[1]] = image
        return plane


class OutlinedFields(Fields):
    """The label images of a run as one stack, as `Fields` are, each read when it is shown."""

    def __init__(self, path: str, names: list[str], shape: tuple[int, int]) -> None:
        super().__init__([], shape, np.dtype(np.int32))
        self._path, self._names = path, names
        self.shape = (len(names), *shape)
        self.size = int(np.prod(self.shape))

    def _plane(self, index: int) -> NDArray[Any]:
        plane = np.zeros(self.shape[1:], self.dtype)
        with Run(self._path) as run:
            labels = run.labels_of(self._names[index])
        if labels is not None:
            plane[: labels.shape[0], : labels.shape[1]] = labels
        return plane
