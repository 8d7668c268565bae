"""Find the images that the user named: files, folders, plates -> ordered `ImageRef`s.

What an image is called says where on a plate it was taken; so do the index
files of instruments, which also promise images that may not be there.
"""

import functools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Unpack

from .._dataclass import dataclass
from .._lazy import names_of
from ..errors import InputError, ReadError
from ..remote import absolute, check_address, is_remote, size_and_time
from ..values import (
    ImageRef,
    Place,
    Selection,
    SelectionOptions,
    take_only,
)
from ..values.images import NOWHERE
from .folder_words import with_folders
from .given import as_paths, named_by_links, refuse_table
from .kept import KeptImages
from .left_out import LeftOut
from .lenient_names import WellForm, WellForms, placed
from .names import compile_pattern, name_and_place, place_of, readable_path, row_name
from .ome_sets import OmeSets
from .refer import refer_to
from .select import select
from .walk import (
    COMPANION,
    Batch,
    common_folder,
    expand,
    name_of,
    natural_key,
    sortable,
    why_aside,
)

if TYPE_CHECKING:
    from .index import Index
    from .metadata import read_metadata
    from .plate import PlateView, view_plates
else:
    __getattr__ = names_of(
        __name__, {"metadata": "read_metadata", "plate": "PlateView view_plates"}
    )

__all__ = [
    "KeptImages", "LeftOut", "PlateView", "Survey", "as_paths", "discover", "list_images",
    "natural_key", "place_of", "read_metadata", "refuse_table", "row_name", "select", "sortable",
    "survey", "view_plates",
]  # fmt: skip

_ALL = Selection()
_MOST_INDEX_FILES = 1000
"""Below one folder: each is compared with all images there."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything that the inputs hold, before anything is chosen.

    Attributes
    ----------
    references : KeptImages
        Every image, also those that an index promises and that are not there.
    recognised : dict of str to int
        How many images each pattern of names placed.
    promised : dict of str to int
        How many images each index file promises, by its path.
    left_out : LeftOut
        How many files were passed over, by reason, and the names of a few.
    form : WellForm or None
        Which word is the well, in the names that no instrument gave.
    """

    references: KeptImages
    recognised: dict[str, int]
    promised: dict[str, int]
    left_out: LeftOut
    form: WellForm | None

    @property
    def placed(self) -> Iterable[ImageRef]:
        """The references, with the wells that `form` tells."""
        if self.form is None:
            return self.references
        return map(functools.partial(placed, form=self.form), self.references)


def discover(
    inputs: Iterable[str | os.PathLike[str]],
    suffixes: Iterable[str],
    selection: Selection | None = None,
    **options: Unpack[SelectionOptions],
) -> list[ImageRef]:
    """Return every image that `inputs` name, each once, in the order given, folders sorted.

    Parameters
    ----------
    inputs : iterable of path
        Files, folders and globs. Of a folder and the folders below it every
        file with one of `suffixes` counts, in natural order (s2 before s10);
        hidden folders, thumbnails and label images that a run exported are left out.
        An OME-Zarr plate stands for its fields.
    suffixes : iterable of str
        The endings of file names that can be read, in lower case, with the dot.
    selection : Selection, optional
        Which of the images count; its metadata adds nothing to the list.
    **options
        The fields of `Selection` one by one, in place of it.

    Raises
    ------
    InputError
        An input does not exist, or holds no image; or a plate leaves a choice
        of channel, z plane or time point that the selection does not make.
    """
    selection = take_only(Selection, selection, options, "discover")
    found = list_images(inputs, suffixes, selection)
    listed = {(absolute(each.path), each.name): each for each in found}
    shard = selection.shard
    return [each for each in listed.values() if shard is None or shard.holds(each.name)]


def list_images(
    inputs: Iterable[str | os.PathLike[str]],
    suffixes: Iterable[str],
    selection: Selection = _ALL,
    *,
    left_out: LeftOut | None = None,
    on_image: Callable[[], object] = bool,
) -> Iterator[ImageRef]:
    """Yield the images of all shards while they are found, so that a million names need no memory.

    What there is to choose from is known at the end of the listing: until then
    it is kept on disk. An image that two inputs name comes twice. What is passed
    over is noted in `left_out`; `on_image` is called for each image that is found.
    """
    walk, kept = _Walk(inputs, suffixes, selection, left_out), KeptImages()
    yield from _choice_of(selection.others.channels)(
        kept.keep(walk, on_image),
        lambda: kept,
        selection.plane,
        pattern=selection.pattern,
        left_out=walk.left_out,
    )


def _choice_of(channels: tuple[str, ...]) -> Callable[..., Iterator[ImageRef]]:
    """Return what chooses among the images, together with these other channels of each."""
    if not channels:
        return select
    from .pair import pair

    return functools.partial(pair, channels=channels)


def survey(
    inputs: Iterable[str | os.PathLike[str]],
    suffixes: Iterable[str],
    selection: Selection = _ALL,
    on_image: Callable[[], object] = bool,
) -> Survey:
    """Return everything that `inputs` hold, not chosen from yet; tell of each image found."""
    walk, kept, forms = _Walk(inputs, suffixes, selection), KeptImages(), WellForms()
    for each in kept.keep(walk, on_image):
        if selection.pattern is None:
            forms.add_unplaced(each)
    return Survey(kept, +walk.recognised, walk.promised, walk.left_out, forms.choose())


class _Walk:
    """One way through everything that the inputs hold; it counts what it meets."""

    def __init__(
        self,
        inputs: Iterable[str | os.PathLike[str]],
        suffixes: Iterable[str],
        selection: Selection,
        left_out: LeftOut | None = None,
    ) -> None:
        self._given = _plain([os.fspath(each) for each in as_paths(inputs)])
        if not self._given and selection.manifest is None:
            raise InputError("no input was given; expected files, folders or globs of images")
        self._endings = tuple(suffixes)
        self._own = compile_pattern(selection.pattern) if selection.pattern else None
        self._manifest = selection.manifest
        remote = [each for each in self._given if is_remote(each)]
        self._base = common_folder(self._given) if self._given and not remote else ""
        if remote and len(remote) == len(self._given):
            from .bucket import common_prefix

            self._base = common_prefix(remote, self._endings)
        self.recognised: Counter[str] = Counter()
        self.left_out = LeftOut() if left_out is None else left_out
        self.promised: dict[str, int] = {}
        self._sets, self._unfitting = OmeSets(), ""
        self._taken: set[str] = set()

    def __iter__(self) -> Iterator[ImageRef]:
        found = None
        for found in self._all():
            if self._manifest is not None and self._given:
                self._taken.add(absolute(found.path))
            yield found
        if self._own is not None and self._unfitting and not self.recognised["--pattern"]:
            raise InputError(
                f"the pattern {self._own.pattern!r} fits none of the names, as "
                f"{self._unfitting!r}; expected one that finds something in them; try it with "
                f"nucensus scan"
            )
        if found is None:
            raise InputError(
                f"{', '.join(map(repr, self._given))} holds an index and no image, and the index "
                f"promises none; expected files that end in {', '.join(self._endings)}"
            )

    def _all(self) -> Iterator[ImageRef]:
        for batch in self._batches():
            lost = self._read_companions(batch)
            placed = refer_to(batch, self._base, self._sets, self.left_out, self._place_of)
            if not batch.index_files:
                yield from placed
                yield from lost
                continue
            from .apply_index import apply_index, apply_series

            references = list(placed) + lost
            indexes, problems = _read_indexes(batch.index_files, self._base)
            references = apply_series(
                [each for each in indexes if each.series], references, self._base
            )
            for index in indexes:
                self.promised[f"{index.path} ({index.kind})"] = len(index.promises)
                if index.series:
                    continue
                references, unlisted = apply_index(index, references, self._base)
                for path in unlisted:
                    self.left_out.note("not in the index", name_of(path, self._base))
            yield from references
            yield from problems
        if self._manifest is not None:
            from .manifest_names import list_rows

            manifest = os.fspath(self._manifest)
            yield from list_rows(manifest, self._place, self._taken, reads_words=self._own is None)

    def _read_companions(self, batch: Batch) -> list[ImageRef]:
        """Take the OME companions out of the index files of a batch; return what they lost."""
        companions = [each for each in batch.index_files if each.lower().endswith(COMPANION)]
        if not companions:
            return []
        from .apply_index import missing_image
        from .index import Index, Promise

        rows = []
        for path in companions:
            batch.index_files.remove(path)
            index = Index(path, "OME companion", ())
            try:
                count, lost = self._sets.add_companion(path)
            except ReadError as error:
                known = size_and_time(path)
                rows.append(ImageRef(name_of(path, self._base), path, *known, problem=str(error)))
                continue
            self.promised[f"{path} ({index.kind})"] = count
            if path in self._given:
                batch.images.extend(self._sets.first_files(path))
            rows += [missing_image(index, Promise(each, Place()), self._base) for each in lost]
        return rows

    def _batches(self) -> Iterator[Batch]:
        aside = {each: reason for each in self._given if (reason := why_aside(each))}
        if len(aside) == len(set(self._given)):
            aside.clear()  # nothing but them is asked for
        links = named_by_links(self._given)
        for each in self._given:
            if each in links:
                self.left_out.note("links to what another input names, and counted once", each)
                continue
            if each in aside and os.path.isfile(each):
                self.left_out.note(aside[each], os.path.basename(each))
                continue
            empty = True
            for batch in _expand(each, self._endings, self.left_out):
                empty &= not (batch.images or batch.index_files)
                yield batch
            if empty:
                left_out = "".join(f" ({line})" for line in self.left_out.lines())
                raise InputError(
                    f"{each!r} holds no image{left_out}; expected files that end in "
                    f"{', '.join(self._endings)}"
                )

    def _place(self, reference: ImageRef) -> ImageRef:
        """Read the name of an image whose place is not known."""
        if reference.place is not NOWHERE and reference.place != NOWHERE:
            return reference
        return reference.at(self._place_of(reference.path, reference.name))

    def _place_of(self, path: str, name: str) -> Place:
        """Return where an image was taken, by its path; note which pattern fits its name."""
        kind, place = name_and_place(readable_path(path), self._own)
        if not kind:
            self._unfitting = name
            return NOWHERE
        self.recognised[kind] += 1
        return place if self._own is not None else with_folders(place, name)


def _plain(given: list[str]) -> list[str]:
    """Return the inputs without queries; refuse two files that nothing but a query tells apart."""
    plain = [check_address(each) if is_remote(each) else each for each in given]
    queries: dict[str, str] = {}
    for address, asked in zip(plain, given, strict=True):
        if queries.setdefault(address, asked) != asked:
            raise InputError(
                f"{address!r} was given twice, with two queries; expected one: queries may be "
                f"signatures, and are not kept, so nothing would tell the two apart; leave one out"
            )
    return plain


def _expand(given: str, endings: tuple[str, ...], left_out: LeftOut) -> Iterator[Batch]:
    """Yield the images that an input stands for, on this machine or elsewhere."""
    if not is_remote(given):
        return expand(given, endings, left_out)
    from .bucket import expand_remote

    return expand_remote(given, endings, left_out)


def _read_indexes(paths: list[str], base: str) -> "tuple[list[Index], list[ImageRef]]":
    """Read index files; one that cannot be read is an image with a problem."""
    from .index import MOST_PROMISED, read_index

    indexes: list[Index] = []
    problems: list[ImageRef] = []
    most = MOST_PROMISED
    read: dict[str, set[str]] = {}
    for path in paths:
        folder, name = os.path.split(path)
        if not read.setdefault(name, set()).isdisjoint(_folders_above(folder)):
            continue  # MetaXpress puts a copy of the HTD file into every folder
        try:
            if len(indexes) + len(problems) >= _MOST_INDEX_FILES:
                raise InputError(
                    f"a plate has more than {_MOST_INDEX_FILES:,} index files; expected one, or "
                    f"one for each plate; name the folders of the plates one by one"
                )
            index = read_index(path, most)
        except InputError as error:
            known = size_and_time(path)
            problems.append(ImageRef(name_of(path, base), path, *known, problem=str(error)))
            continue
        indexes.append(index)
        most -= len(index.promises)
        read[name].add(folder)
    return indexes, problems


def _folders_above(folder: str) -> Iterator[str]:
    """Yield a folder and those above it."""
    yield folder
    while folder != (folder := os.path.dirname(folder)):
        yield folder
