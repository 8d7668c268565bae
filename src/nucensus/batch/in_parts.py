"""Find the nuclei of an image that is read part by part; whatever goes wrong is its outcome."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

from ..detect import Resolved
from ..errors import AccessError, TooLargeError
from ..read import DividedImage, open_in_parts
from ..values import Failed, Found, Outcome, Settings
from ..values.parts import WholeNeededError
from .budget import Budget, beyond_memory
from .divided import Divided, Opened
from .odd_pixels import note_on_infinite
from .part_clock import Clock, UnreadPartError, timed

if TYPE_CHECKING:
    from ..detect import SeenInParts

_ONE_AT_A_TIME = threading.Lock()
"""Held while an image is worked on: one keeps all cores busy."""


_Result = TypeVar("_Result")


class Admitted(NamedTuple):
    """How many parts are worked on at a time, and how much memory there is beside theirs."""

    at_a_time: int
    spare_bytes: int


Admit: TypeAlias = Callable[
    [Callable[[int], int], int, int], contextlib.AbstractContextManager[Admitted]
]
"""Takes the memory that it needs, by how many parts are worked on at a time, of so many at most;
and of that which it may need beside, what there is."""


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
        How many parts are worked on at a time, if there is memory for so many.
    budget : Budget or None
        What memory is taken from.
    most_bytes : int
        An image that needs more is refused.
    """

    def find(image: DividedImage) -> Outcome | str:
        parts, clock = timed(image.parts)
        return found_in(
            divided, replace(image, parts=parts), clock, settings, resolved, threads=threads,
            admit=partial(_admit, budget, most_bytes),
        )  # fmt: skip

    with _ONE_AT_A_TIME:
        return _opened(divided, find)


def estimate_of_parts(
    divided: Divided, settings: Settings, *, threads: int, budget: Budget | None, most_bytes: int,
    is_counted_next: bool,
) -> "SeenInParts | Failed | str":  # fmt: skip
    """Estimate what the nuclei of an image are like part by part; the parameters are as above."""

    def estimate(image: DividedImage) -> "SeenInParts | str":
        parts, clock = timed(image.parts)
        return estimate_of(
            replace(image, parts=parts), clock, settings, threads=threads,
            admit=partial(_admit, budget, most_bytes), is_counted_next=is_counted_next,
        )  # fmt: skip

    with _ONE_AT_A_TIME:
        return _opened(divided, estimate)


def describe(divided: Divided) -> Divided | Failed:
    """Return what is known of an image, with what its header says of its parts."""

    def read_header(image: DividedImage) -> Divided:
        parts = image.parts
        said = parts.shape, parts.dtype, parts.step, parts.is_decoded
        opened = Opened(*said, image.pixel_size, image.downsample, divided.state())
        return divided._replace(opened=opened)

    return _opened(divided, read_header)


def _opened(divided: Divided, work: Callable[[DividedImage], _Result]) -> _Result | Failed:
    """Return what becomes of an image while it is open; or why it cannot be read."""
    try:
        with (
            divided.unchanged(),
            open_in_parts(divided.planned.path, divided.planned.plane) as image,
        ):
            return work(image)
    except AccessError:  # no image of the bucket can be read: that ends the run
        raise
    except Exception as error:  # noqa: BLE001 the worker boundary: a bad file is a row
        return Failed.unread(error, divided.content)


def found_in(
    divided: Divided, image: DividedImage, clock: Clock, settings: Settings,
    resolved: Resolved | None, *, threads: int, admit: Admit,
) -> Outcome | str:  # fmt: skip
    """Find the nuclei of an image that is open; raise what goes wrong when it is read.

    While that is done, `admit` holds the memory that it takes in one process.
    """
    from ..detect import find_nuclei_in_parts, parts_bytes, picture_bytes

    start, planned, parts = time.perf_counter(), divided.planned, image.parts
    size = image.pixel_size.outranked_by(planned.pixel_y_um, planned.pixel_x_um)
    try:
        settings = settings.in_pixels(size, len(parts.shape))
        needs = partial(parts_bytes, parts, settings, resolved=resolved)
        with admit(needs, threads, picture_bytes(parts, settings)) as (at_a_time, spare_bytes):
            centres = find_nuclei_in_parts(
                parts, settings, resolved, threads=at_a_time, seen=divided.seen_in(parts),
                spare_bytes=spare_bytes,
            )  # fmt: skip
    except (UnreadPartError, TooLargeError) as error:
        raise clock.error or error from None
    except WholeNeededError as why:
        return str(why)
    except (Exception, SystemExit) as error:  # noqa: BLE001 a bad image is a row
        return Failed("detect", str(error) or type(error).__name__, divided.content)
    read_ms = clock.wall_ms / at_a_time
    return Found(
        centres, parts.shape, str(parts.dtype), read_ms,
        1e3 * (time.perf_counter() - start) - read_ms, clock.cpu_ms / at_a_time,
        divided.compression, divided.content, size.with_note(note_on_infinite(centres)),
        downsample=image.downsample,
        parts_at_a_time=at_a_time,
    )  # fmt: skip


def estimate_of(
    image: DividedImage, clock: Clock, settings: Settings, *, threads: int, admit: Admit,
    is_counted_next: bool = False,
) -> "SeenInParts | str":  # fmt: skip
    """Estimate what the nuclei of an image that is open are like; raise as `found_in`."""
    from ..detect import estimate_in_parts, parts_bytes, picture_bytes

    needs, more = partial(parts_bytes, image.parts, settings), picture_bytes(image.parts, settings)
    try:
        with admit(needs, threads, more) as (at_a_time, spare_bytes):
            return estimate_in_parts(
                image.parts, settings, threads=at_a_time, is_counted_next=is_counted_next,
                spare_bytes=spare_bytes,
            )  # fmt: skip
    except WholeNeededError as why:
        return str(why)
    except UnreadPartError as error:
        raise clock.error or error from None


@contextlib.contextmanager
def _admit(
    budget: Budget | None, most_bytes: int, needs: Callable[[int], int], threads: int,
    may_need_bytes: int,
) -> Iterator[Admitted]:  # fmt: skip
    """Take memory for as many parts at a time as there is room for, or refuse a single one."""
    at_a_time = next((n for n in range(threads, 1, -1) if needs(n) <= most_bytes), 1)
    size_bytes = needs(at_a_time)
    spare_bytes = min(may_need_bytes, max(0, most_bytes - size_bytes))
    with taken(budget, most_bytes, size_bytes + spare_bytes):
        yield Admitted(at_a_time, spare_bytes)


@contextlib.contextmanager
def taken(budget: Budget | None, most_bytes: int, size_bytes: int) -> Iterator[None]:
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
