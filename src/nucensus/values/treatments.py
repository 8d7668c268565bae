"""Treatments of the wells of a run, and how they join the images."""

import functools
import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import field

from .._dataclass import dataclass
from ..errors import InputError

_NAMES_SHOWN = 5


@dataclass(slots=True)
class Treatments:
    """Treatments of wells, by plate and well.

    Attributes
    ----------
    wells : sequence of dict
        A row for each well: `well`, where there are several plates `plate`, and the rest. A row
        without a plate is that of the well of every plate. `Plate 1` is also that of images of
        `plate_01` or `1`.
    """

    wells: Sequence[dict[str, str]]
    _rows: dict[tuple[str, str], dict[str, str]] = field(init=False)
    _plates: dict[str, str] = field(init=False)
    _joined: set[tuple[str, str]] = field(default_factory=set)
    _others: dict[tuple[str, str], None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rows = {(row.get("plate", ""), row["well"]): row for row in self.wells}
        named = [plate for plate in dict.fromkeys(plate for plate, _ in self._rows) if plate]
        self._plates = dict(zip(map(_plain_plate, named), named, strict=True))
        if len(self._plates) < len(named):  # they differ by spelling alone
            self._plates = {}

    def join(self, extra: str, plate: str, well: str) -> str:
        """Return what is known of an image, a JSON object, with what its well was treated with.

        Where something of the same name is known, both stay: the well's is called Well_NAME.
        """
        place = self._place(plate, well)
        if place not in self._rows:
            self._others[plate, well] = None
            return extra
        self._joined.add(place)
        known = json.loads(extra) if extra else {}
        for name, value in self._own(place).items():
            known[_free_name(name, known)] = value
        return json.dumps(known, ensure_ascii=False) if known else extra

    def part(self, extra: str, plate: str, well: str) -> str:
        """Return what is known of an image without what was joined: the inverse of `join`."""
        place = self._place(plate, well)
        own = self._own(place) if place in self._rows else {}
        known = list(json.loads(extra).items())[: -len(own)] if own and extra else []
        if not own:
            return extra
        return json.dumps(dict(known), ensure_ascii=False) if known else ""

    def _place(self, plate: str, well: str) -> tuple[str, str]:
        """Return which row an image of a plate and well has, if any."""
        alike = self._plates.get(_plain_plate(plate), "")
        return next(
            (place for place in ((plate, well), (alike, well)) if place in self._rows), ("", well)
        )

    def _own(self, place: tuple[str, str]) -> dict[str, str]:
        return {k: v for k, v in self._rows[place].items() if k not in ("plate", "well")}

    def unmatched(self) -> list[str]:
        """Return a line each for wells without images, and images' wells without a row.

        Raises
        ------
        InputError
            There are treatments and none is that of an image that was joined.
        """
        others = [place for place in self._others if place[1]]
        if self._rows and not self._joined:
            there = f"the images are of {_listed(others)}" if others else "no image states its well"
            every = " (a table that names no plate holds for all)" if self._plates else ""
            raise InputError(
                f"no well of the metadata, {_listed(self._rows)}, is that of an image: {there}; "
                f"expected the same plates and wells{every}; check the table, see nucensus scan "
                f"and --pattern"
            )
        absent = [place for place in self._rows if place not in self._joined]
        lines = []
        if absent:
            lines.append(f"Metadata: no image is of {_count(absent)} ({_listed(absent)})")
        if self._rows and others:
            lines.append(f"Metadata: it has no row for {_count(others)} ({_listed(others)})")
        return lines


@functools.lru_cache(1024)
def _plain_plate(name: str) -> str:
    """Return what is left of the name of a plate however it is written."""
    plain = re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", name).casefold())
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"^(?:plate|platte|plaque|placa)(?=.)", "", plain))


def _free_name(name: str, known: Collection[str]) -> str:
    """Return what a treatment is called where something of that name is known of the image."""
    while name in known:
        name = f"Well_{name}"
    return name


def _count(places: Collection[tuple[str, str]]) -> str:
    return f"{len(places)} well{'' if len(places) == 1 else 's'}"


def _listed(places: Iterable[tuple[str, str]]) -> str:
    names = [f"{well} of plate {plate}" if plate else well for plate, well in places]
    return ", ".join(names[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "")
