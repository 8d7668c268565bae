"""The widgets in napari: nuclei of the layer that is shown, and of a folder."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui import magic_factory
from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    FloatRangeSlider,
    FloatSlider,
    FloatSpinBox,
    Label,
    SpinBox,
    create_widget,
)
from napari.layers import Image
from napari.qt.threading import thread_worker
from napari.utils import progress

from ..batch import census
from ..detect import DETECTORS, estimate_as, find_nuclei, pool, ring_radius, with_numbers
from ..errors import SettingsError
from ..text.plurals import pluralize
from ..values import RUN_FILE, Settings
from .layers import centres_layer, read_run

if TYPE_CHECKING:
    import napari

_NAME = "nuclei"


class FindNuclei(Container):  # type: ignore[misc]  # magicgui comes without types here
    """Rings around the nuclei of an image layer, which follow the settings and the plane shown."""

    def __init__(self, napari_viewer: "napari.Viewer") -> None:
        self._viewer = napari_viewer
        self._estimated: set[str] = set()
        start = Settings.published()
        self.image = create_widget(annotation=Image, label="Image")
        self.detector = ComboBox(choices=list(DETECTORS), value="auto", label="Detector")
        self.sigma = FloatSlider(value=start.sigma, max=20, label="Smoothing (px)")
        self.scales = FloatRangeSlider(value=(4, 10), min=0.5, max=30, label="Scales (px)")
        self.min_distance = SpinBox(value=start.min_distance, min=1, label="Least distance (px)")
        self.threshold = FloatSpinBox(
            value=start.threshold, min=-1e9, max=1e9, step=10, label="Threshold"
        )
        self.contrast = FloatSpinBox(value=100, max=1e9, step=10, label="Least contrast")
        self.border = ComboBox(choices=["keep", "count", "drop"], value="keep", label="Border")
        self.volume = CheckBox(value=False, label="As one volume")
        self.found = Label(value="")
        self._numbers = {
            "maxima": [self.sigma, self.min_distance, self.threshold],
            "log": [self.scales, self.contrast],
        }
        # Before the container listens, so that what it finds with is whole.
        self.volume.changed.connect(self._offer)
        self.detector.changed.connect(self._begin)
        super().__init__(
            widgets=[self.image, self.detector, self.sigma, self.scales, self.min_distance,
                     self.threshold, self.contrast, self.border, self.volume, self.found],
        )  # fmt: skip
        self.changed.connect(self.find)
        napari_viewer.dims.events.current_step.connect(self.find)
        self._show_numbers()

    @property
    def settings(self) -> Settings:
        """What the widgets say."""
        border, detector = self.border.value, self.detector.value
        if detector == "maxima":
            return Settings(
                detector, sigma=self.sigma.value, min_distance=self.min_distance.value,
                threshold=self.threshold.value, border=border,
            )  # fmt: skip
        if detector == "log":
            return Settings(
                detector, sigma=self.scales.value, min_distance=self.min_distance.value,
                threshold=self.contrast.value, border=border,
            )  # fmt: skip
        return Settings(detector, border=border)

    def find(self) -> None:
        """Find the nuclei of the plane that is shown, or of the volume, and ring them."""
        image = self.image.value
        if image not in self._viewer.layers or image.rgb:
            return
        plane = () if self.volume.value else self._plane(image)
        try:
            settings, pixels = self.settings, np.asarray(image.data[plane])
            learned = [] if settings.are_numbers else [pool([estimate_as(pixels, settings)])]
            centres = find_nuclei(pixels, settings, *learned)
        except (SettingsError, TypeError, ValueError) as error:
            self.found.value = str(error)
            return
        size = 2 * ring_radius(settings, learned)
        layer = centres_layer(centres, plane, name=_NAME, size=size)
        flag = f", {centres.flag}" if centres.flag else ""
        self.found.value = f"{pluralize(len(centres), 'nucleus')}{flag}"
        self._show(*layer[:2], scale=image.scale, translate=image.translate)

    def _offer(self, is_volume: bool) -> None:
        """Offer the detectors that there are for a plane, or for a volume."""
        with self.changed.blocked():
            self.detector.choices = ["maxima"] if is_volume else list(DETECTORS)

    def _begin(self, detector: str) -> None:
        """Show the numbers of a detector; the first time those estimated from the image."""
        image = self.image.value
        if detector in self._numbers and detector not in self._estimated and image is not None:
            self._estimated.add(detector)
            pixels = np.asarray(image.data[() if self.volume.value else self._plane(image)])
            flat = pixels.max(axis=0) if self.volume.value else pixels
            start = with_numbers(Settings(detector), pool([estimate_as(flat, Settings(detector))]))
            with self.changed.blocked():
                self.min_distance.value = start.min_distance
                if detector == "log":
                    self.scales.value, self.contrast.value = (
                        np.resize(start.sigma, 2),
                        start.threshold,
                    )
                else:
                    self.sigma.value, self.threshold.value = start.sigma, start.threshold
        self._show_numbers()

    def _show_numbers(self) -> None:
        for detector, widgets in self._numbers.items():
            for widget in widgets:
                widget.visible = detector == self.detector.value

    def _plane(self, image: Image) -> tuple[int, ...]:
        """Return which plane of `image` is shown."""
        steps = self._viewer.dims.current_step[-image.ndim :][: image.ndim - 2]
        return tuple(
            min(step, size - 1) for step, size in zip(steps, image.data.shape, strict=False)
        )

    def _show(self, points: Any, options: dict[str, Any], **place: Any) -> None:
        """Move the rings; the image stays the layer that is selected."""
        layers = self._viewer.layers
        if _NAME in layers and layers[_NAME].ndim == points.shape[1]:
            rings = layers[_NAME]
            rings.data, rings.features, rings.size = points, options["features"], options["size"]
            rings.scale, rings.translate = place["scale"], place["translate"]
            return
        if _NAME in layers:
            layers.remove(_NAME)
        self._viewer.add_points(points, **options, **place)
        layers.selection.active = self.image.value


@magic_factory(  # type: ignore[untyped-decorator]  # magicgui comes without types here
    call_button="Count",
    folder={"mode": "d", "label": "Folder"},
    out={"mode": "d", "label": "Run"},
    detector={"choices": list(DETECTORS), "tooltip": "The numbers below are those of maxima."},
    threshold={"min": -1e9, "max": 1e9},
)
def count_folder(
    viewer: "napari.Viewer",
    folder: Path,
    out: Path,
    detector: str = "auto",
    sigma: float = 4,
    min_distance: int = 6,
    threshold: float = 1000,
) -> None:
    """Count the nuclei of every image of a folder, and open the run.

    Without numbers, but with the detector `maxima` those that are given.
    """
    settings = Settings(detector)
    if detector == "maxima":
        settings = Settings(detector, sigma, min_distance, threshold)
    bar = progress(desc="nucensus")

    def advance(total: int | None) -> None:
        if total is None:
            bar.update(1)
        else:
            bar.total = total

    def finish() -> None:
        for data, options, kind in read_run(str(out / RUN_FILE)):
            getattr(viewer, f"add_{kind}")(data, **options)

    worker = thread_worker(_count)(folder, out, settings)
    worker.yielded.connect(advance)
    worker.returned.connect(finish)
    worker.finished.connect(bar.close)
    worker.start()


def _count(folder: Path, out: Path, settings: Settings) -> Iterator[int | None]:
    """Run a census; yield how many images there are, then None for each that is done.

    The census runs in one more thread, so that it can hand out what happens.
    """
    events: SimpleQueue[Any] = SimpleQueue()
    end = object()

    def run() -> None:
        census(
            folder,
            out,
            settings,
            on_plan=events.put,
            on_outcome=lambda _: events.put(None),
        ).close()

    with ThreadPoolExecutor(1) as pool:
        counting = pool.submit(run)
        counting.add_done_callback(lambda _: events.put(end))
        yield from iter(events.get, end)
        counting.result()
