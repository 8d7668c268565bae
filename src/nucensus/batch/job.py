"""Read one image and count it, in any worker; whatever goes wrong is its outcome."""

import contextlib
import functools
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import numpy as np

from .._dataclass import dataclass, replace
from ..detect import Estimate, detector_named, estimate_as, find_nuclei
from ..errors import AccessError, ReadError
from ..read import Image, read_image
from ..remote import is_remote, keep_query
from ..store.lock import RunLock
from ..values import (
    Centres,
    Failed,
    Found,
    Header,
    OtherChannels,
    Outcome,
    PlannedImage,
    Settings,
)
from ..values.flat_field import NO_LIGHTS, FlatField, FlatFields
from .admission import Admission, DividedError
from .budget import Budget
from .content import content_hash
from .divided import Divided
from .kept import Kept
from .odd_pixels import note_on_pixels
from .pools import Pools, pool_of

if TYPE_CHECKING:
    from ..detect.light import Lit
    from ..values.images import Partner
    from .other_channels import OtherChannel

_OUTLINE_BYTES = 12
"""Bytes for each pixel while nuclei are outlined: its height, its label, and the label image."""
_LIT_BYTES = 12
"""Bytes for each pixel where light is corrected: in even light, and converted for the detector."""
_WHY_WHOLE = (
    "; such an image is read part by part with --detector auto without outlines and subpixel, and "
    "with --detector maxima and numbers for --sigma, --min-distance and --threshold, if no other "
    "channel is measured and no light corrected"
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """An image that was read, and what that took."""

    key: int
    path: str
    channel: str
    image: Image
    read_ms: float
    read_cpu_ms: float
    compression: str
    content: str | None
    taken_bytes: int
    others: list["OtherChannel"] = field(default_factory=list)
    plate: str = ""

    def light_in(self, lights: FlatFields) -> FlatField | None:
        """Return the uneven light that it was taken in, if that is corrected."""
        return lights.of("", self.plate, self.image.pixels.shape)

    @property
    def nbytes(self) -> int:
        """The size of the image in memory, and of its other channels."""
        return self.image.pixels.nbytes + sum(each.nbytes for each in self.others)


class Estimated(NamedTuple):
    """The estimate of an image, and the hash of its file, where it was asked for."""

    estimate: Estimate
    content: str | None


_Seen = TypeVar("_Seen")


@dataclass(frozen=True, slots=True)
class Job:
    """How an image is loaded and its nuclei are found; it can be sent to other processes.

    Attributes
    ----------
    settings : Settings
    max_pixels, most_bytes : int
        A larger image is refused before memory is taken.
    lock : RunLock or None
        Where images in flight are marked.
    check_content : bool
        Whether the file is hashed.
    budget : Budget or None
        What decoded images take their memory from.
    stop : threading.Event or None
        Once it is set, no image is begun.
    pools : mapping of str to Resolved
        What is known of the sets that the images belong to.
    kept : Kept or None
        Images of the sample that came from a server, and what was seen of a large image that is the
        only one, until they are counted.
    others : OtherChannels
        Which other channels are measured, and how.
    lights : FlatFields
        The uneven light that is corrected.
    threads : int
        How many parts of an image are worked on at a time, where it is read part by part.
    spreads : bool
        Whether such an image is only opened, for its parts to be spread over workers.
    is_of_one : bool
        Whether there is one image only: what is seen of it is kept until it is counted.
    """

    settings: Settings
    max_pixels: int
    most_bytes: int
    lock: RunLock | None = None
    check_content: bool = False
    budget: Budget | None = None
    stop: threading.Event | None = None
    pools: Pools = field(default_factory=dict)
    kept: Kept[Loaded | Divided] | None = None
    others: OtherChannels = field(default_factory=OtherChannels)
    lights: FlatFields = NO_LIGHTS
    threads: int = 1
    spreads: bool = False
    is_of_one: bool = False

    def in_process(
        self, budget: Budget, stop: threading.Event, kept: Kept[Loaded | Divided], threads: int
    ) -> "Job":
        """Return the job for threads of this process."""
        return replace(self, budget=budget, stop=stop, kept=kept, threads=threads)

    def elsewhere(self, ceiling_bytes: int | None) -> "Job":
        """Return the job for processes of other machines, whose threads share so much memory."""
        budget = Budget(ceiling_bytes)
        return replace(self, most_bytes=sys.maxsize, lock=None, budget=budget, spreads=True)

    def in_one_of(self, workers: int) -> "Job":
        """Return the job for one of so many processes, each with its part of the memory."""
        return replace(self, most_bytes=self.most_bytes // workers)

    @property
    def ceiling_bytes(self) -> int:
        """The most memory that an image may take."""
        return (
            self.most_bytes
            if self.budget is None
            else min(self.most_bytes, self.budget.ceiling_bytes)
        )

    def _why_whole(self) -> str:
        """Say why no image can be read part by part; nothing if they can."""
        from ..detect import takes_parts

        if takes_parts(self.settings) and not (self.others.channels or self.lights):
            return ""
        return _WHY_WHOLE

    def _beside_bytes(self, planned: PlannedImage, header: Header) -> int:
        """Return the memory that an image takes beside itself to be counted."""
        settings, detector = self.settings, detector_named(self.settings.detector)
        asked = settings.outlines or settings.subpixel
        each: float = _OUTLINE_BYTES * (asked and detector.has_outlines)
        each += _LIT_BYTES * bool(self.lights)
        resolved = pool_of(self.pools, planned.path, planned.channel)
        each += detector.bytes_a_pixel(settings, resolved, np.dtype(header.dtype or np.uint16))
        return round(each * header.pixels)

    def load(self, planned: PlannedImage, why_whole: str = "") -> Loaded | Divided | Failed | None:
        """Read the image, unless it is read part by part; None if the run is to stop."""
        with self._marked(planned.key):
            return self._load(planned, why_whole)

    def _load(self, planned: PlannedImage, why_whole: str) -> Loaded | Divided | Failed | None:
        if self.stop is not None and self.stop.is_set():
            return None
        if self.kept is not None and (kept := self.kept.take(planned.key)) is not None:
            return kept
        key, path, plane, channel, y_um, x_um, query, partners, plate, _ = planned
        keep_query(path, query)  # in whatever process this is
        why = f"; it cannot be read part by part, because {why_whole}"
        admission = Admission(
            self.max_pixels, self.ceiling_bytes, self.budget,
            bytes_of=functools.partial(self._beside_bytes, planned),
            why_whole=(lambda: why) if why_whole else self._why_whole, beside=len(partners),
        )  # fmt: skip
        content = content_hash(path, plane, partners) if self.check_content else None
        start, cpu = time.perf_counter(), time.thread_time()
        try:
            image = read_image(path, plane, admission)
            size = image.pixel_size.outranked_by(y_um, x_um)
            others = _load_partners(partners, admission) if partners else []
        except DividedError:
            return Divided(planned, admission.compression, content)
        except AccessError:  # no image of the bucket can be read: that ends the run
            admission.give_back()
            raise
        except Exception as error:  # noqa: BLE001 the worker boundary: a bad file is a row
            admission.give_back()
            return Failed.unread(error, content)
        if size is not image.pixel_size:
            image = replace(image, pixel_size=size)
        return Loaded(
            key, path, channel, image,
            1e3 * (time.perf_counter() - start), 1e3 * (time.thread_time() - cpu),
            admission.compression, content, admission.taken_bytes, others, plate,
        )  # fmt: skip

    def _load_whole(self, planned: PlannedImage, why: str) -> Loaded | Failed | None:
        """Read an image that cannot be read part by part."""
        return cast("Loaded | Failed | None", self.load(planned, why))

    def _measured(self, centres: Centres, others: list["OtherChannel"]) -> tuple[Centres, str, str]:
        """Measure other channels in the nuclei, where there are any; say what could not be.

        And what is doubtful.
        """
        if not others:
            return centres, "", ""
        from .other_channels import measure_others

        return measure_others(centres, others, self.others.ring_px, self.lights)

    def _found(self, loaded: Loaded, settings: Settings) -> Centres:
        """Find the nuclei of an image, in even light where that is asked for."""
        pixels, resolved = loaded.image.pixels, pool_of(self.pools, loaded.path, loaded.channel)
        light = loaded.light_in(self.lights)
        if light is None:
            return find_nuclei(pixels, settings, resolved)
        from .flat_field import find_in_even_light

        return find_in_even_light(pixels, light, settings, resolved)

    def find(self, loaded: Loaded | Divided | Failed | None) -> Outcome | Divided | None:
        """Find the nuclei of an image that was loaded, or return it opened, where it is spread."""
        if isinstance(loaded, Divided):
            found = self._find_in_parts(loaded)
            if not isinstance(found, str):
                return found
            loaded = self._load_whole(loaded.planned, found)
        if not isinstance(loaded, Loaded):
            return loaded
        start, image = time.perf_counter(), loaded.image
        try:
            with self._marked(loaded.key):
                settings = self.settings.in_pixels(image.pixel_size, image.pixels.ndim)
                centres = self._found(loaded, settings)
                centres, unmeasured, doubt = self._measured(centres, loaded.others)
                size = image.pixel_size.with_note(image.note).with_note(doubt)
                size = size.with_note(note_on_pixels(image.pixels, centres, settings))
        except OSError:  # it cannot be marked: that is the run's fault, not the image's
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 a bad image is a row
            return Failed("detect", str(error) or type(error).__name__, loaded.content)
        finally:
            if self.budget is not None:
                self.budget.give_back(loaded.taken_bytes)
        return Found(
            centres, image.pixels.shape, _name_of(image.pixels.dtype), loaded.read_ms,
            1e3 * (time.perf_counter() - start), loaded.read_cpu_ms, loaded.compression,
            loaded.content, size, unmeasured, image.downsample,
        )  # fmt: skip

    def count(self, planned: PlannedImage) -> Outcome | Divided | None:
        """Load an image and find its nuclei, under one mark."""
        with self._marked(planned.key):
            return self.find(self.load(planned))

    def count_all(
        self, planned: Sequence[PlannedImage], small_bytes: int
    ) -> list[Outcome | Divided | None]:
        """Load images, then find their nuclei, under one mark; of large ones before the next."""

        def load(each: PlannedImage) -> Loaded | Outcome | Divided | None:
            loaded = self.load(each)
            if isinstance(loaded, Loaded) and max(loaded.taken_bytes, loaded.nbytes) <= small_bytes:
                return loaded
            return self.find(loaded)

        with self._marked(*(each.key for each in planned)):
            loaded = [load(each) for each in planned]
            return [self.find(each) if isinstance(each, Loaded) else each for each in loaded]

    def _find_in_parts(self, divided: Divided) -> Outcome | Divided | str:
        from .in_parts import describe, find_in_parts

        if self.spreads:
            return describe(divided)
        planned = divided.planned
        resolved = pool_of(self.pools, planned.path, planned.channel)
        with self._marked(planned.key):
            return find_in_parts(
                divided, self.settings, resolved, threads=self.threads, budget=self.budget,
                most_bytes=self.ceiling_bytes,
            )  # fmt: skip

    def estimate(
        self, planned: PlannedImage, why_whole: str = ""
    ) -> Estimated | Divided | Failed | None:
        """Read the image and estimate what its nuclei are like, or return it opened, as `find`."""
        return self._look(planned, self._estimated, self._estimated_in_parts, why_whole)

    def look_at_light(self, planned: PlannedImage) -> "Lit | Failed | None":
        """Read the image and find how bright each of its nuclei is."""
        from .flat_field import look_at_light

        why = "its light is learned"
        return self._look(planned, lambda it: look_at_light(it.image.pixels), lambda _: why)

    def _estimated(self, loaded: Loaded) -> Estimated:
        pixels, light = loaded.image.pixels, loaded.light_in(self.lights)
        if light is not None:
            from .flat_field import in_even_light

            pixels = in_even_light(pixels, light)
        estimate = estimate_as(pixels, self.settings)
        if self.kept is not None and is_remote(loaded.path) and not self.others.channels:
            self.kept.keep(loaded.key, replace(loaded, taken_bytes=0), loaded.nbytes)
        return Estimated(estimate, loaded.content)

    def _estimated_in_parts(self, divided: Divided) -> Estimated | Divided | Failed | str:
        from .in_parts import describe, estimate_of_parts

        if self.spreads:
            return describe(divided)
        divided = divided.dated()
        with self._marked(divided.planned.key):
            found = estimate_of_parts(
                divided, self.settings, threads=self.threads, budget=self.budget,
                most_bytes=self.ceiling_bytes,
                is_counted_next=self.is_of_one and self.kept is not None,
            )  # fmt: skip
        if isinstance(found, Failed | str):
            return found
        if self.kept is not None and found.levels is not None:
            seen = divided._replace(seen=found.levels)
            self.kept.keep(divided.planned.key, seen, found.levels.nbytes)
        return Estimated(found.estimate, divided.content)

    def _look(
        self, planned: PlannedImage, look: Callable[[Loaded], _Seen],
        look_at_parts: Callable[[Divided], _Seen | Failed | str], why_whole: str = "",
    ) -> _Seen | Failed | None:  # fmt: skip
        """Read an image of the sample, and look at it; whole, if parts tell no more than why."""
        loaded = self.load(planned, why_whole)
        if isinstance(loaded, Divided):
            seen = look_at_parts(loaded)
            if not isinstance(seen, str):
                return seen
            loaded = self._load_whole(planned, seen)
        if not isinstance(loaded, Loaded):
            return loaded
        try:
            with self._marked(loaded.key):
                return look(loaded)
        except (TypeError, ValueError, ReadError) as error:  # it will fail again at its turn
            return Failed("detect", str(error) or type(error).__name__, loaded.content)
        finally:
            if self.budget is not None:
                self.budget.give_back(loaded.taken_bytes)

    def _marked(self, *keys: int) -> contextlib.AbstractContextManager[None]:
        """Leave a note of images for the case that the process dies of one of them."""
        return contextlib.nullcontext() if self.lock is None else self.lock.marked(*keys)


def _load_partners(partners: Sequence["Partner"], admission: "Admission") -> list["OtherChannel"]:
    from .other_channels import load_partner

    return [load_partner(each, admission.of_partner) for each in partners]


@functools.cache
def _name_of(dtype: np.dtype[Any]) -> str:
    return str(dtype)
