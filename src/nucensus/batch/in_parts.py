"""Find the nuclei of an image that is read part by part; whatever goes wrong is its outcome."""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

from ..detect import Estimate, Resolved
from ..errors import AccessError, TooLargeError
from ..read import DividedImage, open_in_parts
from ..values import Failed, Found, Outcome, PlannedImage, Settings
from ..values.parts import WholeNeededError
from .budget import Budget, beyond_memory
from .part_clock import UnreadPartError, timed

_ONE_AT_A_TIME = threading.Lock()
"""Held while an image is worked on: one keeps all cores busy."""


class Divided(NamedTuple):
    """An image that is read while its nuclei are found."""

    planned: PlannedImage
    compression: str
    content: str | None


def find_in_parts(
    divided: Divided,
    settings: Settings,
    resolved: Resolved | None,
    *,
    threads: int,
    budget: Budget | None,
    most_bytes: int,
) -> Outcome | str:
    """Read an image part by part, and find its nuclei; or say why it has to be read whole.

    Parameters
    ----------
    divided : Divided
    settings : Settings
    resolved : Resolved or None
        What its set looks like.
    threads : int
        How many parts are worked on at a time.
    budget : Budget or None
        What memory is taken from.
    most_bytes : int
        An image that needs more is refused.
    """
    try:
        with _ONE_AT_A_TIME, open_in_parts(divided.planned.path, divided.planned.plane) as image:
            return _found_in(divided, image, settings, resolved, threads, budget, most_bytes)
    except AccessError:  # no image of the bucket can be read: that ends the run
        raise
    except Exception as error:  # noqa: BLE001 the worker boundary: a bad file is a row
        return Failed.unread(error, divided.content)


def _found_in(
    divided: Divided, image: DividedImage, settings: Settings, resolved: Resolved | None,
    threads: int, budget: Budget | None, most_bytes: int,
) -> Outcome | str:  # fmt: skip
    """Find the nuclei of an image that is open; raise what goes wrong when it is read."""
    from ..detect import find_nuclei_in_parts, parts_bytes

    start, planned = time.perf_counter(), divided.planned
    parts, clock = timed(image.parts)
    size = image.pixel_size.outranked_by(planned.pixel_y_um, planned.pixel_x_um)
    try:
        settings = settings.in_pixels(size, len(parts.shape))
        with _taken(budget, parts_bytes(parts, settings, threads, resolved), most_bytes):
            centres = find_nuclei_in_parts(parts, settings, resolved, threads=threads)
    except (UnreadPartError, TooLargeError) as error:
        raise clock.error or error from None
    except WholeNeededError as why:
        return str(why)
    except (Exception, SystemExit) as error:  # noqa: BLE001 a bad image is a row
        return Failed("detect", str(error) or type(error).__name__, divided.content)
    read_ms = clock.wall_ms / threads
    return Found(
        centres, parts.shape, str(parts.dtype), read_ms,
        1e3 * (time.perf_counter() - start) - read_ms, clock.cpu_ms / threads,
        divided.compression, divided.content, size, downsample=image.downsample,
        parts_at_a_time=threads,
    )  # fmt: skip


def estimate_of_parts(
    divided: Divided, settings: Settings, *, threads: int, budget: Budget | None, most_bytes: int
) -> Estimate | Failed | str:
    """Estimate what the nuclei of an image are like part by part; the parameters are as above."""
    from ..detect import estimate_in_parts, parts_bytes

    try:
        with _ONE_AT_A_TIME, open_in_parts(divided.planned.path, divided.planned.plane) as image:
            parts, clock = timed(image.parts)
            try:
                with _taken(budget, parts_bytes(parts, settings, threads), most_bytes):
                    return estimate_in_parts(parts, settings, threads=threads)
            except WholeNeededError as why:
                return str(why)
            except UnreadPartError as error:
                raise clock.error or error from None
    except AccessError:
        raise
    except Exception as error:  # noqa: BLE001 as above
        return Failed.unread(error, divided.content)


@contextlib.contextmanager
def _taken(budget: Budget | None, size_bytes: int, most_bytes: int) -> Iterator[None]:
    """Take memory as long as an image is worked on."""
    if size_bytes > most_bytes:
        raise beyond_memory(size_bytes, most_bytes)
    if budget is None:
        yield
        return
    budget.take(size_bytes)
    try:
        yield
    finally:
        budget.give_back(size_bytes)
