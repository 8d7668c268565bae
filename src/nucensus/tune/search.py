"""Search the numbers of the published detector that agree best with a truth."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, Unpack

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from ..batch import expand
from ..detect import Resolved, estimate, find_nuclei, pool
from ..discover import as_paths, discover, natural_key
from ..errors import InputError, NucensusError
from ..execute import strategy_named
from ..machine import usable_cores
from ..read import SUFFIXES, read
from ..score.agreement import count_hits
from ..score.field_name import field_name
from ..score.intervals import Scores, sum_up
from ..score.truth import Truth, read_truth
from ..values import (
    Border,
    ImageRef,
    Selection,
    SelectionOptions,
    Settings,
    take_only,
)
from .grid import Grid, at_edge, choose_grid

_SAMPLE = 16
"""Images that tell what nuclei look like. Larger: slower, and hardly another answer."""
_FOLDS = 5
"""Parts of the wells, each left out once. Larger: more wells to learn from, fewer to test on."""
Counts: TypeAlias = NDArray[np.int32]
"""Hits and detections for each sigma, min_distance and threshold: shape (S, D, T, 2)."""


@dataclass(frozen=True, slots=True)
class TunedParameters:
    """The best numbers, and how well they do.

    Attributes
    ----------
    settings : Settings
        The published detector with the best numbers.
    training : Scores
        On all fields, those that the numbers were chosen on: too good.
    held_out : Scores or None
        On the wells left out: each fifth of the wells with the numbers that
        are best on the others. None if there is only one well.
    automatic : Scores
        Of the detector without any parameter on the same fields.
    grouped_by : {"well", "image"}
        What was left out as a whole; images, where the names tell no wells.
    group_count, field_count : int
        How many wells and fields with a truth there were.
    grid : Grid
        The numbers that were tried.
    at_edge : dict of str to str
        Names of numbers whose best is the least or the greatest that was tried,
        and which of the two.
    left_out : dict of str to str
        Images without a truth, fields without an image, and images that could
        not be read, and why.
    """

    settings: Settings
    training: Scores
    held_out: Scores | None
    automatic: Scores
    grouped_by: str
    group_count: int
    field_count: int
    grid: Grid
    at_edge: dict[str, str]
    left_out: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Field:
    """An image and what is true of it."""

    name: str
    reference: ImageRef
    truth: Truth

    def image(self) -> NDArray[Any]:
        image = read(self.reference.path, self.reference.plane)
        if image.ndim != 2:
            raise InputError(f"the image has {image.ndim} axes; expected one plane; choose it")
        return image

    def labels_or_points(self) -> NDArray[Any]:
        return read(self.truth) if isinstance(self.truth, Path) else self.truth


@dataclass(frozen=True, slots=True)
class _Counted:
    """Hits and detections of one field, with every set of numbers and of the detector `auto`."""

    nucleus_count: int
    counts: Counts
    automatic: tuple[int, int]


def tune_parameters(
    images: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    truth: str | os.PathLike[str],
    *,
    radius_px: float = 10,
    border: Border = "keep",
    sigma: Sequence[float] | None = None,
    min_distance: Sequence[int] | None = None,
    threshold: Sequence[float] | None = None,
    selection: Selection | None = None,
    workers: int | None = None,
    on_image: Callable[[], object] = bool,
    **options: Unpack[SelectionOptions],
) -> TunedParameters:
    """Search sigma, min_distance and threshold with the best F1 on images with a truth.

    Parameters
    ----------
    images : path or iterable of path
        Files, folders and globs.
    truth : path
        A folder of label images that are named as the images are, or a CSV file
        of true centres with the columns image, y and x, in pixels.
    radius_px : float
        How far from a true centre a nucleus may be, where `truth` is a table.
    border : {"keep", "drop"}
        Whether nuclei nearer to the edge than min_distance are kept.
    sigma, min_distance, threshold : sequence of float, optional
        The numbers to try, in pixels and grey levels. Where they are left out,
        they are spread around what a typical nucleus of the images asks for.
    selection : Selection, optional
        Which of the images count, as for `census`.
    workers : int, optional
        How many threads. [default: the cores that may be used]
    on_image : callable
        Called for each image that all numbers were tried on.
    **options
        The fields of `Selection` one by one, in place of it.

    Returns
    -------
    TunedParameters

    Raises
    ------
    InputError
        No image has a truth, the images show no nuclei, or volumes are asked
        for: there is no saying yet which numbers to try in three dimensions.

    Notes
    -----
    The detector runs once for each sigma and min_distance, with the least
    threshold. Its centres come brightest first, and a centre is kept or dropped
    for brighter ones alone; so those of a higher threshold are the first of the
    list.
    """
    selection = take_only(Selection, selection, options, "tune_parameters")
    if selection.plane.z == "volume":
        raise InputError(
            "volumes are asked for, and parameters are searched in planes only; expected a plane "
            "of the stack or its maximum; choose it with --z"
        )
    found = discover(as_paths(images), SUFFIXES, selection)
    fields, left_out = _with_truth(expand(found), read_truth(truth), os.fspath(truth))
    resolved = _estimate_sample(fields)
    grid = choose_grid(resolved, sigma, min_distance, threshold)
    counter = _Counter(grid, border, resolved, None if Path(truth).is_dir() else radius_px)
    outcomes = {}
    counting = strategy_named("threads").run(counter.count, fields, workers or usable_cores())
    for place, outcome in counting:
        outcomes[place] = outcome
        on_image()
    counted: dict[int, _Counted] = {}
    for place, field in enumerate(fields):
        if isinstance(outcomes[place], _Counted):
            counted[place] = outcomes[place]
        else:
            left_out[field.name] = outcomes[place]
    if not counted:
        raise InputError(f"no image can be used: {next(reversed(left_out.values()))}")
    return _choose([fields[k] for k in counted], list(counted.values()), grid, border, left_out)


def _with_truth(
    references: Iterable[ImageRef], truth: Mapping[str, Truth], spelled: str
) -> tuple[list[_Field], dict[str, str]]:
    """Return the fields that have an image and a truth, and what has only one of them."""
    left_out: dict[str, str] = {}
    fields: dict[str, _Field] = {}
    for reference in references:
        name = field_name(reference.name)
        if reference.problem or name not in truth:
            left_out[reference.name] = reference.problem or "no truth"
        elif name in fields:
            raise InputError(
                f"two images are called {name}: {fields[name].reference.path!r} and "
                f"{reference.path!r}; expected one for each field of the truth; name one folder, "
                f"or choose a plane"
            )
        else:
            fields[name] = _Field(name, reference, truth[name])
    if not fields:
        raise InputError(
            f"{spelled!r} holds no field of the images; expected label images, or rows, named as "
            f"the images are, such as {field_name(next(iter(left_out), 'A01_s1'))!r}"
        )
    left_out |= {name: "no image" for name in truth if name not in fields}
    return list(fields.values()), left_out


def _estimate_sample(fields: Sequence[_Field]) -> Resolved:
    """Return what the nuclei look like, from a sample of the fields."""
    places = np.linspace(0, len(fields) - 1, min(len(fields), _SAMPLE)).round().astype(int)
    estimates = []
    for place in places:
        try:
            estimates.append(estimate(fields[place].image()))
        except (NucensusError, TypeError, ValueError) as error:  # left out when its turn comes
            reason = str(error)
    if not estimates:
        raise InputError(f"none of {len(places)} images can be used: {reason}")
    return pool(estimates)


@dataclass(frozen=True, slots=True)
class _Counter:
    """How the hits and detections of a field are counted; a failure is a reason."""

    grid: Grid
    border: Border
    resolved: Resolved
    radius_px: float | None

    def count(self, field: _Field) -> _Counted | str:
        try:
            return self._count(field.image(), field.labels_or_points())
        except (NucensusError, TypeError, ValueError) as error:
            return str(error)

    def _count(self, image: NDArray[Any], truth: NDArray[Any]) -> _Counted:
        if self.radius_px is None and truth.shape != image.shape:
            raise InputError(
                f"the label image has shape {truth.shape} and the image {image.shape}; expected "
                f"the same; take the label image of this image"
            )
        if self.radius_px is not None and truth.shape[1] != image.ndim:
            raise InputError(
                "the truth says the plane z of its nuclei, and the image is one plane; expected a "
                "truth of that plane, without z"
            )
        nuclei = len(truth) if self.radius_px is not None else len(np.setdiff1d(truth, 0))
        counts = np.empty((*self.grid.shape, 2), np.int32)
        for s, sigma in enumerate(self.grid.sigma):
            for d, distance in enumerate(self.grid.min_distance):
                counts[s, d] = self._count_thresholds(image, truth, sigma, distance)
        found = find_nuclei(image, Settings(), self.resolved).points
        hits = count_hits(found, truth, [len(found)], radius_px=self.radius_px)
        return _Counted(nuclei, counts, (hits[0], len(found)))

    def _count_thresholds(
        self, image: NDArray[Any], truth: NDArray[Any], sigma: float, min_distance: int
    ) -> NDArray[np.int64]:
        """Return hits and detections at each threshold, shape (T, 2)."""
        settings = Settings(
            sigma=sigma, min_distance=min_distance, threshold=self.grid.threshold[0],
            border=self.border,
        )  # fmt: skip
        found = find_nuclei(image, settings)
        first = np.searchsorted(-found.intensities, -np.array(self.grid.threshold), "left")
        hits = count_hits(found.points, truth, first.tolist(), radius_px=self.radius_px)
        return np.column_stack((hits, first))


def _choose(
    fields: Sequence[_Field],
    counted: Sequence[_Counted],
    grid: Grid,
    border: Border,
    left_out: dict[str, str],
) -> TunedParameters:
    nuclei = np.array([each.nucleus_count for each in counted])
    counts = np.stack([each.counts.reshape(-1, 2) for each in counted])
    best = _best(counts, nuclei)
    wells = {(f.reference.place.plate, f.reference.place.well) for f in fields}
    by_well = all(well for _, well in wells)
    groups = [
        (f.reference.place.plate, f.reference.place.well) if by_well else ("", f.name)
        for f in fields
    ]
    chosen = _held_out_choice(counts, nuclei, groups)
    s, d, t = np.unravel_index(best, grid.shape)
    settings = Settings(
        sigma=grid.sigma[s], min_distance=grid.min_distance[d], threshold=grid.threshold[t],
        border=border,
    )  # fmt: skip
    rows = np.arange(len(fields))
    automatic = np.array([each.automatic for each in counted])
    return TunedParameters(
        settings=settings,
        training=sum_up(np.column_stack((counts[:, best], nuclei))),
        held_out=None
        if chosen is None
        else sum_up(np.column_stack((counts[rows, chosen], nuclei))),
        automatic=sum_up(np.column_stack((automatic, nuclei))),
        grouped_by="well" if by_well else "image",
        group_count=len(set(groups)),
        field_count=len(fields),
        grid=grid,
        at_edge=at_edge(grid, (int(s), int(d), int(t))),
        left_out=left_out,
    )


def _best(counts: NDArray[np.int32], nuclei: NDArray[np.int64]) -> int:
    """Return the place of the best F1, of equals that with the least count error."""
    hits, detections = counts.sum(axis=0, dtype=np.int64).T
    f1 = 2 * hits / np.maximum(detections + nuclei.sum(), 1)
    errors = np.abs(counts[:, :, 1] - nuclei[:, None]).sum(axis=0)
    return int(np.lexsort((errors, -f1))[0])


def _held_out_choice(
    counts: NDArray[np.int32], nuclei: NDArray[np.int64], groups: Sequence[tuple[str, str]]
) -> NDArray[np.int64] | None:
    """Return for each field the best place on the folds that do not hold its group."""
    ordered = sorted(set(groups), key=lambda group: (group[0], natural_key(group[1])))
    if len(ordered) < 2:
        return None
    fold_of = {group: place % _FOLDS for place, group in enumerate(ordered)}
    folds = np.array([fold_of[group] for group in groups])
    chosen = np.empty(len(groups), np.int64)
    for fold in set(fold_of.values()):
        inside = folds == fold
        chosen[inside] = _best(counts[~inside], nuclei[~inside])
    return chosen
