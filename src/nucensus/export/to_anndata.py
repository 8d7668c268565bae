"""One AnnData file: an observation per nucleus.

Written piece by piece through h5py, as anndata's documentation specifies the
format on disk: an AnnData object of ten million nuclei would not fit into memory.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ..store import NUCLEUS_COLUMNS, Run
from ..text.files import atomic_write, refuse_if_full
from ..text.names import escape
from ..values import MEASURED
from .batches import batches
from .categories import Categories
from .optional import require
from .place import one_file
from .provenance import Provenance
from .rows import micrometre_columns

_OBS = {
    "image": "name",
    **{name: name for name in ("plate", "well", "site", "channel", "z", "time")},
}
"""The columns of obs, and what the run calls them."""

_CHUNK = 1 << 16
_LEAST_BYTES, _NUCLEUS_BYTES = 1_000_000, 200
"""More than it takes: HDF5 ends the process where the disk is full."""


def write(run: Run, target: Path, document: Provenance) -> list[Path]:
    """Write the intensity as X; (x, y) and what was measured in obsm; the provenance in uns."""
    h5py = require("h5py", extra="anndata")
    path = one_file(target, "nuclei.h5ad")
    with atomic_write(path) as partial:
        refuse_if_full(partial, _LEAST_BYTES + _NUCLEUS_BYTES * run.counts["nuclei"])
        _write_file(h5py, partial, run, document)
    return [path]


def _write_file(h5py: Any, path: Path, run: Run, document: Provenance) -> None:
    with h5py.File(path, "w") as file:
        _encode(file, "anndata", "0.1.0")
        for name in ("layers", "obsm", "obsp", "uns", "varm", "varp"):
            _encode(file.create_group(name), "dict", "0.1.0")
        file["uns"]["provenance"] = json.dumps(document)
        _encode(file["uns"]["provenance"], "string", "0.2.0")
        _write_texts(_frame(file, "var", []), "_index", 1, [(0, ["intensity"])])
        _write_nuclei(file, run)


def _write_nuclei(file: Any, run: Run) -> None:
    count = run.counts["nuclei"]
    numbers = {*(MEASURED.names or ()), *run.others.columns} - {"touches_edge"}
    labels = {name: column for name, column in _OBS.items() if run.states(column)}
    scaled, has_volumes = micrometre_columns(run), run.has_volumes
    if has_volumes:
        labels.pop("z", None)  # each nucleus has its own
    own: dict[str, str] = {}  # what nuclei have beside a place and an intensity
    for each in run.nucleus_columns:
        if each.of is not None and each.is_optional:
            own[each.name] = each.dtype
            own |= {um.name: um.dtype for um in NUCLEUS_COLUMNS
                    if um.name in scaled and um.follows == each.name}  # fmt: skip
    obs = _frame(file, "obs", [*labels, *own])
    columns = {name: _array(obs, name, (count,), dtype) for name, dtype in own.items()}
    names = _texts(obs, "_index", count)
    codes = {name: _array(_categorical(obs, name), "codes", (count,), "i4") for name in labels}
    categories = {name: Categories() for name in labels}
    has_scale = {"y_um", "x_um"} <= set(scaled)
    intensity = _array(file, "X", (count, 1), "f8")
    spatial = _array(file["obsm"], "spatial", (count, 2), "f8")
    spatial_um = _array(file["obsm"], "spatial_um", (count, 2), "f8") if has_scale else None
    start = 0
    for batch in batches(run, tuple(labels.values()), _CHUNK):
        here = slice(start, start + len(batch.nuclei))
        names[here] = np.array(list(map(str, range(here.start, here.stop))), object)
        for name, column in labels.items():
            texts = [row[column] for row in batch.rows]
            codes[name][here] = categories[name].codes(_escaped(texts))[batch.image]
        intensity[here, 0] = batch.nuclei["intensity"]
        for name, values in columns.items():
            values[here] = batch.micrometres(name) if name in scaled else batch.nuclei[name]
        where = batch.where
        spatial[here] = np.column_stack((where["x"], where["y"]))
        if spatial_um is not None:
            spatial_um[here] = np.column_stack([batch.micrometres(f"{axis}_um") for axis in "xy"])
        start = here.stop
    for name in labels:
        _write_texts(obs[name], "categories", len(categories[name]), categories[name].parts(_CHUNK))
    _link_features(file, [name for name in own if name in numbers])


def _link_features(file: Any, names: list[str]) -> None:
    """Give what was measured as features, too: the columns of obs, not copies of them."""
    if names:
        features = _frame(file["obsm"], "features", names)
        for name in ("_index", *names):
            features[name] = file["obs"][name]


def _encode(item: Any, kind: str, version: str) -> Any:
    item.attrs["encoding-type"], item.attrs["encoding-version"] = kind, version
    return item


def _frame(parent: Any, name: str, columns: list[str]) -> Any:
    group = _encode(parent.create_group(name), "dataframe", "0.2.0")
    group.attrs["_index"] = "_index"
    group.attrs["column-order"] = np.array(columns, _text_type())
    return group


def _categorical(parent: Any, name: str) -> Any:
    group = _encode(parent.create_group(name), "categorical", "0.2.0")
    group.attrs["ordered"] = False
    return group


def _array(parent: Any, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
    chunks = (min(_CHUNK, shape[0]), *shape[1:]) if shape[0] else None
    return _encode(parent.create_dataset(name, shape, dtype, chunks=chunks), "array", "0.2.0")


def _texts(parent: Any, name: str, count: int) -> Any:
    return _encode(_array(parent, name, (count,), _text_type()), "string-array", "0.2.0")


def _write_texts(
    parent: Any, name: str, count: int, parts: Iterable[tuple[int, list[str]]]
) -> None:
    """Write so many texts, some from each place on."""
    texts = _texts(parent, name, count)
    for start, some in parts:
        texts[start : start + len(some)] = np.array(some, object)


def _escaped(values: Iterable[Any]) -> list[str | None]:
    return [None if value is None else escape(str(value)) for value in values]


def _text_type() -> Any:
    import h5py

    return h5py.string_dtype()
