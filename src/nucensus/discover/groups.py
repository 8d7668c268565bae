"""Choose among the images of one plate, and among those that no instrument named."""

import os
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from ..text.patterns import late
from ..values import PROJECTIONS, ImageRef, Plane
from .choices import LEFT_OUT, choose_token, describe_blank, in_order, left_to_file
from .instruments import GUID
from .left_out import LeftOut
from .lenient_names import WellForm, placed
from .names import channel_of_well, may_be_channels
from .unknown_names import (
    Alike,
    channel_word,
    channels_of,
    numbers_of,
    position_word,
    told_twice,
    without_word,
)
from .unknown_stains import (
    BesideKnown,
    Lines,
    Phrases,
    UnlikeStains,
    line_of,
    number_of,
    word_of,
)
from .word_pairs import WordPairs

if TYPE_CHECKING:
    from .stacks import Field

_IF_WELLS = r" (if these are wells, say so with --pattern '(?P<well>[A-P]\d\d)[^/]*$')"
_IF_ELSE = " (if these words tell something else, say so with --pattern)"
_GUID = late(GUID)
"""It stands behind wells, in the names that MetaXpress gives."""
_UNSURE = ("line", "phrase")
"""Kinds of words that are channels where no known word is one."""

_Key: TypeAlias = tuple[str, str, str]
"""Channel, z and time, as names tell them; "" is not told."""
FieldKey: TypeAlias = tuple[str, ...]
"""A key that the images of one field share, whatever their channel, and no others."""


class Unnamed:
    """The images that no instrument named: words in them may be a well, channel, z or time."""

    def __init__(self, form: WellForm | None = None) -> None:
        self._form = form
        self._words = {kind: Alike() for kind in ("channel", "well", "z", "time")}
        self._words |= {"line": Lines(), "phrase": Phrases()}
        self._bare, self._beside, self._unlike = Alike(), BesideKnown(), UnlikeStains()
        self._twice = Alike()
        self.has_bare_wells = False
        """Whether names end with their well: they may be of the whole of it."""
        self._stains, self._colours = set[str](), WordPairs(("colour", "camera"))
        self._tokens: dict[str, dict[str, str]] = {}
        self._wanted: dict[str, str | None] = {}

    def add(self, reference: ImageRef) -> None:
        """Note words in the name that may say which plane of a field it is."""
        if reference.problem:
            return
        name = f"{os.path.splitext(self._masked(reference.name))[0]}."
        self.has_bare_wells |= name.endswith("#.")
        kind, word, rest = channel_word(name)
        if word:
            self._words[kind].add(word, rest, reference.name)
        if kind == "channel":
            self._beside.add_known(rest, reference.name)
            self._bare.add(word, without_word(rest), reference.name)
            self._unlike.add(word, rest, reference.name)
            if without := told_twice(name):
                self._twice.add(word, without, reference.name)
        else:  # of a word that may be a well, too
            self._beside.add_other(name, reference.name)
            self._bare.add("", name, reference.name)
            self._colours.note(name, file=reference.name)
            if (number := number_of(name))[0]:
                self._words["line"].add(*number, reference.name)
        if self._form is not None and (phrase := self._form.phrase(reference.name))[0]:
            self._words["phrase"].add(*phrase, reference.name)
        for axis in ("z", "time"):
            word, rest = position_word(name, axis, has_well=self._form is not None)
            if word:
                self._words[axis].add(word, rest, reference.name)

    def choose(self, plane: Plane) -> None:
        """Find which words are wanted, or ask, if two names differ in nothing else."""
        may_be_wells = not may_be_channels(self._words["well"].words)
        self._take_unknown_stains()
        examples: dict[str, tuple[str, ...]] = {}
        for kind, alike in list(self._words.items()):
            if not alike.pair or (kind == "well" and may_be_wells):
                del self._words[kind]
                continue
            axis = "channel" if kind in ("well", *_UNSURE) else kind
            if kind in _UNSURE and axis in self._tokens:
                del self._words[kind]
                continue
            tokens = (channels_of if axis == "channel" else numbers_of)(alike.words)
            self._tokens[axis] = self._tokens.get(axis, {}) | tokens
            examples.setdefault(axis, alike.names)
        for axis, (first, second) in examples.items():
            where = f"the folder, as {first!r} and {second!r} tell,"
            tokens = {token: word for word, token in self._tokens[axis].items()}
            also = "" if axis != "channel" else self._doubt()
            self._wanted[axis] = choose_token(
                axis, getattr(plane, axis), in_order(tokens), where, also
            )

    def _doubt(self) -> str:
        """Return what channels may be instead, or which images tell none beside one that does."""
        if "well" in self._words:
            return _IF_WELLS
        if "" in (pair := self._words["channel"].pair if "channel" in self._words else ()):
            name = self._bare.names[pair.index("")]
            return f", in a file each, and images without one ({name!r}, ...)"
        return "" if self._words.keys().isdisjoint(_UNSURE) and not self._stains else _IF_ELSE

    def _take_unknown_stains(self) -> None:
        """Let words be channels that stand where other names have one, or where one has none."""
        known = self._words["channel"]
        self._stains = self._beside.chosen(is_asked=bool(known.pair))
        if self._stains and not known.pair:
            known.pair = known.names = self._beside.names
        if not known.pair and (pair := self._colours.settle()):
            self._stains |= {word for word, _ in self._colours.words()}
            known.pair = known.names = pair
        known.words |= self._stains
        for other in (self._bare, self._unlike, self._twice):
            if not known.pair:
                known.pair, known.names = other.pair, other.names

    def keep(self, reference: ImageRef, plane: Plane, left_out: LeftOut) -> ImageRef | None:
        """Return the image with what is left to its file; None if another one was chosen."""
        told: dict[str, str] = {}
        if self._form is not None:
            reference = placed(reference, self._form, self._stains)
        for axis, wanted in self._wanted.items() if not reference.problem else ():
            word = self._word(axis, reference.name)
            if not word and wanted is not None:
                left_out.note(LEFT_OUT[axis], reference.name)
                return None
            token = self._tokens[axis].get(word, word)
            if wanted not in (None, token):
                return None
            if word:
                told[axis] = token
        if told:
            reference = replace(reference, place=replace(reference.place, **told))
        return left_to_file(reference, plane, tuple(told))

    def field_of(self, reference: ImageRef) -> "Field":
        """Return which field an image is a plane of, and which fields it belongs to."""
        from .stacks import Field

        rest = position_word(self._masked(reference.name), "z")[1]
        return Field(os.path.dirname(rest), reference.place.channel, rest)

    def key_of(self, reference: ImageRef) -> FieldKey:
        """Return the name without the word for the channel."""
        return ("", self._channel(reference.name)[1] or reference.name)

    def _masked(self, name: str) -> str:
        """Return a name in which the well is not taken for a channel."""
        return name if self._form is None else self._form.mask(name)

    def _word(self, axis: str, name: str) -> str:
        """Return the word of a name that says where on an axis it is; "" if none does."""
        if axis != "channel":
            return position_word(self._masked(name), axis, has_well=self._form is not None)[0]
        return self._channel(name)[0]

    def _channel(self, name: str) -> tuple[str, str]:
        """Return the word of a name that is its channel, and the rest; "" if none is."""
        if self._form is not None and "phrase" in self._words:
            return self._form.phrase(name)
        masked = self._masked(name)
        kind, word, rest = channel_word(masked)
        if kind in self._words:
            return word, rest
        if "line" in self._words:
            return line_of(masked)
        return word_of(masked, self._stains) if kind != "channel" else ("", "")


class OnePlate:
    """The images of one plate: their names, or its index, say what they are."""

    def __init__(self, plate: str, *, reads_words: bool) -> None:
        self._where = f"the plate {plate!r}" if plate else "the folder"
        self._wells: dict[str, str] | None = {} if reads_words else None
        self._are_channels = False
        self._well: str | None = None
        self._counts: Counter[_Key] = Counter()
        self._examples: dict[_Key, str] = {}
        self.stains: dict[str, str] = {}
        """The channels that names tell, and their stains."""
        self._wanted: dict[str, str | None] = {}
        self._telling: dict[str, set[str]] = {}

    def add(self, reference: ImageRef) -> None:
        """Note what is known of an image."""
        place = reference.place
        key = place.channel, place.z, place.time
        if key not in self._counts:
            self._examples[key] = reference.name
        self._counts[key] += 1
        if place.channel and (place.stain or place.channel not in self.stains):
            self.stains[place.channel] = place.stain
        if self._wells is not None:
            self._wells[channel_of_well(place.well)] = place.well
            is_taken = place.channel or place.site or _GUID.search(reference.name)
            if is_taken or not may_be_channels([place.well]):
                self._wells = None  # they are wells

    def choose(self, plane: Plane) -> None:
        """Find what is wanted on each axis that names tell of, or ask."""
        if self._wells is not None and len(self._wells) > 1:
            self._are_channels = True
            number = choose_token(
                "channel", plane.channel, in_order(self._wells), self._where, _IF_WELLS
            )
            self._well = None if number is None else self._wells[number]
        left = list(self._counts)
        for at, axis in enumerate(LEFT_OUT):
            tokens = {key[at]: "" for key in left if key[at]}
            if not tokens:
                continue
            if axis == "channel":
                tokens = {token: self.stains[token] for token in tokens}
            self._telling[axis] = {key[0] if at else "" for key in left if key[at]}
            blank = [key for key in left if not key[at] and key[0] in self._telling[axis]]
            asked, also = getattr(plane, axis), self._describe(axis, blank)
            if asked in PROJECTIONS and len(tokens) == 1 and not blank:
                del self._telling[axis]  # the planes are in the files
                continue
            wanted = choose_token(axis, asked, in_order(tokens), self._where, also)
            self._wanted[axis] = wanted
            passing = {"", wanted} if wanted else {key[at] for key in left}
            left = [key for key in left if key[at] in passing and key not in blank]

    def _describe(self, axis: str, blank: list[_Key]) -> str:
        """Say which images tell nothing of an axis, if there are some."""
        count = sum(self._counts[key] for key in blank)
        return describe_blank(axis, count, self._examples[blank[0]]) if blank else ""

    def keep(self, reference: ImageRef, plane: Plane, left_out: LeftOut) -> ImageRef | None:
        """Return the image with what is left to its file; None if another one was chosen."""
        place, told = reference.place, []
        if self._are_channels:
            if self._well not in (None, place.well):
                return None
            as_channel = replace(place, well="", channel=channel_of_well(place.well))
            reference = replace(reference, place=as_channel)
            told.append("channel")
        for axis, wanted in self._wanted.items():
            token = getattr(place, axis)
            if not token and place.channel in self._telling[axis]:
                left_out.note(LEFT_OUT[axis], reference.name)
                return None
            if token and wanted not in (None, token):
                return None
            if token:
                told.append(axis)
        return left_to_file(reference, plane, tuple(told))

    def field_of(self, reference: ImageRef) -> "Field":
        """Return which field an image is a plane of, and which fields it belongs to."""
        from .stacks import Field

        place = replace(reference.place, z="", stain="")
        return Field(place.plate, place.channel, str(place))

    def key_of(self, reference: ImageRef) -> FieldKey:
        """Return where on the plate it was taken; without wells the name without the channel."""
        place = reference.place
        if self._are_channels:
            return (place.plate, channel_word(reference.name)[2] or reference.name)
        return (place.plate, place.well, place.site, place.z, place.time)
