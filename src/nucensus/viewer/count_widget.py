"""The widget in napari that counts a folder, and opens the run."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, ComboBox, Container, FileEdit, Label, PushButton
from napari.qt.threading import create_worker
from napari.utils import progress

from ..batch import census
from ..detect import detector_named, detector_names
from ..errors import SettingsError
from ..store import Run
from ..text.plurals import pluralize
from ..values import RUN_FILE, Settings
from ..values.check_settings import DEFAULT_DETECTOR
from .layers import read_run
from .number_widgets import NumberWidgets

if TYPE_CHECKING:
    import napari


class CountFolder(Container):  # type: ignore[misc]  # magicgui comes without types here
    """Counts every image of a folder, with progress, and opens the run.

    Numbers are shown if the chosen detector goes by them: by default they are estimated from the
    images, and `auto` has none.
    """

    def __init__(self, napari_viewer: "napari.Viewer") -> None:
        self._viewer = napari_viewer
        self.folder = FileEdit(mode="d", label="Folder")
        self.out = FileEdit(mode="d", label="Run")
        self.detector = ComboBox(choices=detector_names(), value=DEFAULT_DETECTOR, label="Detector")
        self.estimated = CheckBox(value=True, text="Numbers estimated from the images", label="")
        self._numbers = NumberWidgets()
        self.count_button = PushButton(text="Count")
        self.said = Label(value="")
        super().__init__(
            widgets=[self.folder, self.out, self.detector, self.estimated, *self._numbers.all(),
                     self.count_button, self.said],
        )  # fmt: skip
        self.detector.changed.connect(self._show_numbers)
        self.estimated.changed.connect(self._show_numbers)
        self.count_button.changed.connect(self.count)
        self._show_numbers()

    @property
    def settings(self) -> Settings:
        """The settings as the widgets show them."""
        name = self.detector.value
        return Settings(name) if self.estimated.value else self._numbers.settings(name)

    def count(self) -> None:
        """Count the folder in a thread, and then open the run."""
        folder, out = self.folder.value, self.out.value
        bar = progress(desc="nucensus")

        def advance(total: int | None) -> None:
            if total is None:
                bar.update(1)
            else:
                bar.total = total

        def end() -> None:
            bar.close()
            self.count_button.enabled = True

        self.count_button.enabled = False
        self.said.value = "Counting"
        worker = create_worker(_count, folder, out, self.settings)
        worker.yielded.connect(advance)
        worker.returned.connect(lambda _: self._open(out))
        worker.errored.connect(lambda error: setattr(self.said, "value", str(error)))
        worker.finished.connect(end)
        worker.start()

    def _open(self, out: Path) -> None:
        with Run(out) as run:
            counts = run.counts
        failed = f", {counts['failed']} failed" if counts["failed"] else ""
        self.said.value = (
            f"{pluralize(counts['nuclei'], 'nucleus')} in "
            f"{pluralize(counts['images'], 'image')}{failed}"
        )
        for data, options, kind in read_run(str(out / RUN_FILE)):
            getattr(self._viewer, f"add_{kind}")(data, **options)

    def _show_numbers(self) -> None:
        """Show what the chosen detector goes by."""
        name = self.detector.value
        try:
            for widget in self._numbers.load(name):
                self.insert(self.index(self.count_button), widget)
            self.estimated.visible = bool(detector_named(name).controls)
        except SettingsError as error:
            self.said.value = str(error)
        self._numbers.show(None if self.estimated.value else name)


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
