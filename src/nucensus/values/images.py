"""Images that were asked for: which file, which plane of it, where on a plate."""

import functools
import hashlib
from collections.abc import Callable
from dataclasses import asdict, replace
from operator import attrgetter
from typing import Any, Literal, NamedTuple, get_args

from .._dataclass import dataclass
from ..errors import InputError
from .pixel_size import NO_SIZE, PixelSize


@dataclass(frozen=True, slots=True)
class Shard:
    """One of the parts that the images of a run are divided into, each a run of its own.

    Which part an image belongs to follows from its name alone: images that are
    added or removed do not move the others.

    Attributes
    ----------
    index : int
        Which part, from 1 to `count`.
    count : int
        How many parts there are.

    Examples
    --------
    >>> str(Shard(3, 7))
    '3/7'
    >>> [Shard(index, 3).holds("A01_s1.tif") for index in (1, 2, 3)]
    [False, False, True]
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise InputError(
                f"the shard is {self}; expected I/N with I from 1 to N, as in 3/7; shards are "
                f"counted from 1"
            )

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Return the shard that is written as I/N."""
        index, _, count = text.partition("/")
        if not (index.isdecimal() and count.isdecimal()):
            raise InputError(f"the shard is {text!r}; expected I/N with I from 1 to N, as in 3/7")
        return cls(int(index), int(count))

    def holds(self, name: str) -> bool:
        """Tell whether the image called `name` is in this part."""
        return self.index == shard_index(name, self.count)

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def shard_index(name: str, count: int) -> int:
    """Return which of `count` shards the image called `name` belongs to, from 1."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest) % count + 1


@functools.cache
def _values_of(kind: Any) -> Callable[[Any], tuple[Any, ...]]:
    return attrgetter(*kind.__slots__)


class _Pickled:
    """Pickled by its fields in a row: a listing is kept in a third of the time."""

    __slots__: tuple[str, ...] = ()

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        kind: Any = type(self)
        return kind, _values_of(kind)(self)


_UNSAID = ("files", "level")
"""Fields of a plane that are not written where there is nothing to say."""

HowToProject = Literal["max", "mean", "best-focus"]
PROJECTIONS: tuple[HowToProject, ...] = get_args(HowToProject)
"""What becomes of the planes of a stack that are one image: their maximum, their mean, or the
sharpest of them."""


@dataclass(frozen=True, slots=True)
class Plane(_Pickled):
    """Which plane of a file is meant; None leaves the choice to the file, which must hold one.

    Attributes
    ----------
    scene : int, str or None
        Index (from 0) or name of an image in a file of several.
    channel : int, str or None
        Index (from 0) or name of the channel. Of colours, 0 is red.
    z : int, "max", "mean", "best-focus", "volume" or None
        Index of the plane from 0; or the maximum of all planes, their mean, or the
        sharpest of them; or all of them as one volume.
    time : int or None
        Index of the time point from 0.
    files : tuple of str
        Of a stack whose planes are files of their own, the files of the other planes, relative to
        the folder of the first, with slashes.
    level : int
        Of a pyramid the level of resolution: 0 is full size, 1 the next smaller one. Everything in
        pixels is in those of that level.

    "each" stands for every scene, channel, plane or time point, as an image of
    its own.

    Examples
    --------
    >>> str(Plane(channel="DAPI", z=3))
    'c=DAPI,z=3'
    """

    scene: int | str | None = None
    channel: int | str | None = None
    z: int | HowToProject | Literal["volume", "each"] | None = None
    time: int | Literal["each"] | None = None
    files: tuple[str, ...] = ()
    level: int = 0

    @property
    def as_shown(self) -> "Plane":
        """The plane as it is drawn: of a volume the maximum over its planes."""
        return replace(self, z="max") if self.z == "volume" else self

    def as_dict(self) -> dict[str, Any]:
        """Return the plane as plain values that JSON can hold."""
        values = asdict(self)
        return {name: each for name, each in values.items() if each or name not in _UNSAID}

    def __str__(self) -> str:
        parts = {"s": self.scene, "c": self.channel, "z": self.z, "t": self.time}
        parts["level"] = self.level or None
        return ",".join(f"{axis}={value}" for axis, value in parts.items() if value is not None)


class Partner(NamedTuple):
    """The plane of another channel that belongs to an image.

    Attributes
    ----------
    channel : str
        As it was asked for.
    path : str
    plane : Plane
    size_bytes, mtime_ns : int
        Size and time of last change of the file when it was listed.
    problem : str
        Why there is no such plane, if that is known beforehand.
    """

    channel: str
    path: str = ""
    plane: Plane = Plane()
    size_bytes: int = -1
    mtime_ns: int = -1
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Place(_Pickled):
    """Where on a plate an image was taken, as its name or an index file says; "" is not known.

    Attributes
    ----------
    plate : str
    well : str
        Row letters and two digits, as in B02.
    site, channel, z, time : str
        Numbers as they are written, without leading zeros; a channel may be a name.
    stain : str
        The name of the channel, where an index file gives one.
    """

    plate: str = ""
    well: str = ""
    site: str = ""
    channel: str = ""
    z: str = ""
    time: str = ""
    stain: str = ""


NOWHERE = Place()
"""That of an image whose name says nothing, and which no index knows."""


@dataclass(frozen=True, slots=True)
class ImageRef(_Pickled):
    """One image that was asked for, not yet read: one plane of one file.

    Attributes
    ----------
    name : str
        What the image is called in every output: unique in its run.
    path : str
        Where it is: a path of the file system. Bytes that are not UTF-8 are
        kept as `os.fsdecode` keeps them.
    size_bytes, mtime_ns : int
        Size and time of last change when it was listed; -1 if it could not be
        done.
    plane : Plane
        Which plane of the file.
    place : Place
        Where on its plate it was taken.
    pixel_size : PixelSize
        The size of a pixel as the index file of the plate states it.
    extra : str
        What the manifest says of it beside these, as a JSON object; "" is nothing.
    problem : str
        Why it cannot be read, if that is known beforehand.
    partners : tuple of Partner
        The other channels of it that are measured where its nuclei are.
    """

    name: str
    path: str
    size_bytes: int = -1
    mtime_ns: int = -1
    plane: Plane = Plane()
    place: Place = NOWHERE
    pixel_size: PixelSize = NO_SIZE
    extra: str = ""
    problem: str = ""
    partners: tuple[Partner, ...] = ()

    def at(self, place: Place) -> "ImageRef":
        """Return the same image at another place, in a third of the time that `replace` takes."""
        return ImageRef(
            self.name, self.path, self.size_bytes, self.mtime_ns, self.plane, place,
            self.pixel_size, self.extra, self.problem, self.partners,
        )  # fmt: skip

    @property
    def channel(self) -> str:
        """The channel as the tables name it; "" is not known."""
        channel = self.place.stain or self.place.channel or self.plane.channel
        return "" if channel is None else str(channel)


class PlannedImage(NamedTuple):
    """An image that a run has planned, as it goes to a worker.

    Attributes
    ----------
    key : int
        Its number in the run.
    path : str
    plane : Plane
    channel : str
        As the tables name it; "" is not known.
    pixel_y_um, pixel_x_um : float or None
        The size of a pixel as the index of a plate states it, which outranks the file.
    query : str
        What a web server is asked beside the path, such as a signature; kept in memory alone.
    partners : tuple of Partner
        The other channels of it that are measured where its nuclei are.
    plate : str
        As the tables name it; "" is not known.
    size_bytes : int
        Of its file, when it was listed.
    """

    key: int
    path: str
    plane: Plane
    channel: str
    pixel_y_um: float | None = None
    pixel_x_um: float | None = None
    query: str = ""
    partners: tuple[Partner, ...] = ()
    plate: str = ""
    size_bytes: int = -1


class ListedImage(NamedTuple):
    """An image as a listing knows it, before it is chosen for a sample.

    Attributes
    ----------
    name, path : str
    plane : Plane
    channel : str
        As the tables name it; "" is not known.
    size_bytes, mtime_ns : int
        Size and time of last change when it was listed.
    plate : str
        As the tables name it; "" is not known.
    """

    name: str
    path: str
    plane: Plane
    channel: str
    size_bytes: int
    mtime_ns: int
    plate: str = ""
