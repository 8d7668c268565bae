"""Open the compiled library, and know its functions and structures from its own header."""

import ctypes
import functools
import importlib.util
import math
import os
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError

Record: TypeAlias = NDArray[np.void]
"""A structure that the kernel reads or writes: an array of shape () or (N,)."""

_TYPES = {"int32_t": "i4", "int64_t": "i8", "float": "f4", "double": "f8"}
_CODES = {"i4": "i", "i8": "q", "u8": "Q", "f4": "f", "f8": "d"}
"""The same types as the module `struct` has them; u8 is an address."""
_STRUCTURE = re.compile(r"^struct (\w+) \{(.*?)^\};", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"(?:const )?(\w+)\s*(\**)\s*(\w+)(?:\[([0-9]+)\])?;")
_NUMBER = re.compile(r"\b(\w+) = ([0-9]+)[,;]")
_FUNCTION = re.compile(r"^NUCENSUS_API (.*?)(nucensus_\w+)\((.*?)\);", re.MULTILINE | re.DOTALL)


def call(function: str, purpose: str, *arguments: Any) -> None:
    """Call a function that returns a status; arrays, and bytes that are read, go by address.

    Raises
    ------
    MemoryError
        There is not enough memory to do what `purpose` says.
    RuntimeError
        Any other status but success.
    """
    passed = [address(each) if isinstance(each, np.ndarray) else each for each in arguments]
    status = _function(function)(*passed)
    if status == 0:
        return
    if status == constant("status_no_memory"):
        raise MemoryError(f"there is not enough memory to {purpose}")
    raise RuntimeError(
        f"the kernel could not {purpose} (status {status} of {function}); install nucensus again"
    )


def address(array: NDArray[Any]) -> int:
    """Return where an array begins; NumPy's own way takes up to five times as long."""
    try:  # a structure as bytes: to say what it is made of takes ten times as long again
        plain = array if array.dtype.names is None else np.frombuffer(array, np.uint8)
        return ctypes.addressof(ctypes.c_char.from_buffer(plain.data))
    except (TypeError, ValueError):  # it is not contiguous, only to be read, or empty
        return array.ctypes.data


def packed(structure: str, **values: Any) -> bytes:
    """Return a structure that the kernel only reads, with a value for each of its fields."""
    return packed_from(structure, values)


def packed_from(structure: str, values: Mapping[str, Any]) -> bytes:
    """Return the same of values that are known by the names of the fields."""
    names, array_places, layout = _layout(structure)  # NumPy takes three times as long
    given = list(map(values.__getitem__, names))
    for place in array_places:  # the last first: those before it stay where they are
        given[place : place + 1] = given[place]
    return layout.pack(*given)


def record(structure: str, **values: Any) -> Record:
    """Return a structure that the kernel may write, too."""
    return np.ndarray((), structure_dtype(structure), bytearray(packed(structure, **values)))


def records(structure: str, count: int) -> Record:
    """Return room for so many structures; NumPy's own way takes five times as long."""
    dtype = structure_dtype(structure)
    return np.ndarray(count, dtype, np.empty(count * dtype.itemsize, np.uint8))


@functools.cache
def structure_dtype(name: str) -> np.dtype[Any]:
    """Return the layout of a structure of the header; addresses are whole numbers."""
    dtype = np.dtype(_structures()[name], align=True)
    built: int = _library().nucensus_size_of(name.encode())
    if dtype.itemsize != built:
        raise ImportError(
            f"{name} has {built} bytes in the compiled kernel and {dtype.itemsize} here; "
            f"expected the same; install nucensus again"
        )
    return dtype


@functools.cache
def _layout(name: str) -> tuple[list[str], list[int], struct.Struct]:
    """Return the fields of a structure, where arrays are (last first), and how all are packed."""
    fields, dtype = _structures()[name], structure_dtype(name)
    codes = [f"{math.prod(*count)}{_CODES[kind]}" if count else _CODES[kind]
             for _, kind, *count in fields]  # fmt: skip
    layout = struct.Struct("".join([*codes, "0q" if dtype.alignment == 8 else "0i"]))
    arrays = [place for place, (_, _, *count) in enumerate(fields) if count][::-1]
    return [field for field, *_ in fields], arrays, layout


def constant(name: str) -> int:
    """Return a number that the header names."""
    return _numbers()[name]


def levels() -> tuple[str, ...]:
    """Return the instruction sets that the kernel runs on this machine, the plainest first."""
    library = _library()
    numbers = range(len(_built()))
    return tuple(_built()[each] for each in numbers if library.nucensus_isa_supported(each))


def chosen_level() -> str:
    """Return the instruction set in use: the best one, or that of NUCENSUS_SIMD.

    Raises
    ------
    SettingsError
        NUCENSUS_SIMD names one that does not exist or that this machine lacks.
    """
    return _built()[isa_number(None)]


@functools.cache
def isa_number(name: str | None) -> int:
    """Return the number of an instruction set in the library; of None the chosen one."""
    usable = levels()
    name = name or os.environ.get("NUCENSUS_SIMD") or usable[-1]
    if name not in usable:
        raise SettingsError(
            f"the instruction set level is {name!r}; this machine runs {', '.join(usable)}; "
            "name one of these in NUCENSUS_SIMD, or unset it"
        )
    return _built().index(name)


@functools.cache
def _function(name: str) -> Callable[..., int]:
    return getattr(_library(), name)  # type: ignore[no-any-return]  # ctypes finds it by its name


@functools.cache
def _built() -> Sequence[str]:
    names: list[str] = []
    while (name := _library().nucensus_isa_name(len(names))) is not None:
        names.append(name.decode())
    return names


def _declarations(library: ctypes.CDLL) -> str:
    """Return the header that the library was built with, without its comments."""
    text: bytes = library.nucensus_header()
    return re.sub("//.*", "", text.decode())


@functools.cache
def _numbers() -> dict[str, int]:
    return {name: int(number) for name, number in _NUMBER.findall(_declarations(_library()))}


@functools.cache
def _structures() -> dict[str, list[tuple[Any, ...]]]:
    return {
        name: [
            (field, "u8" if pointer else _TYPES[kind], *([(int(count),)] if count else []))
            for kind, pointer, field, count in _FIELD.findall(body)
        ]
        for name, body in _STRUCTURE.findall(_declarations(_library()))
    }


@functools.cache
def _library() -> ctypes.CDLL:
    spec = importlib.util.find_spec("nucensus._kernel")
    if spec is None or spec.origin is None:
        raise ImportError(
            "the compiled kernel nucensus._kernel is not beside the package; expected it to be "
            "installed with it; install nucensus again from a wheel or with a C++ compiler"
        )
    library = ctypes.CDLL(spec.origin)
    library.nucensus_header.restype = ctypes.c_char_p
    for result, name, arguments in _FUNCTION.findall(_declarations(library)):
        function = getattr(library, name)
        function.restype = _c_type(result)
        function.argtypes = [_c_type(each) for each in arguments.split(",") if each.strip()]
    return library


def _c_type(declared: str) -> Any:
    if "char*" in declared:
        return ctypes.c_char_p if "const" in declared else ctypes.c_void_p
    if "*" in declared:
        return ctypes.c_void_p
    if "double" in declared:
        return ctypes.c_double
    return ctypes.c_int32 if "int32_t" in declared else ctypes.c_int64
