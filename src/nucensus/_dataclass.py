"""Dataclasses that are cheap to define: their methods are made when they are first needed.

`dataclasses.dataclass` writes and compiles six methods for each frozen class, which takes a
millisecond: of the start of a command a quarter, for classes of which many are never made.
"""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, fields
from operator import attrgetter
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, TypeVar

_T = TypeVar("_T")

_FILLED = 16
"""Instances of a class that are made before it is worth compiling `__init__`: of most classes a
command makes fewer, and to compile takes as long as to fill some 50. Larger: later to be fast."""


def _dataclass(
    *, frozen: bool = False, slots: bool = False, eq: bool = True
) -> Callable[[type[_T]], type[_T]]:
    """Return the decorator of a class with these options, as of `dataclasses.dataclass`."""

    def decorate(given: type[_T]) -> type[_T]:
        known = [getattr(each, "__dataclass_params__", None) for each in given.__mro__]
        if any(each is not None and each.frozen for each in known):  # a base of another package
            return dataclasses.dataclass(given, frozen=frozen, slots=slots, eq=eq)
        made = dataclasses.dataclass(given, init=False, repr=False, eq=False, slots=slots)
        methods: dict[str, Any] = {
            "__init__": _Init(made, "__init__", _make_init), "__repr__": _repr,
        }  # fmt: skip
        if eq:
            methods["__eq__"] = _Later(made, "__eq__", _make_eq)
            methods["__hash__"] = _Later(made, "__hash__", _make_hash) if frozen else None
        if frozen:
            methods |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
        if frozen and slots:
            methods |= {"__getstate__": _state, "__setstate__": _set_state}
        for name, method in methods.items():
            if name not in vars(given):
                setattr(made, name, method)
        return made

    return decorate


class _Later:
    """A method that is made, and takes its own place, when it is asked for."""

    def __init__(self, of: type, name: str, make: Callable[[type], Any]) -> None:
        self._of, self._name, self._make = of, name, make

    def __get__(self, instance: Any, owner: type) -> Any:
        method = self._make(self._of)
        setattr(self._of, self._name, method)
        return method.__get__(instance, owner)


class _Init(_Later):
    """`__init__`, which is made when some instances were filled without it."""

    def __init__(self, of: type, name: str, make: Callable[[type], Any]) -> None:
        super().__init__(of, name, make)
        self._filled = 0

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None or self._filled >= _FILLED:  # threads may pass it
            return super().__get__(instance, owner)
        self._filled += 1
        return functools.partial(_fill, self._of, instance)


class _Factory:
    """Stands for a value that is made anew for each instance."""

    def __repr__(self) -> str:
        return "<factory>"


_FACTORY = _Factory()


def _fill(of: Any, instance: Any, /, *values: Any, **named: Any) -> None:
    """Do what `__init__` does, which is left to refuse what does not fit."""
    names = _names_of(of)
    given = dict(zip(names, values, strict=False))
    is_odd = len(values) > len(names) or not named.keys() <= set(names) - given.keys()
    given |= named
    if is_odd or not given.keys() >= _required_of(of):
        of.__init__(instance, *values, **named)
        return
    for each in fields(of):
        if each.name in given:
            value = given[each.name]
        elif each.default_factory is not MISSING:
            value = each.default_factory()
        elif each.default is not MISSING:
            value = each.default
        else:
            continue  # `__post_init__` sets it
        object.__setattr__(instance, each.name, value)
    if hasattr(of, "__post_init__"):
        instance.__post_init__()


def _make_init(of: type) -> Callable[..., None]:
    """Return `__init__`, which takes a value for each field."""
    names: dict[str, Any] = {"_set": object.__setattr__, "_FACTORY": _FACTORY}
    parameters, lines = ["self"], ["pass"]
    for each in fields(of):
        value = name = each.name
        if each.default_factory is not MISSING:
            names[f"_make_{name}"] = each.default_factory
            parameters += [f"{name}=_FACTORY"] * each.init
            made = f"_make_{name}()"
            value = f"{made} if {name} is _FACTORY else {name}" if each.init else made
        elif each.default is not MISSING:
            names[f"_default_{name}"] = each.default
            parameters += [f"{name}=_default_{name}"] * each.init
            value = name if each.init else f"_default_{name}"
        elif each.init:
            parameters.append(name)
        else:
            continue  # `__post_init__` sets it
        slot = getattr(of, name, None)
        if isinstance(slot, MemberDescriptorType):  # in half the time
            names[f"_set_{name}"] = slot.__set__
            lines.append(f"_set_{name}(self, {value})")
        else:
            lines.append(f"_set(self, {name!r}, {value})")
    if hasattr(of, "__post_init__"):
        lines.append("self.__post_init__()")
    exec(f"def __init__({', '.join(parameters)}):\n  " + "\n  ".join(lines), names)
    init: Callable[..., None] = names["__init__"]
    init.__qualname__, init.__module__ = f"{of.__qualname__}.__init__", of.__module__
    init.__annotations__ = {each.name: each.type for each in fields(of) if each.init}
    return init


def _make_eq(of: type) -> Callable[[Any, object], Any]:
    values = _values_of(of, lambda each: each.compare)

    def __eq__(self: Any, other: object) -> Any:  # noqa: N807
        return values(self) == values(other) if type(other) is type(self) else NotImplemented

    return __eq__


def _make_hash(of: type) -> Callable[[Any], int]:
    values = _values_of(of, lambda each: each.compare if each.hash is None else each.hash)
    return lambda self: hash(values(self))


def _values_of(of: type, is_taken: Callable[[Field[Any]], bool]) -> Callable[[Any], Any]:
    names = [each.name for each in fields(of) if is_taken(each)]
    return attrgetter(*names) if names else lambda _: ()


def _repr(self: Any) -> str:
    shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse_to_set(_: Any, name: str, value: Any) -> None:  # noqa: ARG001 Python's signature
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, each.name) for each in fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for each, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)


def replace(instance: _T, **changes: Any) -> _T:
    """Return a dataclass with other values, as `dataclasses.replace` in a third of its time."""
    kind: Any = type(instance)
    known = dict(zip(_names_of(kind), _getter_of(kind)(instance), strict=True))
    made: _T = kind(**known | changes)
    return made


@functools.cache
def _getter_of(of: Any) -> Callable[[Any], Any]:
    names = _names_of(of)  # of a single one `attrgetter` returns no tuple
    return attrgetter(*names) if len(names) > 1 else lambda one: [getattr(one, n) for n in names]


@functools.cache
def _names_of(of: Any) -> tuple[str, ...]:
    return tuple(each.name for each in fields(of) if each.init)


@functools.cache
def _required_of(of: Any) -> frozenset[str]:
    without = (e for e in fields(of) if e.default is MISSING and e.default_factory is MISSING)
    return frozenset(each.name for each in without if each.init)


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    dataclass = _dataclass
