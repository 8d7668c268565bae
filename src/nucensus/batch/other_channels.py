"""Read the other channels of an image, and measure them where its nuclei are."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..detect.other_channels import is_cut_off, measure_channel
from ..errors import AccessError, NucensusError, ReadError
from ..read import OnHeader, read_image
from ..values import Centres, OtherChannels, Partner
from ..values.flat_field import FlatFields
from .flat_field import in_even_light


@dataclass(frozen=True, slots=True)
class OtherChannel:
    """Another channel of an image: its pixels, or why there are none."""

    channel: str
    pixels: NDArray[Any] | None
    problem: str = ""

    @property
    def nbytes(self) -> int:
        """The size of the pixels in memory."""
        return 0 if self.pixels is None else self.pixels.nbytes


def load_partner(partner: Partner, on_header: OnHeader) -> OtherChannel:
    """Read another channel of an image; whatever is wrong with it is its problem."""
    if partner.problem:
        return OtherChannel(partner.channel, None, partner.problem)
    try:
        return OtherChannel(
            partner.channel, read_image(partner.path, partner.plane, on_header).pixels
        )
    except AccessError:  # of the whole bucket
        raise
    except Exception as error:  # noqa: BLE001 a bad file is a row with a reason
        known = isinstance(error, NucensusError)
        reason = str(error) if known else f"{type(error).__name__}: {error}"
        return OtherChannel(partner.channel, None, reason)


def measure_others(
    centres: Centres, others: Sequence[OtherChannel], ring_px: int, lights: FlatFields
) -> tuple[Centres, str, str]:
    """Return nuclei with what is measured in other channels, NaN where that cannot be; and why.

    Last, what is doubtful of what was measured.
    """
    if centres.outlines is None:
        return centres, "", ""
    columns = len(OtherChannels(("one",), ring_px).columns)
    measured, problems, doubts = [], [], []
    for each in others:
        problem, values = each.problem, np.full((len(centres), columns), np.nan, np.float32)
        if each.pixels is not None:
            try:
                pixels = in_even_light(each.pixels, lights.of(each.channel, "", each.pixels.shape))
                values = measure_channel(pixels, centres.outlines, ring_px=ring_px)
                doubts += [each.channel] if is_cut_off(each.pixels, centres.outlines) else []
            except (ReadError, ValueError, TypeError) as error:
                problem = str(error)
        measured.append(values)
        problems += [f"{each.channel}: {problem}"] if problem else []
    doubt = "; ".join(_CUT_OFF.format(channel) for channel in doubts)
    known = replace(centres, channels=np.concatenate(measured, axis=1))
    return known, "; ".join(problems), doubt


_CUT_OFF = "channel {} is saturated in nuclei, which are brighter there than was measured"
