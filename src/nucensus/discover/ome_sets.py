"""Let the files of an OME-TIFF set stand for its fields: planes of one field are one image."""

import functools
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from ..errors import ReadError
from ..remote import absolute, ask_all, beside, is_remote, size_and_time
from ..remote.description import is_ome, read_description
from .names import form_of

if TYPE_CHECKING:
    from ..remote.ome import OmeImage, OmeXml

_NUMBERS = re.compile(r"\d+")
_MOST_KINDS = 64
"""Files of a folder with unlike names that are opened. Larger: slower."""

_ENDINGS = (".tif", ".tiff", ".btf", ".tf2", ".tf8")


class SetField(NamedTuple):
    """The fields that begin in one file of a set.

    Attributes
    ----------
    path : str
        The file that stands for them.
    size_bytes, mtime_ns : int
        Of all files that hold their planes, and their companion: together, and the last change.
    """

    path: str
    size_bytes: int
    mtime_ns: int


class OmeSets:
    """The sets that were met on the way through the inputs."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}
        """Why a file cannot be read whose metadata lie beside it, by its path."""
        self._fields: dict[str, list[SetField]] = {}
        self._yielded: set[str] = set()
        self._folder = ""
        self._kinds: dict[str, bool] = {}
        """Whether names of the folder hold sets, by the name without its numbers."""

    def add_companion(self, path: str) -> tuple[int, list[str]]:
        """Note what a companion file names; count its images, and list the files of those lost.

        An image is lost if none of its files is there.

        Raises
        ------
        ReadError
            The companion file is damaged.
        """
        from ..remote.ome import first_file, read_ome_file

        document = read_ome_file(path)
        if document is None:
            return 0, []
        self._note(document, path, size_and_time(path))
        lost = [image for image in document.images if not first_file(path, image)]
        names = dict.fromkeys(file for image in lost for file in image.files)
        return len(document.images), [beside(path, name) for name in names]

    def first_files(self, companion: str) -> list[str]:
        """Return the files that stand for the images of a companion file which was added."""
        from ..remote.ome import first_file, read_ome_file

        document = read_ome_file(companion)
        files = (first_file(companion, each) for each in (document.images if document else ()))
        return [beside(companion, file) for file in dict.fromkeys(files) if file]

    def fields_of(self, path: str) -> list[SetField] | None:
        """Return the fields that a file stands for, each once; None if it is of no set."""
        may_be = self._may_be_of_a_set(path)
        if not (may_be or self._fields):
            return None
        known = absolute(path)
        if may_be and known not in self._fields:
            self._read_xml_of(path)
        fields = self._fields.get(known)
        if fields is None:
            return None
        new = [each for each in fields if each.path not in self._yielded]
        self._yielded.update(each.path for each in new)
        return new

    def _may_be_of_a_set(self, path: str) -> bool:
        """Tell whether to open a file: called .ome.tif, or the first of its kind.

        In a bucket, where that fetches all of it, both.
        """
        folder, file = os.path.split(path.lower())
        is_called_so = ".ome." in file
        if not file.endswith(_ENDINGS) or (is_remote(path) and not is_called_so):
            return False
        if folder != self._folder:
            self._folder, self._kinds = folder, {}
        is_set = self._kinds.get(_kind_of(form_of(file)), len(self._kinds) < _MOST_KINDS)
        return is_set or (is_called_so and not is_remote(path))

    def _read_xml_of(self, path: str) -> None:
        document, description = None, read_description(path)
        if is_ome(description):
            from ..remote.ome import read_ome

            try:
                document = read_ome(path, description)
            except ReadError as error:
                self.problems[path] = str(error)
        is_set = document is not None and document.is_set
        self._kinds[_kind_of(form_of(os.path.basename(path.lower())))] = is_set
        if document is not None and document.is_set:
            self._note(document, path)

    def _note(self, document: "OmeXml", path: str, companion: tuple[int, int] = (0, -1)) -> None:
        """Remember which file stands for the planes of each file."""
        from ..remote.ome import first_file

        made: dict[str, SetField] = {}
        firsts = [first_file(path, image) for image in document.images]
        for image, first in zip(document.images, firsts, strict=True):
            if first:
                before = made.get(first, SetField(beside(path, first), *companion))
                made[first] = self._field(image, before)
        for image, first in zip(document.images, firsts, strict=True):
            for file in image.files if first else ():
                fields = self._fields.setdefault(absolute(beside(path, file)), [])
                if made[first] not in fields:
                    fields.append(made[first])

    @staticmethod
    def _field(image: "OmeImage", before: SetField) -> SetField:
        known = list(ask_all(size_and_time, [beside(before.path, file) for file in image.files]))
        sizes = [before.size_bytes, *(size for size, _ in known if size > 0)]
        times = [before.mtime_ns, *(time for _, time in known)]
        return SetField(before.path, sum(sizes), max(times))


@functools.lru_cache(1024)
def _kind_of(form: bytes) -> str:
    """Return the names of a form without their numbers, in which files of one set differ."""
    return _NUMBERS.sub("#", form.decode(errors="surrogatepass"))
