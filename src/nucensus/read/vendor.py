"""Open a file with the package that reads the format of its maker."""

import functools
import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from ..errors import MissingPackageError, NucensusError, ReadError
from .logs import name_files_in_logs
from .scene import Index, Scene, Source


@contextmanager
def open_scenes_with(
    path: Source, kind: str, package: str, reader: str, scenes_of: Callable[[Any], list[Scene]]
) -> Iterator[list[Scene]]:
    """Open `path`, of the format `kind`, with the class `reader` of `package`."""
    try:
        module = importlib.import_module(package)
    except ImportError as error:
        raise MissingPackageError(package, f"Reading {kind} files", kind.lower()) from error
    name_files_in_logs()
    with ExitStack() as stack:
        with explained(kind):
            file = stack.enter_context(getattr(module, reader)(path))
            scenes = [guarded(scene, kind) for scene in scenes_of(file)]
        yield scenes


def guarded(scene: Scene, kind: str) -> Scene:
    """Return the scene, whose planes and levels are read with every failure explained."""
    return replace(
        scene,
        read=functools.partial(_read_explained, kind, scene.read),
        reduce=functools.partial(_reduce_explained, kind, scene.reduce),
    )


def _read_explained(kind: str, read: Callable[[Index], NDArray[Any]], index: Index) -> NDArray[Any]:
    with explained(kind):
        return read(index)


def _reduce_explained(kind: str, reduce: Callable[[], Sequence[Scene]]) -> list[Scene]:
    with explained(kind):
        return [guarded(each, kind) for each in reduce()]


@contextmanager
def explained(kind: str) -> Iterator[None]:
    """Turn whatever a package makes of bytes that nobody expected into an error of reading."""
    try:
        yield
    except NucensusError:
        raise
    except MemoryError as error:
        raise ReadError(
            f"the file does not decode as {kind}: it claims more than memory holds; check the file"
        ) from error
    except NotImplementedError as error:
        raise ReadError(f"the file holds {kind} of a kind that is not read ({error})") from error
    except Exception as error:
        if type(error).__module__.startswith("obstore"):
            raise  # a request that failed is explained where it is known what was asked
        if "odec" in type(error).__name__ or "codec not available" in str(error):
            raise ReadError(
                f"the pixels are compressed in a way that {kind} is not read in here ({error}); "
                f"install the package of that codec, or save the image with another compression"
            ) from error  # packages fail in any way on damaged bytes
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise ReadError(
            f"the file does not decode as {kind} ({reason}); it is damaged; copy it again from "
            f"its source"
        ) from error
