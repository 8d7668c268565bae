"""The widget in napari that rings the nuclei of the layer that is shown."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import CheckBox, ComboBox, Container, Label
from napari.layers import Image
from napari.qt.threading import create_worker
from numpy.typing import NDArray

from ..detect import (
    detector_named,
    detector_names,
    estimate_as,
    find_nuclei,
    pool,
    ring_radius,
    with_numbers,
)
from ..errors import NucensusError, SettingsError
from ..text.plurals import pluralize
from ..values import Centres, Settings
from ..values.check_settings import DEFAULT_DETECTOR
from .layers import COLOURS, centres_layer, grey_of
from .number_widgets import NumberWidgets

if TYPE_CHECKING:
    import napari

_NAME = "nuclei"
_OUTLINES = "outlines"
_MARK, _OUTLINES_MARK = "nucensus found", "nucensus outlined"
"""In the metadata of the layers: one of another origin may have its name."""
_NOT_CHOSEN = "not chosen"


class FindNuclei(Container):  # type: ignore[misc]  # magicgui comes without types here
    """Rings around the nuclei of an image layer, which follow the settings and the plane shown.

    Where the detector has outlines, they are drawn, too.
    They are found in a thread of their own. Of what changes meanwhile the latest is found next.
    """

    def __init__(self, napari_viewer: "napari.Viewer") -> None:
        self._viewer = napari_viewer
        self._estimated: set[str] = set()
        self._worker: Any = None
        self._is_behind = self._is_closed = False
        self.image = ComboBox(choices=self._images, label="Image")
        self.colour = ComboBox(choices=[_NOT_CHOSEN, *COLOURS], label="Colour")
        self.detector = ComboBox(choices=detector_names(), value=DEFAULT_DETECTOR, label="Detector")
        self._numbers = NumberWidgets()
        self.border = ComboBox(choices=["keep", "count", "drop"], value="keep", label="Border")
        self.volume = CheckBox(value=False, label="As one volume")
        self.found = Label(value="")
        # Before the container listens, so that what it finds with is whole.
        self.volume.changed.connect(self._offer)
        self.detector.changed.connect(self._show_numbers)
        super().__init__(
            widgets=[self.image, self.colour, self.detector, *self._numbers.all(), self.border,
                     self.volume, self.found],
        )  # fmt: skip
        self.changed.connect(self.find)
        napari_viewer.dims.events.current_step.connect(self.find)
        napari_viewer.layers.events.removed.connect(self._leave)
        self.native.destroyed.connect(self._close)
        self._show_numbers()
        self.find()

    @property
    def settings(self) -> Settings:
        """The settings as the widgets show them."""
        return self._numbers.settings(self.detector.value, border=self.border.value)

    @property
    def is_busy(self) -> bool:
        """Whether nuclei are being found."""
        return self._worker is not None

    def find(self) -> None:
        """Find the nuclei of the plane that is shown, or of the volume, and ring them."""
        self._is_behind = True
        if not self.is_busy:
            self._go_on()

    def _go_on(self) -> None:
        """Begin with what is to be found next, if anything changed."""
        self._worker = None
        if self._is_closed or not self._is_behind:
            return
        self._is_behind = False
        image = self.image.value
        self.colour.visible = image is not None and image.rgb
        if image not in self._viewer.layers:
            self._refuse("")
            return
        try:
            work, show = self._next_step(image)
        except SettingsError as error:
            self._refuse(str(error))
            return
        self._worker = create_worker(work)
        self._worker.returned.connect(lambda found: None if self._is_closed else show(found))
        self._worker.finished.connect(self._go_on)
        self._worker.start()

    def _next_step(self, image: Image) -> tuple[Callable[[], Any], Callable[[Any], None]]:
        """Return what is to be done in a thread, and what then shows it.

        The first time that a detector is chosen, its numbers are estimated from the image.
        """
        name = self.detector.value
        plane = () if self.volume.value else self._plane(image)
        colour = None if self.colour.value == _NOT_CHOSEN else self.colour.value
        pixels = partial(_pixels, image, plane, colour)
        if detector_named(name).controls and name not in self._estimated:
            return partial(_estimate, pixels, Settings(name)), partial(self._begin, name)
        return partial(_find, pixels, self.settings), partial(self._ring, image, plane)

    def _leave(self) -> None:
        """Leave nothing of an image that was removed."""
        if self.image.value not in self._viewer.layers:
            self.find()

    def _close(self) -> None:
        """Show nothing any more: the widget is gone, although nuclei may still be found."""
        self._is_closed = True

    def _begin(self, name: str, estimated: Settings | str) -> None:
        """Begin with the numbers that were estimated; with others, if there is a reason."""
        self._estimated.add(name)
        self._is_behind = True
        if isinstance(estimated, Settings):
            self._numbers.take(estimated)

    def _ring(
        self, image: Image, plane: tuple[int, ...], found: tuple[Centres, float] | str
    ) -> None:
        """Ring what was found, or say why nothing was."""
        if isinstance(found, str) or image not in self._viewer.layers:
            self._refuse(found if isinstance(found, str) else "")
            return
        centres, size = found
        flag = f", {centres.flag}" if centres.flag else ""
        self.found.value = f"{pluralize(len(centres), 'nucleus')}{flag}"
        self._show_outlines(image, plane, centres)
        layer = centres_layer(centres, plane, name=_NAME, size=size)
        self._show(image, *layer[:2], scale=image.scale, translate=image.translate)

    def _refuse(self, reason: str) -> None:
        """Say why, and leave no ring: those there are belong to other settings."""
        self.found.value = reason
        self._remove_outlines()
        rings = self._rings()
        if rings is not None:
            rings.data = np.empty((0, rings.ndim))

    def _show_outlines(self, image: Image, plane: tuple[int, ...], centres: Centres) -> None:
        """Draw the outlines in the plane that is shown, where the detector has them."""
        self._remove_outlines()
        if centres.outlines is not None:
            layer = self._viewer.add_labels(
                centres.outlines.labels()[(None,) * len(plane)], name=_OUTLINES,
                metadata={_OUTLINES_MARK: True}, scale=image.scale,
                translate=image.translate + image.scale * np.array([*plane, 0, 0]),
            )  # fmt: skip
            layer.contour = 1
            self._viewer.layers.selection.active = image

    def _remove_outlines(self) -> None:
        for each in [each for each in self._viewer.layers if _OUTLINES_MARK in each.metadata]:
            self._viewer.layers.remove(each)

    def _show(self, image: Image, points: Any, options: dict[str, Any], **place: Any) -> None:
        """Move the rings; the image stays the layer that is selected."""
        layers, rings = self._viewer.layers, self._rings()
        if rings is not None and rings.ndim == points.shape[1]:
            rings.data, rings.features, rings.size = points, options["features"], options["size"]
            rings.scale, rings.translate = place["scale"], place["translate"]
            return
        if rings is not None:
            layers.remove(rings)
        self._viewer.add_points(points, metadata={_MARK: True}, **options, **place)
        layers.selection.active = image

    def _rings(self) -> Any:
        """Return the layer of rings, None before there is one."""
        return next((each for each in self._viewer.layers if _MARK in each.metadata), None)

    def _images(self, _: Any) -> list[Image]:
        """Return the image layers; the selected one is the first, which is taken at first."""
        images = [each for each in self._viewer.layers if isinstance(each, Image)]
        active = self._viewer.layers.selection.active  # plugins see proxies: no layer is the same
        return sorted(images, key=lambda each: active is None or each.name != active.name)

    def _offer(self, is_volume: bool) -> None:
        """Offer the detectors that there are for a plane, or for a volume."""
        with self.changed.blocked():
            self.detector.choices = detector_names(takes_volumes=is_volume)

    def _show_numbers(self) -> None:
        """Show the numbers of the detector that is chosen."""
        name = self.detector.value
        try:
            for widget in self._numbers.load(name):
                self.insert(self.index(self.border), widget)
        except SettingsError as error:
            self.found.value = str(error)
        self._numbers.show(name)

    def _plane(self, image: Image) -> tuple[int, ...]:
        """Return which plane of `image` is shown."""
        steps = self._viewer.dims.current_step[-image.ndim :][: image.ndim - 2]
        shape = _finest(image).shape
        return tuple(min(step, size - 1) for step, size in zip(steps, shape, strict=False))


def _finest(image: Image) -> Any:
    """Return the data of a layer, of several resolutions the finest."""
    return image.data[0] if image.multiscale else image.data


def _pixels(image: Image, plane: tuple[int, ...], colour: str | None) -> NDArray[Any]:
    pixels = np.asarray(_finest(image)[plane])
    return grey_of(pixels, colour) if image.rgb else pixels


def _estimate(pixels_of: Callable[[], NDArray[Any]], settings: Settings) -> Settings | str:
    """Return numbers for what `settings` leave open, or why there are none."""
    try:
        pixels = pixels_of()
        flat = pixels.max(axis=0) if pixels.ndim == 3 else pixels
        return with_numbers(settings, pool([estimate_as(flat, settings)]))
    except (NucensusError, TypeError, ValueError) as error:
        return str(error)


def _find(pixels_of: Callable[[], NDArray[Any]], settings: Settings) -> tuple[Centres, float] | str:
    """Return the nuclei with the diameter of their rings, or why there are none."""
    try:
        pixels = pixels_of()
        learned = [] if settings.are_numbers else [pool([estimate_as(pixels, settings)])]
        outlines = detector_named(settings.detector).has_outlines
        centres = find_nuclei(pixels, settings, *learned, outlines=outlines)
        return centres, 2 * ring_radius(settings, learned)
    except (NucensusError, TypeError, ValueError) as error:
        return str(error)
