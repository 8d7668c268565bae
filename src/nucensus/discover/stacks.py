"""Let the planes of a field that are files of their own stand for one image: their projection."""

import contextlib
import math
import os
import pickle
import posixpath
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import NamedTuple

from ..remote import is_remote
from ..values import HowToProject, ImageRef
from .left_out import LeftOut

_ZSTEP_0 = re.compile(r"[/\\]ZStep_0[/\\]", re.IGNORECASE)
"""The folder of ImageXpress that holds the instrument's own projection."""
_OWN = "the instrument's own projection, beside its planes"
_MOST_TOLD = 5

_SCHEMA = """
CREATE TABLE fields (id INTEGER PRIMARY KEY, scope, field, UNIQUE (scope, field));
CREATE TABLE planes (field, scope, z, image);
CREATE INDEX of_field ON planes (field);
CREATE INDEX of_scope ON planes (scope, z);
"""


class Field(NamedTuple):
    """Which field an image is a plane of.

    Attributes
    ----------
    where : str
        The plate or the folder, whose fields have the same planes.
    channel : str
    name : str
        What tells it from other fields there.
    """

    where: str
    channel: str
    name: str


class Stacks:
    """The planes of many fields; they are kept on disk, and yielded as one image for each field.

    A field whose planes are not all there, as its index or the fields beside it tell, has a
    problem.
    """

    def __init__(self, how: HowToProject, left_out: LeftOut) -> None:
        self._how, self._left_out = how, left_out
        self._database = sqlite3.connect("")
        self._database.executescript(_SCHEMA)

    def add(self, field: Field, image: ImageRef) -> None:
        """Take in a plane of a field."""
        key = scope, _ = ascii((field.where, field.channel)), ascii(field.name)
        self._database.execute("INSERT OR IGNORE INTO fields (scope, field) VALUES (?, ?)", key)
        z = "" if _ZSTEP_0.search(image.path) else image.place.z
        self._database.execute(
            "INSERT INTO planes SELECT id, ?, ?, ? FROM fields WHERE scope = ? AND field = ?",
            (scope, z, pickle.dumps(image), *key),
        )

    def __iter__(self) -> Iterator[ImageRef]:
        """Yield the projections, in the order in which their fields were met."""
        with contextlib.closing(self._database):
            for field, scope in self._database.execute("SELECT id, scope FROM fields ORDER BY id"):
                yield from self._of_field(field, scope)

    def _of_field(self, field: int, scope: str) -> Iterator[ImageRef]:
        """Yield the image of a field; one for each folder, if it was imaged more than once."""
        query = "SELECT z, image FROM planes WHERE field = ? ORDER BY length(z), z, rowid"
        there: list[ImageRef] = []
        lost: list[ImageRef] = []
        own: list[ImageRef] = []
        for z, pickled in self._database.execute(query, (field,)):
            image = pickle.loads(pickled)
            (lost if image.problem else there if z else own).append(image)
        for image in own:
            self._left_out.note(_OWN, image.name)
        expected = self._expected(scope)
        if _twice(there):
            there.sort(key=_home_of)
            for _, stack in groupby(there, _home_of):
                yield self._project(list(stack), lost, expected)
        else:
            yield self._project(there or lost or own, lost, expected)

    def _expected(self, scope: str) -> set[str]:
        """Return the planes that a field has to have: those of any there, and between them."""
        query = "SELECT DISTINCT z FROM planes WHERE scope = ? AND z != ''"
        found = {z for (z,) in self._database.execute(query, (scope,))}
        numbers = sorted({int(z) for z in found if z.isdecimal()})
        step = math.gcd(*(after - before for before, after in pairwise(numbers))) or 1
        between = range(numbers[0], numbers[-1], step) if numbers else range(0)
        if len(between) > 2 * len(numbers):
            return found  # they are positions, as in nm
        return found | set(map(str, set(between).difference(numbers)))

    def _project(
        self, stack: Sequence[ImageRef], lost: Sequence[ImageRef], expected: set[str]
    ) -> ImageRef:
        """Return the one image that the planes are; why they are none is its problem."""
        first, *others = stack
        files = tuple(_relative(each.path, first.path) for each in others)
        return replace(
            first,
            name=f"{first.name}[z={self._how}]",
            size_bytes=sum(max(0, each.size_bytes) for each in stack),
            mtime_ns=max(each.mtime_ns for each in stack),
            plane=replace(first.plane, z=self._how, files=files),
            place=replace(first.place, z=""),
            problem=_problem([each for each in stack if not each.problem], lost, expected),
        )


def _problem(there: Sequence[ImageRef], lost: Sequence[ImageRef], expected: set[str]) -> str:
    """Return why the planes of a field cannot be projected; "" if they can."""
    if twice := _twice(there):
        names = " and ".join(repr(each.name) for each in there if each.place.z == twice)
        return f"z plane {twice} is there more than once, as {names}; keep one of them"
    absent = sorted(expected - {each.place.z for each in there}, key=lambda z: (len(z), z))
    if not absent:
        return ""
    told = f"{', '.join(absent[:_MOST_TOLD])}{', ...' * (len(absent) > _MOST_TOLD)}"
    reasons = {each.place.z: each.problem for each in lost}
    why = next((reasons[z] for z in absent if z in reasons), "others beside it have them")
    return (
        f"the field lacks z plane{'s' * (len(absent) > 1)} {told} ({why}); expected all "
        f"{len(expected)} planes; put them beside the others, or count single planes with --z"
    )


def _twice(stack: Sequence[ImageRef]) -> str:
    """Return a plane that is there more than once."""
    counts = Counter(each.place.z for each in stack)
    return next((z for z, count in counts.items() if count > 1), "")


def _home_of(image: ImageRef) -> str:
    """Return the folder of a field: above those of a plane, as ZStep_2, and of a site."""
    folder, place = os.path.dirname(image.path), image.place
    plane = re.compile(rf"(?:z|slice|plane)[a-z _-]*0*{re.escape(place.z)}", re.IGNORECASE)
    while name := os.path.basename(folder):
        if name != place.site and not (place.z and plane.fullmatch(name)):
            break
        folder = os.path.dirname(folder)
    return folder


def _relative(path: str, first: str) -> str:
    """Return where a file is, seen from the folder of the first, with slashes."""
    if is_remote(path):
        return posixpath.relpath(path, posixpath.dirname(first))
    try:
        return os.path.relpath(path, os.path.dirname(first)).replace(os.sep, "/")
    except ValueError:  # another drive
        return os.path.abspath(path)
