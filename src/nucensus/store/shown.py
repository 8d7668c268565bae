"""Show what a run recorded of itself, or what stands in its place."""

import json
import os
import sqlite3
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..values import OtherChannels, Settings
from .facts import Facts
from .image_columns import ImageColumns

if TYPE_CHECKING:
    from ..values import PositiveFact
    from .corrections import Correction

_RING_RADIUS_PX = 12.0
"""In runs that do not record it: that of the published numbers."""


class Shown:
    """The facts of a run, and the treatments, corrections and thresholds that it is shown with.

    Parameters
    ----------
    database : sqlite3.Connection
    columns : ImageColumns
        The columns of its table of images.
    """

    def __init__(self, database: sqlite3.Connection, columns: ImageColumns) -> None:
        self._database, self.columns = database, columns
        self._shown: dict[str, Any] = {}
        self._treat: Callable[..., str | None] | None = None
        self.corrections: list[dict[str, Any]] = []
        self.kept_corrections: list[Correction] = []
        self.left_corrections: dict[str, str] = {}

    @property
    def settings(self) -> Settings:
        """The settings that the nuclei were found with."""
        return Settings.of_run(self.about.settings)

    @property
    def facts(self) -> dict[str, Any]:
        """The facts that the run recorded: settings, strategy, versions, machine, times."""
        rows = self._database.execute("SELECT key, value FROM run")
        return {key: json.loads(value) for key, value in rows} | self._shown

    @property
    def about(self) -> Facts:
        """The same `facts` as one value, in which what was not recorded is empty."""
        return Facts.from_dict(self.facts)

    @property
    def ring_radius_px(self) -> float:
        """The radius of a ring that lies around a nucleus, in pixels."""
        ring = self.about.ring_radius_px
        return _RING_RADIUS_PX if ring is None else ring

    def treat(self, wells: Sequence[dict[str, str]]) -> None:
        """Show what the wells were treated with as `wells` say, in place of what the run recorded.

        Everything that is read of this view from now on says so, and every table and export; the
        run file stays as it is.

        Parameters
        ----------
        wells : sequence of dict
            A row for each well: `well`, where there are several plates `plate`, and the rest.

        Raises
        ------
        InputError
            None of the wells is that of an image.
        """
        from .treat import show_images, treat

        facts, self._treat = treat(self._database, wells)
        self._shown |= facts
        show_images(self._database, are_treated=True, are_corrected=bool(self.corrections))

    def correct(self, corrections: Sequence["Correction"]) -> dict[str, str]:
        """Show the nuclei of images as people corrected them; the run file stays as it is.

        The column `corrected` of images says who did it, and when. Return the images that are not
        corrected, with the reasons: none of the run, failed, volumes, or of a file that has
        changed since.
        """
        from .corrections import CORRECTED, show_corrected
        from .treat import show_images

        self.corrections, self.left_corrections = show_corrected(
            self._database, corrections, tuple(self.others.columns)
        )
        self.kept_corrections = list(corrections)
        if self.corrections:
            self.columns = self.columns.with_column(CORRECTED)
            show_images(self._database, are_treated=self._treat is not None, are_corrected=True)
        return self.left_corrections

    def correction(
        self, image: str, points: Sequence[tuple[float, float]], *, by: str, source: str
    ) -> "Correction":
        """Return the correction of an image of the run that somebody makes now, from a source."""
        from .corrections import correct_image

        return correct_image(self._database, image, points, by, source)

    @cached_property
    def others(self) -> OtherChannels:
        """The other channels that were measured in its nuclei."""
        return OtherChannels.of_selection(self.about.selection)

    @cached_property
    def positive(self) -> "list[PositiveFact]":
        """Which nuclei are positive, and by which threshold on each plate."""
        return self.about.positive

    def show_positive(self, positive: "Sequence[PositiveFact]") -> None:
        """Show these as positive in place of those recorded; the run file stays as it is."""
        self._shown["positive"] = self.positive = list(positive)

    def copy_to(self, file: Path) -> None:
        """Write the run file as it is now to `file`, which is not there yet."""
        self._database.execute("VACUUM INTO ?", (os.fspath(file),))
        if self._shown:
            from .treat import write_shown

            write_shown(file, self._shown, self._treat)
