"""Our dataclasses do what those of the standard library do, and compile nothing before that."""

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, field
from typing import Any

import pytest

from nucensus import Settings
from nucensus._dataclass import dataclass as ours
from nucensus._dataclass import replace
from nucensus.errors import SettingsError


def define(dataclass):
    """Return classes of each kind that is in use, made by a decorator."""

    @dataclass(frozen=True, slots=True)
    class Frozen:
        name: str
        size: int = 3
        more: list[Any] = field(default_factory=list)
        aside: str = field(default="", compare=False, repr=False)

        def __post_init__(self):
            object.__setattr__(self, "name", self.name.upper())

    @dataclass(slots=True)
    class Changing:
        count: int = 0
        _sum: int = field(init=False)
        parts: dict[str, int] = field(default_factory=dict, init=False)

        def __post_init__(self):
            self._sum = self.count + 1

    @dataclass(frozen=True)
    class Open:
        size: int

        def __repr__(self):
            return "an open one"

    @dataclass(frozen=True, slots=True, eq=False)
    class Itself:
        size: int = 1

    @dataclass(frozen=True, slots=True)
    class Nothing:
        pass

    return Frozen, Changing, Open, Itself, Nothing


FIRST, LATER, THEIRS = define(ours), define(ours), define(dataclasses.dataclass)
VALUES = {
    "Frozen": [("a",), ("a", 4), ("b", 3, [1], "x"), ("b", 3, [1], "y")],
    "Changing": [(), (2,), (2,)],
    "Open": [(1,), (1,), (2,)],
    "Itself": [(), (), (2,)],
    "Nothing": [(), ()],
}
for kind in LATER:
    for _ in range(40):  # by then it has compiled what makes them
        kind(*VALUES[kind.__name__][0])
KINDS = [
    pytest.param(own, known, id=f"{when} {known.__name__}")
    for when, kinds in (("first", FIRST), ("later", LATER))
    for own, known in zip(kinds, THEIRS, strict=True)
]


@pytest.mark.parametrize(("own", "known"), KINDS)
def test_values_are_made_shown_and_compared_alike(own, known):
    mine, others = ([kind(*values) for values in VALUES[own.__name__]] for kind in (own, known))
    assert list(map(repr, mine)) == list(map(repr, others))
    assert [a == b for a in mine for b in mine] == [a == b for a in others for b in others]
    assert [a == 1 for a in mine] == [False] * len(mine)
    assert [dataclasses.asdict(each) for each in mine] == list(map(dataclasses.asdict, others))
    assert own.__match_args__ == known.__match_args__


@pytest.mark.parametrize(("own", "known"), KINDS)
def test_values_that_are_equal_have_one_hash_and_others_none(own, known):
    if known.__hash__ is None:
        with pytest.raises(TypeError, match="unhashable"):
            hash(own())
        return
    first, *_, last = VALUES[own.__name__]
    if own.__name__ == "Frozen":
        first = last = ("a", 1, ())
    assert (hash(own(*first)) == hash(own(*last))) == (hash(known(*first)) == hash(known(*last)))


@pytest.mark.parametrize(("own", "known"), KINDS)
def test_what_is_frozen_cannot_be_changed(own, known):
    for kind in (own, known):
        value = kind(*VALUES[own.__name__][0])
        for each in dataclasses.fields(kind):
            if own.__name__ == "Changing":
                setattr(value, each.name, 5)
                continue
            with pytest.raises(FrozenInstanceError, match=f"cannot assign to field '{each.name}'"):
                setattr(value, each.name, 5)
            with pytest.raises(FrozenInstanceError, match=f"cannot delete field '{each.name}'"):
                delattr(value, each.name)
        assert hasattr(value, "__dict__") == (own.__name__ == "Open")


@pytest.mark.parametrize("when", ["first", "later"])
@pytest.mark.parametrize(
    "arguments",
    [((), {}), (("a", 1, [], "", 5), {}), (("a",), {"sizes": 1}), (("a",), {"name": "b"})],
)
def test_values_that_do_not_fit_are_refused_in_the_same_words(arguments, when):
    said = []
    for kind in (define(ours)[0] if when == "first" else LATER[0], THEIRS[0]):
        with pytest.raises(TypeError) as refused:
            kind(*arguments[0], **arguments[1])
        said.append(str(refused.value))
    assert said[0] == said[1]


@pytest.mark.parametrize(("own", "known"), KINDS)
def test_what_a_class_takes_can_be_looked_up(own, known):
    mine, other = (str(inspect.signature(each)).removesuffix(" -> None") for each in (own, known))
    assert mine == other


def test_a_value_is_replaced_copied_and_pickled():
    value = Settings(threshold=300)
    for same in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert same == value
        assert hash(same) == hash(value)
    assert dataclasses.replace(value, sigma=2) == Settings(threshold=300, sigma=2)


@pytest.mark.parametrize("base", [THEIRS[2], LATER[2]], ids=["theirs", "ours"])
def test_a_class_may_inherit_from_a_dataclass_of_whatever_kind(base):
    @ours(frozen=True)
    class More(base):
        """One more field."""

        count: int = 2

    assert [each.name for each in dataclasses.fields(More)] == ["size", "count"]
    assert More(1) == More(1, 2) != More(1, 3)
    with pytest.raises(FrozenInstanceError):
        More(1).count = 3


def test_a_class_compiles_nothing_before_many_values_are_made():
    code = (
        "import sys\nfrom nucensus._dataclass import dataclass\n"
        "sys.addaudithook(lambda event, _: event == 'compile' and sys.stdout.write('compiled '))\n"
        "@dataclass(frozen=True, slots=True)\nclass One:\n    'One.'\n    size: int = 1\n"
        "One() == One(1)\nsys.stdout.write('few ')\nfor _ in range(40): One()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "few compiled "


def test_values_are_replaced_as_in_the_standard_library():
    settings = Settings(sigma=2, border="drop")
    for changes in ({}, {"sigma": 3}, {"border": "keep", "threshold": 5.0}):
        assert replace(settings, **changes) == dataclasses.replace(settings, **changes)
    with pytest.raises(TypeError, match="unknown"):
        replace(settings, unknown=1)
    with pytest.raises(SettingsError):
        replace(settings, border="elsewhere")
