"""Answers to the page: the images, their nuclei, and the settings in words."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from .._shell import spell_command
from ..batch import sample_like
from ..detect import (
    BLANK,
    Estimate,
    Resolved,
    detector_named,
    detector_names,
    estimate_as,
    find_nuclei,
    is_settled,
    pool,
    ring_radius,
    with_numbers,
)
from ..errors import InputError, NucensusError
from ..read import Image, read_image
from ..text.plurals import pluralize
from ..values import ImageRef, PlannedImage, Selection, Settings
from ..values.check_settings import DEFAULT_DETECTOR, PUBLISHED_DETECTOR
from ..values.polygons import polygons_of
from ..values.settings_file import settings_as_toml
from .choices import Choices, choices_of_files
from .marks import Marks

_SAMPLE = 12
"""Fields whose counts are shown, spread over the run. Larger: slower to follow a slider."""
_KEPT_BYTES = 1_000_000_000
"""Bytes of the images that are kept in memory. Larger: fewer are read again."""
_LONGEST_SIDE_PX = 4096
"""Side of a picture in the page, in pixels; larger images are shown smaller."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image as the page draws it.

    Attributes
    ----------
    levels : ndarray of uint16, shape (height, width)
        `low + levels * step` is the grey level of the image.
    low, step : float
        In grey levels.
    shrink : int
        How many pixels of the image are one of the picture, along each axis.
    pixel_um : float or None
        The width of a pixel of the image in micrometres, if that is known.
    """

    levels: NDArray[np.uint16]
    low: float
    step: float
    shrink: int
    pixel_um: float | None = None


class Session:
    """The images that are shown; each is read when it is asked for, some are kept."""

    def __init__(
        self,
        inputs: Sequence[str],
        references: Sequence[ImageRef],
        settings: Settings,
        selection: Selection | None = None,
        marks: Marks | None = None,
        relist: Callable[[Selection], Sequence[ImageRef]] | None = None,
    ) -> None:
        self.marks = marks
        self._relist = relist
        self.tuned = settings
        """The settings that the page showed last in words."""
        self._selection = selection or Selection()
        self._inputs, self._settings = inputs, settings
        self._lock = threading.Lock()
        self._learning = threading.Lock()
        self._show(references)

    def _show(self, references: Sequence[ImageRef]) -> None:
        """Begin with these images."""
        self._references = references
        self._kept: dict[int, Image] = {}
        self._listed = [
            PlannedImage(number, each.path, each.plane, each.channel)
            for number, each in enumerate(references)
        ]
        self._learned: dict[str, Resolved] = {}

    def choices(self) -> Choices:
        """Return what can be chosen where the images hold several channels, planes or times."""
        if self._relist is None:
            return {}
        found = choices_of_files(self._references)
        return {axis: values for axis, values in found.items() if len(values) > 1}

    def choose(self, chosen: dict[str, str]) -> None:
        """Show other channels, planes or times: by axis the index of what is chosen.

        Raises
        ------
        InputError
            It is none of the `choices`.
        """
        offered = self.choices()
        if self._relist is None or any(offered.get(axis, {}).get(each) is None
                                       for axis, each in chosen.items()):  # fmt: skip
            raise InputError(f"{chosen} was chosen; expected some of {offered}")
        indices: dict[str, Any] = {axis: int(each) for axis, each in chosen.items()}
        plane = replace(self._selection.plane, **indices)
        self._selection = replace(self._selection, plane=plane)
        self._show(self._relist(self._selection))

    def require_readable(self) -> None:
        """Read one of the sample, unless the page has to ask first which plane of a file.

        Raises
        ------
        InputError
            None of the sample can be read.
        """
        reasons = []
        for index in self._sample():
            try:
                self._image(index)
                return
            except NucensusError as error:
                reasons.append(f"{self._references[index].name!r}: {error}")
        if not self.choices():
            count = pluralize(len(reasons), "image")
            raise InputError(f"nothing can be shown: of {count} none can be read; {reasons[0]}")

    def _sample(self) -> list[int]:
        """Return the indices of some images, spread over all."""
        count = len(self._references)
        found: list[int] = (
            np.linspace(0, count - 1, min(count, _SAMPLE)).round().astype(int).tolist()
        )
        return found

    def describe(self) -> dict[str, Any]:
        """Return what the page starts with: what is known without opening an image."""
        is_volume = self._selection.plane.z == "volume"
        detector = self._settings.detector
        if is_volume and detector_named(detector).needs_estimates:
            detector = PUBLISHED_DETECTOR
        names = detector_names(takes_volumes=is_volume)
        return {
            "fields": [reference.name for reference in self._references],
            "sample": self._sample(),
            "kept": None if self.marks is None else self.marks.read(),
            "detectors": list(dict.fromkeys([*names, detector])),
            "detector": detector,
        }

    def start(self, name: str) -> dict[str, Any]:
        """Return the settings a detector starts from, its controls, and the radius of its rings.

        That of nuclei is None where it is not learned.
        Numbers are estimated where they are left open; `auto` keeps its own open.
        """
        settings = self._settings
        if name != settings.detector:
            settings = Settings(
                name, border=settings.border, subpixel=settings.subpixel, invert=settings.invert
            )
        elif settings.sigma_um is not None:
            first = self._image(0)
            settings = settings.in_pixels(first.pixel_size, first.pixels.ndim)
        resolved = None if settings.are_numbers else self._resolved(0)
        radius = None if resolved is None or resolved.is_blank else round(resolved.radius_px, 2)
        settings = with_numbers(settings, resolved)
        ring_px = self.ring_radius(0, settings)
        known = detector_named(name)
        return {
            "settings": settings.as_dict(), "radius_px": radius, "ring_px": ring_px,
            "about": known.about, "threshold": known.threshold, "outlines": known.has_outlines,
            "controls": [asdict(each) for each in known.controls],
        }  # fmt: skip

    def _resolved(self, index: int) -> Resolved:
        """Return what the images like this one look like, as a run would learn it."""
        folder, sample = sample_like(self._listed[index], self._listed)
        with self._learning:
            if folder not in self._learned:
                estimates = [one for rounds in sample for one in self._estimates(rounds)]
                self._learned[folder] = pool(estimates) if estimates else BLANK
            return self._learned[folder]

    def _estimates(self, rounds: list[list[PlannedImage]]) -> list[Estimate]:
        """Return what images of a set say, round after round as long as they disagree."""
        said: list[Estimate] = []
        for images in rounds:
            for each in images:
                with suppress(NucensusError, TypeError, ValueError):  # as a run passes them over
                    pixels = _as_shown(self._image(each.key).pixels)
                    said.append(estimate_as(pixels, self._settings))
            if is_settled(said):
                break
        return said

    def picture(self, index: int) -> Picture:
        """Return an image as the page draws it; of a volume the maximum over its planes."""
        image = self._image(index)
        return replace(make_picture(_as_shown(image.pixels)), pixel_um=image.pixel_size.x)

    def nuclei(self, index: int, settings: Settings) -> NDArray[np.float32]:
        """Return (x, y, intensity, confidence) of each nucleus, shape (N, 4).

        The confidence is 0 to 1, NaN of a detector that has none.
        """
        resolved = None if settings.are_numbers else self._resolved(index)
        centres = find_nuclei(self._image(index).pixels, settings, resolved)
        points = centres.points[:, :-3:-1]  # of a volume without the plane
        known = centres.confidences
        sure = np.full(len(points), np.nan) if known is None else known
        return np.column_stack((points, centres.intensities, sure)).astype(np.float32)

    def outlines(self, index: int, settings: Settings) -> NDArray[np.int32]:
        """Return the outlines of the nuclei of an image, of a detector that has them.

        For each ring how many corners it has, then x and y of each, from the corner of the image.
        """
        resolved = None if settings.are_numbers else self._resolved(index)
        found = find_nuclei(self._image(index).pixels, settings, resolved, outlines=True).outlines
        assert found is not None
        rings = chain.from_iterable(polygons_of(found))
        numbers = (number for ring in rings for number in (len(ring), *ring.ravel().tolist()))
        return np.fromiter(numbers, np.dtype("<i4"))

    def ring_radius(self, index: int, settings: Settings) -> float:
        """Return the radius of the rings around these nuclei, in pixels of the image."""
        learned = [] if settings.are_numbers else [self._resolved(index)]
        return ring_radius(settings, learned)

    def _image(self, index: int) -> Image:
        """Return an image; the ones that were asked for last stay in memory."""
        with self._lock:
            image = self._kept.pop(index, None)
        if image is None:
            asked = self._references[index]
            image = read_image(asked.path, asked.plane)
            size = image.pixel_size.outranked_by(asked.pixel_size.y, asked.pixel_size.x)
            image = replace(image, pixel_size=size)
        with self._lock:
            self._kept[index] = image
            while len(self._kept) > 1 and self._kept_bytes() > _KEPT_BYTES:
                del self._kept[next(iter(self._kept))]
        return image

    def _kept_bytes(self) -> int:
        return sum(image.pixels.nbytes for image in self._kept.values())

    def spell(self, settings: Settings) -> dict[str, str]:
        """Return `settings` as a command line, as a call in Python and as a TOML file."""
        self.tuned = settings
        inputs, values = list(self._inputs), settings.as_dict()
        options = as_options(settings)
        if settings.threshold is None:
            options = ["--settings=nucensus.toml"]  # no option says this
        chosen, arguments = self._spell_selection()
        default = Settings(settings.detector).as_dict() | {"detector": DEFAULT_DETECTOR}
        call = ", ".join(
            f"{name}={value!r}" for name, value in values.items() if value != default[name]
        )
        return {
            "command": spell_command(
                ["nucensus", "detect", *inputs, *chosen, "-o", "run", *options]
            ),
            "python": (
                "import nucensus\n\n"
                f"settings = nucensus.Settings({call})\n"
                f'run = nucensus.census({inputs!r}, out="run", settings=settings{arguments})\n'
            ),
            "toml": settings_as_toml(settings),
        }

    def _spell_selection(self) -> tuple[list[str], str]:
        """Return what says which images count, as options and as arguments in Python."""
        given = {name: value for name, value in asdict(self._selection).items() if value}
        given.pop("plane")
        plane = self._selection.plane.as_dict()
        axes = {name: value for name, value in plane.items() if value is not None}
        options = [f"--{name}={value}" for name, value in (axes | given).items()]
        words = [option.replace("--z=volume", "--volume") for option in options]
        spelled = ", ".join(f"{name}={value!r}" for name, value in axes.items())
        arguments = f", plane=nucensus.Plane({spelled})" if axes else ""
        return words, arguments + "".join(f", {name}={value!r}" for name, value in given.items())


def as_options(settings: Settings) -> list[str]:
    """Return `settings` as options of `nucensus detect`; no option says a threshold of None."""
    return [
        f"--{name.replace('_', '-')}{_as_option(value)}"
        for name, value in settings.as_dict().items()
        if value not in (None, False, "auto")
    ]


def _as_option(value: Any) -> str:
    """Return what stands behind the name of an option."""
    if value is True:
        return ""
    return "=" + (",".join(map(str, value)) if isinstance(value, tuple) else str(value))


def _as_shown(image: NDArray[Any]) -> NDArray[Any]:
    """Return an image; of a volume the maximum over its planes."""
    return image.max(axis=0) if image.ndim == 3 else image


def make_picture(image: NDArray[Any]) -> Picture:
    """Return `image` in 16 bits, every second, third, ... pixel if it is too large to send."""
    shrink = max(1, -(-max(image.shape) // _LONGEST_SIDE_PX))
    pixels = image[::shrink, ::shrink]
    if pixels.dtype in (np.uint8, np.uint16, np.bool):
        return Picture(np.ascontiguousarray(pixels, np.dtype("<u2")), 0.0, 1.0, shrink)
    finite = np.nan_to_num(pixels.astype(np.float64), posinf=0, neginf=0)
    low, high = float(finite.min(initial=0)), float(finite.max(initial=0))
    step = (high - low) / 65535 or 1.0
    levels = np.rint((finite - low) / step)
    return Picture(levels.astype("<u2"), low, step, shrink)
