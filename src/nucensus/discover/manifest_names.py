"""List the images of a manifest: what its rows do not say of a place, their names may tell."""

from collections.abc import Callable, Container, Iterable, Iterator

from ..errors import InputError
from ..remote import absolute
from ..values import ImageRef, Place
from ..values.images import NOWHERE
from .kept import KeptImages
from .lenient_names import WellForm, WellForms
from .manifest import join_places, read_manifest
from .names import parse_name
from .unknown_names import Alike, channel_word, channels_of


def list_rows(
    manifest: str, place: Callable[[ImageRef], ImageRef], taken: Container[str], *,
    reads_words: bool,
) -> Iterator[ImageRef]:  # fmt: skip
    """Yield the image of each row; `place` reads the name of one as instruments give it.

    With `reads_words` names that no instrument gave are searched for wells and channels.

    Raises
    ------
    InputError
        A row names one of the files that were `taken`, of other inputs.
    """
    rows = KeptImages()
    for each in read_manifest(manifest):
        if absolute(each.path) in taken:
            raise InputError(
                f"{each.name!r} of {manifest!r} is among the other inputs, too; expected each "
                f"image once; give the manifest alone, or leave its images out of the inputs"
            )
        named = place(each.at(NOWHERE))
        rows.add(named.at(join_places(each.place, named.place)))
    return _with_words(rows) if reads_words else iter(rows)


def _with_words(rows: Iterable[ImageRef]) -> Iterator[ImageRef]:
    """Yield the images with what their names tell beside the rows, which say a part of the place.

    The rows are gone through twice. Those that say nothing are left as they are: their names are
    read with those of all images.
    """
    forms, channels = WellForms(), Alike()
    for each in rows:
        if not _is_open(each):
            continue
        if not each.place.well:
            forms.add(each.name)
        kind, word, rest = channel_word(each.name)
        if kind == "channel" and not each.place.channel:
            channels.add(word, rest, each.name)
    form = forms.choose()
    tokens = channels_of(channels.words) if channels.pair else {}
    for each in rows:
        yield each.at(_place(each, form, tokens)) if _is_open(each) else each


def _is_open(row: ImageRef) -> bool:
    """Tell whether a row says something of the place, and no instrument gave the name."""
    return row.place != NOWHERE and not parse_name(row.path)[0]


def _place(row: ImageRef, form: WellForm | None, tokens: dict[str, str]) -> Place:
    place = row.place
    if form is not None and not place.well:
        place = join_places(place, form.place(row))
    if tokens and not place.channel:
        word = channel_word(row.name)[1]
        place = join_places(place, Place(channel=tokens.get(word, "")))
    return place
