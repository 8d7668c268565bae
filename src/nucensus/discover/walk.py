"""Find the files that the user named: files, folders, globs."""

import contextlib
import functools
import glob
import itertools
import os
import re
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from dataclasses import field
from pathlib import Path

from .._dataclass import dataclass
from ..errors import InputError
from ..remote import decoded, is_remote
from ..text.patterns import late
from .instruments import GUID
from .left_out import OF_LIGHT, PASSED_OVER, LeftOut, is_of_light, why_unread

_STARS = late(r"(?:^|(?<=[/\\]))\*\*(?:[/\\]+|$)")
_NUMBERS = re.compile(r"([0-9]+)")
_THUMBNAIL = re.compile(
    rf"[_\-. ](?:thumb(?:nail)?s?|preview)(?:(?![a-z0-9])|{GUID})", re.IGNORECASE
)
"""Names of thumbnails; a GUID may follow the word at once."""

_EXPORTED = re.compile(r"\.\w+(\[.*\])?\.(labels\.tif|ome\.zarr)$")
"""How the label images are called that a run exports, after the image that they are of."""

_ENDINGS_OF_EXPORTS = (".labels.tif", ".ome.zarr")

_LINKS = "links to images that are listed where they lie, and counted once"
_LINKED_FOLDERS = "links to folders, which are not followed; name them to have them counted"

_AT_ONCE = 256
"""Images of a folder that are understood together. Larger: faster by little, more memory."""

_MOST_SORTED = 1 << 14
"""Names of a folder that are sorted in memory. Larger: more memory; smaller: slower."""

COMPANION = ".companion.ome"
"""How files end that say what the files of an OME-TIFF set beside them hold."""
_ENDINGS_OF_INDEXES = (".htd", ".nd", COMPANION, ".xml", ".mlf")


@dataclass(frozen=True, slots=True)
class Batch:
    """Images that are understood together: those below an index file, or some of a folder.

    Of objects in a bucket `known` holds size and time, as they were listed.
    """

    images: list[str]
    index_files: list[str]
    known: dict[str, tuple[int, int]] = field(default_factory=dict)


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts `text` as people do: s2 before s10."""
    parts = _NUMBERS.split(text)
    return [(0, int(p), p) if p.isdecimal() and p.isascii() else (1, 0, p) for p in parts if p]


def common_folder(given: list[str]) -> str:
    """Return the folder that image names are relative to."""
    try:
        return os.path.commonpath([os.path.abspath(_folder(each)) for each in given])
    except ValueError:  # different drives
        return ""


def name_of(path: str, base: str) -> str:
    """Return what an image is called, relative to the folder, or prefix, that all inputs share.

    Without one an object is called by its bucket and key.
    """
    if is_remote(path):
        name = decoded(path)
        return name[len(decoded(base)) :].strip("/") if base else name.partition("://")[2]
    if not base:
        return Path(path).as_posix()
    folder, file = os.path.split(path)  # on Windows either slash divides
    if not folder or file in ("", ".", ".."):
        return os.path.relpath(path, base).replace(os.sep, "/")
    return _start_of_names(folder, base, "" if os.path.isabs(folder) else os.getcwd()) + file


@functools.lru_cache(maxsize=64)
def _start_of_names(folder: str, base: str, _: str) -> str:
    """Return what the names of images in a folder begin with; it may be relative to another one."""
    name = os.path.relpath(folder or ".", base).replace(os.sep, "/")
    return "" if name == "." else f"{name}/"


def is_index(name: str) -> bool:
    """Tell whether a file is the index of a plate, by its name."""
    name = name.lower()
    return name.endswith(_ENDINGS_OF_INDEXES) and (
        not name.endswith((".xml", ".mlf"))
        or name in ("index.idx.xml", "index.xml", "measurementdata.mlf")
    )


def expand(given: str, endings: tuple[str, ...], left_out: LeftOut) -> Iterator[Batch]:
    """Yield the images that a file, a folder or a glob stands for, as they are found.

    What is passed over is counted in `left_out`.
    """
    if os.path.isdir(given) and not is_image_folder(given, endings):
        yield from _walk_named(given, endings, left_out)
    elif given.lower().endswith(COMPANION) and os.path.isfile(given):
        yield Batch([], [given])
    elif is_index(os.path.basename(given)):
        yield from _walk_named(os.path.dirname(given) or ".", endings, left_out)
    elif os.path.lexists(given):
        yield Batch([given], [])
    elif glob.has_magic(given):
        for path, _ in sort_names((path, False) for path in find_glob(given)):
            if os.path.isdir(path):
                yield from expand(path, endings, left_out)
            elif path.lower().endswith(endings) and (reason := why_left_out(path)):
                left_out.note(reason, os.path.basename(path))
            elif os.path.islink(path) and is_link_beside(path, endings):
                left_out.note(_LINKS, os.path.basename(path))
            elif path.lower().endswith(endings):
                yield from expand(path, endings, left_out)
    else:
        raise InputError(
            f"{given!r} does not exist; expected a file, a folder or a glob of images{_near(given)}"
        )


def _near(given: str) -> str:
    """Return what may be meant by a path of which a part is not there."""
    from difflib import get_close_matches

    folder, name = os.path.split(given.rstrip("/\\"))
    while folder and not os.path.lexists(folder) and folder != os.path.dirname(folder):
        folder, name = os.path.split(folder)
    with contextlib.suppress(OSError):
        there = os.listdir(folder or ".")
        cut = [each for each in there if each.startswith(f"{name} ")]  # at a space, by the shell
        if near := cut or get_close_matches(name, there, n=1):
            return f"; did you mean {os.path.join(folder, near[0])!r}?"
    return ""


def find_glob(pattern: str) -> Iterator[str]:
    """Yield what a glob stands for; `**` is any folders below, but not behind links, which loop."""
    before, *after = _STARS.split(pattern, maxsplit=1)
    if not after:
        yield from glob.iglob(pattern)
        return
    for top in glob.iglob(before) if before else (".",):
        for folder in _folders_below(top) if after[0] else ():
            yield from find_glob(os.path.join(glob.escape(folder), after[0]))
        if not after[0]:
            yield top


def _folders_below(top: str) -> Iterator[str]:
    """Yield a folder and those below it that are not hidden."""
    folders = [top]
    while folders:
        folder = folders.pop()
        yield folder
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            folders.extend(
                os.path.join(folder, each.name)
                for each in entries
                if not each.name.startswith(".") and each.is_dir(follow_symlinks=False)
            )


def is_image_folder(path: str, endings: tuple[str, ...]) -> bool:
    """Tell whether a folder has an image's name, or lies in an OME-Zarr as the fields of plates."""
    path = path.lower().replace("\\", "/").rstrip("/")
    return path.endswith(endings) or ".zarr/" in path


def _walk_named(top: str, endings: tuple[str, ...], left_out: LeftOut) -> Iterator[Batch]:
    """Walk a folder that the user named: it has to be one that can be listed."""
    try:
        os.scandir(top).close()
    except OSError as error:
        raise InputError(f"{top!r} cannot be listed: {error.strerror}") from error
    yield from _walk(top, endings, left_out)


def _walk(top: str, endings: tuple[str, ...], left_out: LeftOut) -> Iterator[Batch]:
    """Yield the images of `top`, then those of the folders below it; those of a plate together.

    A folder that is named like an image is yielded as one: it fails when it is
    read, with a reason, instead of being passed over in silence.
    """
    folders, home = [top], os.path.realpath(top)
    while folders:
        folder = folders.pop()
        if _has_index(folder):
            yield _everything_below(folder, endings, left_out)
            continue
        below, images = list[str](), list[str]()
        for path, kind in _members(folder, home, endings, left_out):
            (below if kind == "folder" else images).append(path)
            if len(images) == _AT_ONCE:
                yield Batch(images, [])
                images = []
        if images:
            yield Batch(images, [])
        folders += reversed(below)


def is_thumbnail(path: str) -> bool:
    """Tell whether a file is a thumbnail, by its name."""
    small = path.lower()
    may_be = "thumb" in small or "preview" in small  # as few names, which saves the search
    return may_be and _THUMBNAIL.search(os.path.basename(path)) is not None


def why_aside(path: str) -> str:
    """Return why an image does not count beside others, by its name; "" if it does."""
    if is_thumbnail(path):
        return "thumbnails"
    return OF_LIGHT if is_of_light(path) else ""


def why_left_out(path: str) -> str:
    """Return why a file with the ending of an image is none that counts; "" if it counts."""
    if reason := why_aside(path):
        return reason
    if not path.endswith(_ENDINGS_OF_EXPORTS):
        return ""
    name = os.path.basename(path)
    is_exported = _EXPORTED.search(name) and (name.endswith(".tif") or _holds_labels(path))
    return "label images of an export" if is_exported else ""


def _holds_labels(zarr: str) -> bool:
    from .zarr_plate import holds_labels

    return holds_labels(zarr)


def _everything_below(top: str, endings: tuple[str, ...], left_out: LeftOut) -> Batch:
    """Return the images and index files of a plate."""
    batch, folders = Batch([], []), [top]
    while folders:
        below: list[str] = []
        for path, kind in _members(folders.pop(), "", endings, left_out):
            {"folder": below, "index": batch.index_files, "image": batch.images}[kind].append(path)
        folders += reversed(below)
    return batch


def _members(
    folder: str, home: str, endings: tuple[str, ...], left_out: LeftOut
) -> Iterator[tuple[str, str]]:
    """Yield path and kind ("image", "index", "folder") of what counts in a folder, sorted.

    Left out are what is hidden, a folder that cannot be listed, and links to images in the folder
    or, where `home` is given, below that.
    """
    start = os.path.join(folder, "")
    for name, is_folder in sort_names(_entries(folder, home, endings, left_out)):
        path = start + name
        if is_index(name) and not is_folder:
            yield path, "index"
        elif name.lower().endswith(endings):
            if reason := why_left_out(path):
                left_out.note(reason, name)
            else:
                yield path, "image"
        elif is_folder and (reason := PASSED_OVER.get(name.lower(), "")):
            left_out.note(reason, name)
        elif is_folder and not name.lower().endswith(".n5"):
            yield path, "folder"
        elif reason := why_unread(name, endings):
            left_out.note(reason, name)


def _has_index(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(
                is_index(entry.name) and not entry.is_dir(follow_symlinks=False)
                for entry in entries
            )
    except OSError:
        return False


def is_link_beside(link: str, endings: tuple[str, ...], home: str = "") -> bool:
    """Tell whether a link to a file stands for an image that is listed where it lies.

    That is in the folder of the link, or below `home`, whose path has no links.
    """
    folder, target = os.path.split(os.path.realpath(link))
    beside = os.path.realpath(os.path.dirname(link))
    return (
        (folder == beside or _is_listed(folder, home))
        and target.lower().endswith(endings)
        and not (target.startswith(".") or why_left_out(target))
        and os.path.lexists(os.path.join(folder, target))
        and (folder, target) != (beside, os.path.basename(link))
    )


def _is_listed(folder: str, home: str) -> bool:
    """Tell whether a folder is `home` or lies below it, and no folder that is passed over."""
    path = Path(folder)
    return bool(home and path.is_relative_to(home)) and not any(
        each.startswith(".") or each.lower() in PASSED_OVER for each in path.relative_to(home).parts
    )


def _entries(
    folder: str, home: str, endings: tuple[str, ...], left_out: LeftOut
) -> Iterator[tuple[str, bool]]:
    """Yield (name, whether it is a folder) of what is in `folder` and counts."""
    try:
        with os.scandir(folder) as entries:
            for each in entries:
                if each.is_symlink() and is_link_beside(each.path, endings, home):
                    left_out.note(_LINKS, each.name)
                elif _is_folder_elsewhere(each, endings):
                    left_out.note(_LINKED_FOLDERS, each.name)
                elif not each.name.startswith("."):
                    yield each.name, each.is_dir(follow_symlinks=False)
    except OSError as error:
        left_out.note(f"the folder cannot be listed ({error.strerror})", folder)


def _is_folder_elsewhere(entry: os.DirEntry[str], endings: tuple[str, ...]) -> bool:
    """Tell whether a member of a folder is a link to a folder, which is no image."""
    name = entry.name.lower()
    return (
        entry.is_symlink()
        and not name.startswith(".")
        and not name.endswith(endings)
        and os.path.isdir(entry.path)
    )


def sort_names(
    named: Iterable[tuple[str, bool]], most_in_memory: int = _MOST_SORTED
) -> Iterator[tuple[str, bool]]:
    """Yield (name, whether it is a folder) in natural order, each once; many are sorted on disk."""
    named = iter(named)
    first = list(itertools.islice(named, most_in_memory))
    if len(first) == most_in_memory:
        yield from _sorted_on_disk(itertools.chain(first, named))
        return
    are_folders = dict[str, bool]()
    for name, is_folder in first:
        are_folders[name] = is_folder or are_folders.get(name, False)
    for name in sorted(are_folders, key=_sortable_text):
        yield name, are_folders[name]


def _sorted_on_disk(named: Iterable[tuple[str, bool]]) -> Iterator[tuple[str, bool]]:
    """Do the same with SQLite, which keeps many names on disk."""
    with contextlib.closing(sqlite3.connect("")) as names:
        names.execute("CREATE TABLE names (key, name, is_folder)")
        rows = ((sortable(name), os.fsencode(name), is_folder) for name, is_folder in named)
        names.executemany("INSERT INTO names VALUES (?, ?, ?)", rows)
        query = "SELECT name, max(is_folder) FROM names GROUP BY key, name ORDER BY key, name"
        for name, is_folder in names.execute(query):
            yield os.fsdecode(name), bool(is_folder)


def sortable(name: str) -> bytes:
    """Return `natural_key` as bytes that sort alike."""
    return _sortable_text(name).encode("utf-8", "surrogatepass")


def _sortable_text(name: str) -> str:
    """Return `natural_key` as a text that sorts alike: a number is its length and its digits."""
    parts = _NUMBERS.split(name)
    parts[::2] = [f"\1{part}\0" if part else "" for part in parts[::2]]
    parts[1::2] = map(_sortable_number, parts[1::2])
    return "".join(parts)


@functools.lru_cache(1 << 12)
def _sortable_number(part: str) -> str:
    """Of one number the spelling with more zeros before it comes first, as its text does."""
    digits = part.lstrip("0") or "0"
    return f"\0{chr(len(digits))}{digits}{chr(sys.maxunicode - (len(part) - len(digits)))}"


def _folder(given: str) -> str:
    """Return the folder that `given` is, lies in, or globs below."""
    if os.path.isdir(given) and not is_image_folder(given, (".zarr",)):
        return given
    folder = os.path.dirname(given.rstrip("/\\"))
    while glob.has_magic(folder) and not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder
