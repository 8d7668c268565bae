"""Find the images that the user named: files, folders, globs -> ordered `ImageRef`s."""

import glob
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from .errors import InputError
from .model import RUN_FILE, ImageRef


def discover(inputs: Iterable[str | os.PathLike[str]], suffixes: Iterable[str]) -> list[ImageRef]:
    """Return every image that `inputs` name, each once, in the order given, folders sorted.

    Parameters
    ----------
    inputs : iterable of path
        Files, folders and globs. Of a folder and the folders below it every
        file with one of `suffixes` counts, in natural order (s2 before s10);
        hidden folders and the folders of earlier runs are left out.
    suffixes : iterable of str
        The endings of file names that can be read, in lower case, with the dot.

    Raises
    ------
    InputError
        An input does not exist, or holds no image.
    """
    endings = tuple(suffixes)
    given = [os.fspath(each) for each in inputs]
    if not given:
        raise InputError("no input was given; expected files, folders or globs of images")
    paths: dict[str, os.stat_result | None] = {}
    for each in given:
        found = dict(_expand(each, endings))
        if not found:
            raise InputError(
                f"{each!r} holds no image; expected files that end in {', '.join(endings)}"
            )
        paths.update(found)
    base = _common_folder(given)
    return [_reference(path, base, stat) for path, stat in paths.items()]


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts `text` as people do: s2 before s10."""
    parts = re.split(r"([0-9]+)", text)
    return [(0, int(p), p) if p.isdecimal() and p.isascii() else (1, 0, p) for p in parts if p]


def _expand(given: str, endings: tuple[str, ...]) -> Iterator[tuple[str, os.stat_result | None]]:
    if os.path.isdir(given):
        yield from _walk(given, endings)
    elif os.path.lexists(given):
        yield given, _stat(given)
    elif glob.has_magic(given):
        for path in sorted(glob.glob(given, recursive=True), key=natural_key):
            if os.path.isdir(path) or path.lower().endswith(endings):
                yield from _expand(path, endings)
    else:
        raise InputError(f"{given!r} does not exist; expected a file, a folder or a glob of images")


def _walk(folder: str, endings: tuple[str, ...]) -> Iterator[tuple[str, os.stat_result | None]]:
    """Yield the images of `folder`, then those of the folders below it.

    A folder that is named like an image is yielded as one: it fails when it is
    read, with a reason, instead of being passed over in silence.
    """
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: natural_key(entry.name))
    except OSError as error:
        raise InputError(f"{folder!r} cannot be listed: {error.strerror}") from error
    if any(entry.name == RUN_FILE for entry in listed):
        return
    visible = [entry for entry in listed if not entry.name.startswith(".")]
    for entry in visible:
        if entry.name.lower().endswith(endings):
            yield entry.path, _stat(entry.path)
    for entry in visible:
        if entry.is_dir(follow_symlinks=False) and not entry.name.lower().endswith(endings):
            yield from _walk(entry.path, endings)


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


def _common_folder(given: list[str]) -> str:
    """Return the folder that image names are relative to."""
    try:
        return os.path.commonpath([os.path.abspath(_folder(each)) for each in given])
    except ValueError:  # different drives
        return ""


def _folder(given: str) -> str:
    """Return the folder that `given` is, lies in, or globs below."""
    if os.path.isdir(given):
        return given
    folder = os.path.dirname(given)
    while glob.has_magic(folder) and not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder


def _reference(path: str, base: str, stat: os.stat_result | None) -> ImageRef:
    name = Path(os.path.relpath(path, base) if base else path).as_posix()
    if stat is None:
        return ImageRef(name, path)
    return ImageRef(name, path, stat.st_size, stat.st_mtime_ns)
