"""Which nuclei are positive: those above a threshold in one of their measurements."""

import math
from collections.abc import Iterable, Sequence
from typing import TypedDict

from .._dataclass import dataclass
from ..errors import InputError
from .other_channels import OtherChannels, column_of
from .outlines import MEASURED


@dataclass(frozen=True, slots=True)
class Positive:
    """Which nuclei are positive in one measurement.

    Attributes
    ----------
    name : str
        A measured channel, of which the mean in the nucleus counts, or a column of the table of
        nuclei.
    threshold : float or None
        Nuclei above it are positive, in units of the column; None is one for each plate, from the
        distribution of its nuclei.
    controls : tuple of str
        Wells without positive nuclei, by which the threshold is chosen then.

    Examples
    --------
    >>> Positive.parse("GFP=auto", ("A01", "A02"))
    Positive(name='GFP', threshold=None, controls=('A01', 'A02'))
    """

    name: str
    threshold: float | None = None
    controls: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.threshold is not None and self.controls:
            raise InputError(
                f"the threshold of {self.name} is {self.threshold:g}, and wells were given to "
                f"choose it by; expected one of the two; leave the wells out, or give auto"
            )

    @classmethod
    def parse(cls, text: str, controls: tuple[str, ...] = ()) -> "Positive":
        """Return what is written as CHANNEL=auto or CHANNEL=NUMBER."""
        name, _, threshold = (each.strip() for each in text.rpartition("="))
        number = math.nan
        if threshold != "auto":
            try:
                number = float(threshold)
            except ValueError:
                number = math.nan
        if not name or not (threshold == "auto" or math.isfinite(number)):
            raise InputError(
                f"positive is {text!r}; expected a channel and auto or a number of grey levels, as "
                f"in GFP=auto or GFP=350"
            )
        return cls(name, None if threshold == "auto" else number, controls)

    @property
    def column(self) -> str:
        """The column of the mean of its channel, if it names one."""
        return f"{column_of(self.name)}_mean"


def rules_of(positive: str | Iterable[str], controls: str | Iterable[str]) -> list[Positive]:
    """Return which nuclei are positive, as it is written, chosen by the controls.

    Raises
    ------
    InputError
        It cannot be read, or controls are given for nothing.
    """
    texts = [positive] if isinstance(positive, str) else list(positive)
    wells = tuple([controls] if isinstance(controls, str) else controls)
    if wells and not texts:
        raise InputError(
            "negative controls were given, and not what they are negative in; expected both, as "
            "in --positive GFP=auto"
        )
    return [Positive.parse(text, wells) for text in texts]


def channels_beside(rules: Iterable[Positive], measured: Sequence[str]) -> tuple[str, ...]:
    """Return the channels in which nuclei are to be positive that are not measured yet.

    Examples
    --------
    >>> channels_beside(rules_of(["GFP=auto", "area_px=300", "Cy5_ring_mean=9"], ()), ["Cy5"])
    ('GFP',)
    """
    own = {"intensity", "contrast", *(MEASURED.names or ())}
    others = OtherChannels(tuple(measured), ring_px=1 if measured else 0).columns
    names = dict.fromkeys(each.name for each in rules)
    return tuple(name for name in names if name not in (*own, *others, *measured))


class PlateFact(TypedDict):
    """The threshold of a plate, or why there is none."""

    threshold: float | None
    why: str


class PositiveFact(TypedDict):
    """Which nuclei of a run are positive: the column, what was asked, and what came of it."""

    column: str
    threshold: float | None
    controls: list[str]
    plates: dict[str, PlateFact]


def name_of(fact: PositiveFact) -> str:
    """Return what is positive, in short: of a channel's mean the channel.

    Examples
    --------
    >>> name_of({"column": "GFP_mean", "threshold": 1, "controls": [], "plates": {}})
    'GFP'
    """
    return fact["column"].removesuffix("_mean")
