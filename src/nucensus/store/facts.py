"""Facts that a run records about itself: one value, with a version of its own."""

import json
from dataclasses import field, fields
from typing import TYPE_CHECKING, Any, Self, TypedDict

from .._dataclass import dataclass
from ..errors import InputError, RunError
from ..values import OtherChannels, Settings

if TYPE_CHECKING:
    from ..values import PositiveFact

FACTS_VERSION = 1

_MOST_BYTES = 1_000_000
"""Bytes of a fact that is short by nature; what is longer was not written by nucensus."""
_SHORT = ("version", "bottleneck", "machine", "settings", "selection", "strategy", "journal")

_NUMBER = (int, float)
_TEXT = (str, type(None))
_TIME = range(1 << 37)
"""Seconds since 1970 that a calendar has a date for."""
_ESTIMATE = {
    ...: _NUMBER, "radius_px": _NUMBER, "contrast": _NUMBER, "image_count": int,
    "blank_count": int,
}  # fmt: skip
_SAMPLE = {
    "source": str, "run": _TEXT, "images": int, "unread": int, "unread_names": [str],
    "short": {...: [int]},
}  # fmt: skip

_POSITIVE = {
    "column": str, "threshold": (int, float, type(None)), "controls": [str],
    "plates": {...: {"threshold": (int, float, type(None)), "why": str}},
}  # fmt: skip

_FLAT_FIELD = {
    "height": int, "width": int, "channel": str, "plate": _TEXT, "path": str, "digest": str,
    "terms": [_NUMBER], "images": int, "nuclei": int, "error": _NUMBER, "darkest": _NUMBER,
    "sample": str, "why": str,
}  # fmt: skip


def _fact(shape: Any, empty: Any = None) -> Any:
    """Declare a fact: its shape in JSON, and what it is, or what makes it, if it is not recorded.

    A shape is types, a range of numbers, a list of one shape, or entries by name; `...` is any
    name.
    """
    default = {"default_factory": empty} if isinstance(empty, type) else {"default": empty}
    return field(**default, metadata={"shape": shape})


class StartFact(TypedDict):
    """A start of a run: when it began, how long it lasted, how many images it did."""

    started: float
    seconds: float
    images: int


class ListingFact(TypedDict):
    """How many images were listed, those of other shards too, and a digest of what was said."""

    images: int
    digest: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts that a run recorded about itself, in plain values as JSON holds them.

    Attributes
    ----------
    facts_version : int
        The version of these facts; where one changes its meaning, the version rises.
    version : str or None
        The version of nucensus.
    settings, selection : dict
        How nuclei are found, and in which images, as the run was given it.
    wells : list of dict
        What the wells were treated with.
    listing : dict or None
        None before anything was listed.
    places, files : str, list of str
        Digests of what the sample follows from, and of the files of each shard.
    inputs : str or None
        A digest of what was named on the command line.
    seen : str or None
        A digest of all files that were in and beside it, before they were listed.
    left_out : list of str
        What was found beside the images and left out, a line each.
    unmatched : list of str
        What of the wells' treatments and of the wells does not match, a line each.
    sampled, adopted : str or None
        Digests of the `places` that the sample was chosen for, and of the estimates in use.
    estimates : dict
        What was learned, by the name of the pool.
    sample : dict
        Where that comes from (`Origin`).
    ring_radius_px : float or None
        The radius of a ring that lies around a nucleus.
    is_learning : bool
        Whether a start has not yet learned what it needs.
    strategy, machine : dict
        How it ran and why, and where.
    started, seconds : float or None
        When the first start began, in seconds since 1970; how long all lasted.
    starts : list of StartFact
    bottleneck : str or None
        What the time went into.
    vanished, vanished_names : int, list of str
        How many images are not among the inputs any more, and the first of them.
    tables : dict
        What the tables in the folder of the run follow from.
    shards : list of dict
        Of a merged run, its shards.
    positive : list of PositiveFact
        Which nuclei are positive.
    flat_field : list of dict
        The uneven light that was corrected (`FlatField`): given for a channel, or learned for each
        plate.
    journal : str or None
        How SQLite writes the run file, and on what kind of disk.
    """

    facts_version: int = _fact(int, FACTS_VERSION)
    version: str | None = _fact(str)
    settings: dict[str, Any] = _fact({"detector": str}, dict)
    selection: dict[str, Any] = _fact({"shard": _TEXT}, dict)
    wells: list[dict[str, str]] = _fact([{...: str, "well": str}], list)
    listing: ListingFact | None = _fact({"images": int, "digest": str})
    places: str | None = _fact(_TEXT)
    files: list[str] = _fact([str], list)
    inputs: str | None = _fact(str)
    seen: str | None = _fact(_TEXT)
    left_out: list[str] = _fact([str], list)
    unmatched: list[str] = _fact([str], list)
    sampled: str | None = _fact(_TEXT)
    adopted: str | None = _fact(str)
    estimates: dict[str, dict[str, Any]] = _fact({...: _ESTIMATE}, dict)
    sample: dict[str, Any] = _fact(_SAMPLE, dict)
    ring_radius_px: float | None = _fact(_NUMBER)
    is_learning: bool = _fact(bool, False)
    strategy: dict[str, Any] = _fact(
        {"name": str, "reason": str, "workers": (int, type(None))}, dict
    )
    machine: dict[str, Any] = _fact(dict, dict)
    started: float | None = _fact(_TIME)
    seconds: float | None = _fact(_NUMBER)
    starts: list[StartFact] = _fact([{"started": _TIME, "seconds": _NUMBER, "images": int}], list)
    bottleneck: str | None = _fact(str)
    vanished: int = _fact(int, 0)
    vanished_names: list[str] = _fact([str], list)
    tables: dict[str, Any] = _fact(dict, dict)
    shards: list[dict[str, Any]] = _fact([{"shard": str, "run": str, "images": int}], list)
    positive: "list[PositiveFact]" = _fact([_POSITIVE], list)
    flat_field: list[dict[str, Any]] = _fact([_FLAT_FIELD], list)
    journal: str | None = _fact(str)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Return the facts that a run file holds by name; what it does not hold is empty.

        Raises
        ------
        RunError
            A later version of nucensus wrote them, and may mean something else by them.
        """
        found = values.get("facts_version") or FACTS_VERSION
        if found > FACTS_VERSION:
            raise RunError(
                f"what the run says about itself is of version {found}; expected at most "
                f"{FACTS_VERSION}; open it with the version of nucensus that wrote it"
            )
        known = {name: values[name] for name in FACT_NAMES if values.get(name) is not None}
        return cls(**known)


_SHAPES: dict[str, Any] = {each.name: each.metadata["shape"] for each in fields(Facts)}
FACT_NAMES = tuple(_SHAPES)


def is_fact(name: Any, value: Any) -> bool:
    """Tell whether `value` is JSON of what is recorded under `name`."""
    try:
        if name in _SHORT and len(value) > _MOST_BYTES:
            return False
        fact = json.loads(value)
        if name == "settings":
            Settings.of_run(fact)
        if name == "selection":
            OtherChannels.of_selection(fact)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, InputError):
        return False
    return _fits(fact, _SHAPES.get(name, object))


def _fits(value: Any, shape: Any) -> bool:
    if isinstance(shape, list):
        return isinstance(value, list) and all(_fits(each, shape[0]) for each in value)
    if isinstance(shape, range):
        return isinstance(value, _NUMBER) and shape.start <= value < shape.stop
    if not isinstance(shape, dict):
        return isinstance(value, shape)
    needed = {name for name in shape if name is not ...}
    return (
        isinstance(value, dict)
        and needed <= value.keys()
        and all(
            _fits(each, shape.get(name, shape.get(..., object))) for name, each in value.items()
        )
    )
