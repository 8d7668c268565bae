"""Find the nuclei of many images, and keep what became of each in a run file."""

import functools
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from .._version import __version__
from ..detect import detect, detect_nuclei
from ..discover import discover, read_metadata
from ..errors import NucensusError, RunError
from ..execute import check
from ..export import write_csv
from ..machine import facts
from ..model import RUN_FILE, Failed, Found, Outcome, Plane, Settings
from ..read import SUFFIXES, Image, read_image
from ..store import Run, RunWriter
from .choose import Choice, choose
from .plan import expand
from .process import run_strategy

PathLike: TypeAlias = str | os.PathLike[str]

_COMMIT_EVERY_S = 0.5
_COMMIT_EVERY_IMAGES = 1000


@dataclass(frozen=True, slots=True)
class _Loaded:
    """An image that was read, and how long that took."""

    image: Image
    read_ms: float

    @property
    def nbytes(self) -> int:
        return self.image.pixels.nbytes


def census(
    inputs: PathLike | Iterable[PathLike],
    out: PathLike | None = None,
    settings: Settings | None = None,
    *,
    plane: Plane | None = None,
    pattern: str | None = None,
    manifest: PathLike | None = None,
    metadata: PathLike | None = None,
    strategy: str = "auto",
    workers: int | None = None,
    overwrite: bool = False,
    on_plan: Callable[[int, Choice], None] | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> Run:
    """Find the nuclei of every image that `inputs` name.

    Parameters
    ----------
    inputs : path or iterable of path
        Files, folders and globs of images.
    out : path, optional
        The folder that receives `run.sqlite`, `nuclei.csv` and `images.csv`.
        Without it the run is kept in memory.
    settings : Settings, optional
        How nuclei are detected.
    plane : Plane, optional
        Which channel, z plane, time point and scene count, of files and plates
        that hold several; "each" counts all, as images of their own.
    pattern : str, optional
        A regular expression that names of files are understood with, with
        groups named plate, well (or row and column), site, channel, z, time.
    manifest : path, optional
        A CSV or Parquet file that lists images, in a column `path`; any other
        columns are carried through to the outputs.
    metadata : path, optional
        A CSV or Parquet file with a row for each well, in a column `well`: what
        the wells were treated with. It is kept for the well table.
    strategy, workers
        As in `process_images`.
    overwrite : bool
        Whether an earlier run in `out` is replaced.
    on_plan : callable, optional
        Called once with the number of images and the `Choice` made.
    on_outcome : callable, optional
        Called with the outcome of each image as it becomes known.

    Returns
    -------
    Run
        A read-only view of the run file. A file that could not be read or
        worked on is in `run.failures`, with a reason.

    Raises
    ------
    InputError
        An input does not exist or holds no image.
    RunError
        `out` holds a run already, or cannot be written.

    Examples
    --------
    >>> run = census("plate/", out="run/", settings=Settings(threshold=300))  # doctest: +SKIP
    >>> run.nuclei.to_pandas().groupby("image").size()                        # doctest: +SKIP
    """
    started = time.time()
    settings = settings or Settings()
    given = [inputs] if isinstance(inputs, str | os.PathLike) else inputs
    found = discover(given, SUFFIXES, plane=plane, pattern=pattern, manifest=manifest)
    references = list(expand(found))
    wells = read_metadata(os.fspath(metadata)) if metadata is not None else []
    choice = choose(strategy, workers, len(references))
    check(choice.strategy, detect_nuclei)
    if out is not None:
        _make_room(Path(out), overwrite)
    writer = RunWriter(out)
    writer.record_facts(
        version=__version__,
        settings=settings.as_dict(),
        strategy={
            "name": choice.strategy.name, "workers": choice.workers, "reason": choice.reason
        },
        machine=facts(),
        wells=wells,
        started=started,
    )  # fmt: skip
    writer.plan(references)
    if on_plan is not None:
        on_plan(len(references), choice)
    _record_all(writer, choice, settings, on_outcome)
    run = writer.view()
    if out is not None:
        write_csv(run, out)
    writer.record_facts(seconds=round(time.time() - started, 3))
    return run


def _make_room(folder: Path, overwrite: bool) -> None:
    """Remove an earlier run from `folder`, or refuse to."""
    if not (folder / RUN_FILE).exists():
        return
    if not overwrite:
        raise RunError(
            f"{os.fspath(folder)!r} holds a run already; expected a new folder; "
            f"choose another with -o, or replace it with --overwrite"
        )
    for name in (RUN_FILE, f"{RUN_FILE}-wal", f"{RUN_FILE}-shm", "nuclei.csv", "images.csv"):
        (folder / name).unlink(missing_ok=True)


def _record_all(
    writer: RunWriter,
    choice: Choice,
    settings: Settings,
    on_outcome: Callable[[Outcome], None] | None,
) -> None:
    pending = list(writer.pending())
    sources = [source for _, source in pending]
    find = functools.partial(_find, settings=settings)
    committed_at, uncommitted = time.monotonic(), 0
    for index, outcome in run_strategy(choice, _load, find, sources):
        writer.record(pending[index][0], outcome)
        uncommitted += 1
        now = time.monotonic()
        if now - committed_at > _COMMIT_EVERY_S or uncommitted >= _COMMIT_EVERY_IMAGES:
            writer.commit()
            committed_at, uncommitted = now, 0
        if on_outcome is not None:
            on_outcome(outcome)
    writer.commit()


def _load(source: tuple[str, Plane]) -> _Loaded | Failed:
    """Read one image; whatever goes wrong is its outcome."""
    start = time.perf_counter()
    try:
        image = read_image(*source)
    except NucensusError as error:
        return Failed("read", str(error))
    except Exception as error:  # noqa: BLE001 the worker boundary: a bad file is a row
        return Failed("read", f"{type(error).__name__}: {error}")
    read_ms = 1e3 * (time.perf_counter() - start)
    return _Loaded(image, read_ms)


def _find(loaded: _Loaded | Failed, *, settings: Settings) -> Outcome:
    """Find the nuclei of one image; whatever goes wrong is its outcome."""
    if isinstance(loaded, Failed):
        return loaded
    image, pixels = loaded.image, loaded.image.pixels
    start = time.perf_counter()
    try:
        centres = detect(pixels, settings.in_pixels(image.spacing_um))
    except Exception as error:  # noqa: BLE001 the worker boundary: a bad image is a row
        return Failed("detect", str(error))
    detect_ms = 1e3 * (time.perf_counter() - start)
    return Found(
        centres, pixels.shape, str(pixels.dtype), loaded.read_ms, detect_ms, image.pixel_size_um
    )
