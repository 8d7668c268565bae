"""Answers to the page: what a folder holds, how far the count is, and what it found."""

import getpass
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .._shell import spell_command
from ..batch import Preview, preview, refusals
from ..errors import InputError, RunError
from ..export import export_run
from ..export.treated import open_run
from ..report import write_report
from ..store import Run
from ..tune import Marks, Session, as_options
from ..tune.choices import AXES, choices_of_files
from ..values import CORRECTIONS_FILE, ImageRef, Plane, Selection, Settings
from .counting import Counting

_RUN = "nucensus-run"
"""Folder of the run, in that of the images, unless another is asked for."""

_MORE = {
    "channel": {"each": "each of them"},
    "z": {"max": "maximum of the planes", "each": "each of them"},
    "time": {"each": "each of them"},
    "scene": {"each": "each of them"},
}


class Studio:
    """The state of the page: the folder that is shown, its images, and the count that goes on."""

    def __init__(self, folder: str = "") -> None:
        self._folder = folder
        self._counting: Counting | None = None
        self._control: str | None = None
        self._images: list[ImageRef] = []
        self.images: Session | None = None
        """The images of the folder that was looked at last, for the tuner."""

    def describe(self) -> dict[str, Any]:
        """Return what the page starts with: the folder, and the count that goes on."""
        return {"folder": self._folder, "count": self.state()}

    def look(self, asked: dict[str, str]) -> dict[str, Any]:
        """Return what the folder holds: plates, wells, and what there is to choose.

        Raises
        ------
        InputError
            There is no image in it, or what was chosen is not there.
        """
        folder, selection = _folder_of(asked), _selection_of(asked)
        shown = preview([folder], selection)
        tuned = self._tuned() if folder == self._folder else Settings()
        self._folder = folder
        there = self._images = list(shown.there)
        self.images = Session([folder], there, Settings(), selection) if there else None
        if self.images is not None:
            self.images.tuned = tuned
        refused = refusals(shown.there)[1]
        return {
            "folder": folder,
            "out": str(Path(folder, _RUN)),
            "count": len(there),
            "missing": shown.missing_count,
            "recognised": shown.found.recognised,
            "plates": [asdict(plate) for plate in shown.plates],
            "left_out": [*shown.found.left_out.lines(), *shown.left_out.lines()],
            "question": shown.question or (refused[0] if refused else ""),
            "choices": _choices(shown),
        }

    def _tuned(self) -> Settings:
        return Settings() if self.images is None else self.images.tuned

    def settings(self) -> dict[str, str]:
        """Return the options that stand for what the tuner shows; none for what it begins with."""
        tuned = self._tuned()
        return {"options": "" if tuned == Settings() else spell_command(as_options(tuned))}

    def count(self, asked: dict[str, str]) -> dict[str, Any]:
        """Start to count the nuclei of a folder, or carry on, and return how far it is.

        Raises
        ------
        RunError
            Another count goes on.
        """
        if self._counting is not None and self._counting.state()["is_running"]:
            raise RunError("a count goes on already; wait for it, or stop it first")
        folder = _folder_of(asked)
        options = [f"--{axis}={asked[axis]}" for axis in _MORE if asked.get(axis)]
        if asked.get("metadata"):
            options.append(f"--metadata={asked['metadata']}")
        self._control = _control_of(asked)
        if self._control:
            options.append(f"--control={self._control}")
        if asked.get("outlines"):
            options.append("--outlines")
        if asked.get("tuned") and self._tuned() != Settings():
            options += as_options(self._tuned())
        self._counting = Counting([folder, *options], Path(asked.get("out") or Path(folder, _RUN)))
        return self._counting.state()

    def stop(self) -> dict[str, Any]:
        """Stop the count; what is done is kept."""
        if self._counting is not None:
            self._counting.stop()
        return self.state()

    def state(self) -> dict[str, Any]:
        """Return how far the count is; nothing if there was none."""
        if self._counting is None:
            return {}
        state = self._counting.state()
        if state["is_whole"] and self.images is not None and self.images.marks is None:
            with suppress(InputError):  # another folder was looked at since
                self.images.marks = Marks(state["out"], self._images, getpass.getuser())
        return state

    def file(self, name: str) -> Path:
        """Return the path of a file of the finished run, with what was corrected since.

        Raises
        ------
        InputError
            There is no such file.
        MissingPackageError
            The package that writes it is not installed.
        """
        write, state = _FILES.get(name), self.state()
        if write is None or not state.get("is_whole"):
            raise InputError(f"{name!r} is no file of a run that is whole; count the images first")
        out = Path(state["out"])
        is_corrected = (out / CORRECTIONS_FILE).exists()
        if not is_corrected and (out / name).exists() and name not in _MADE_HERE:
            return out / name
        folder = out / "corrected" if is_corrected else out
        folder.mkdir(exist_ok=True)
        write(open_run(out), folder / name, self._control)
        return folder / name


def _write_report(run: Run, path: Path, control: str | None) -> None:
    write_report(run, path, control=control)


def _write_tables(run: Run, path: Path, _: str | None) -> None:
    export_run(run, "csv", path.parent)


def _write_workbook(run: Run, path: Path, _: str | None) -> None:
    export_run(run, "xlsx", path)


_FILES: dict[str, Callable[[Run, Path, str | None], None]] = {
    "report.html": _write_report, "nuclei.csv": _write_tables, "images.csv": _write_tables,
    "wells.xlsx": _write_workbook,
}  # fmt: skip
_MADE_HERE = ("wells.xlsx",)
"""Files that a run does not write: one that is there may be of an earlier count."""


def _control_of(asked: dict[str, str]) -> str | None:
    control = asked.get("control") or None
    if control and not asked.get("metadata"):
        raise InputError(
            f"the control is {control!r}, and no file says what the wells were treated with; "
            f"expected both, or neither"
        )
    return control


def _folder_of(asked: dict[str, str]) -> str:
    folder = os.path.expanduser(asked.get("folder", "").strip())
    if not os.path.isdir(folder):
        raise InputError(f"{folder!r} is no folder of this machine; choose one")
    return os.path.abspath(folder)


def _selection_of(asked: dict[str, str]) -> Selection:
    chosen: dict[str, Any] = {axis: asked[axis] for axis in _MORE if asked.get(axis)}
    for axis in ("z", "time"):
        if str(chosen.get(axis, "")).isdecimal():
            chosen[axis] = int(chosen[axis])
    return Selection(Plane(**chosen))


def _choices(shown: Preview) -> dict[str, dict[str, str]]:
    """Return by axis what can be chosen, and what people call it; nothing where there is one."""
    choices = _choices_of_names(shown) or choices_of_files(shown.there)
    open_ones = {axis: values for axis, values in choices.items() if len(values) > 1}
    return {axis: values | _MORE[axis] for axis, values in (shown.choices | open_ones).items()}


def _choices_of_names(shown: Preview) -> dict[str, dict[str, str]]:
    choices: dict[str, dict[str, str]] = {}
    for plate in shown.plates:
        for axis in AXES:
            for value in plate.values[axis]:
                stain = plate.stains.get(value, "") if axis == "channel" else ""
                named = f"{value} ({stain})" if stain else value
                choices.setdefault(axis, {})[value] = named
    return {axis: values for axis, values in choices.items() if len(values) > 1}
