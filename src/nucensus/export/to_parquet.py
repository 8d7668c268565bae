"""Two tables as Parquet: one row per nucleus, one row per image."""

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..remote import without_credentials
from ..store import Run
from ..text.files import atomic_write
from ..text.names import escape
from .batches import Batch, batches
from .optional import require
from .place import two_files
from .provenance import Provenance

_IMAGES_AT_ONCE = 1 << 14
"""Rows of images in memory at a time."""
_KNOWN = ("nullif(size_bytes, -1)", "nullif(mtime_ns, -1)")


def write(run: Run, target: Path, document: Provenance) -> list[Path]:
    """Write the tables of nuclei and of images, with the provenance in their metadata."""
    arrow = require("pyarrow", extra="parquet")
    parquet = require("pyarrow.parquet", extra="parquet")
    metadata = {"nucensus.provenance": json.dumps(document)}
    nuclei_path, images_path = two_files(target, ".parquet")
    schema = _nuclei_schema(arrow, run).with_metadata(metadata)
    with (
        atomic_write(nuclei_path) as partial,
        parquet.ParquetWriter(partial, schema, use_dictionary=["image", "y", "x"]) as writer,
    ):
        _write_behind(writer, (_nuclei_batch(arrow, schema, each) for each in batches(run, ())))
    schema = _images_schema(arrow, run).with_metadata(metadata)
    with atomic_write(images_path) as partial, parquet.ParquetWriter(partial, schema) as writer:
        rows = run.rows("name", *run.columns.shown_names, "path", *_KNOWN)
        while part := list(islice(rows, _IMAGES_AT_ONCE)):
            writer.write_batch(_images_batch(arrow, schema, part))
    return [nuclei_path, images_path]


def _write_behind(writer: Any, batches: Iterable[Any]) -> None:
    """Write each batch while the next is read; no more than two are in memory."""
    with ThreadPoolExecutor(max_workers=1) as other:
        written: Future[None] | None = None
        for batch in batches:
            if written is not None:
                written.result()
            written = other.submit(writer.write_batch, batch)
        if written is not None:
            written.result()


def _nuclei_schema(arrow: Any, run: Run) -> Any:
    columns = run.nucleus_columns
    fields = {each.name: arrow.from_numpy_dtype(np.dtype(each.dtype)) for each in columns}
    return arrow.schema({"image": arrow.dictionary(arrow.int32(), arrow.string()), **fields})


def _nuclei_batch(arrow: Any, schema: Any, batch: Batch) -> Any:
    names = [escape(row["name"]) for row in batch.rows]
    nuclei = batch.nuclei
    columns = [arrow.DictionaryArray.from_arrays(batch.image, names)]
    columns += [arrow.array(nuclei[field].copy()) for field in nuclei.dtype.names or ()]
    if batch.subpixel is not None:
        columns += [arrow.array(each.copy()) for each in batch.subpixel.T]
    columns += [arrow.array(batch.micrometres(name)) for name in schema.names[len(columns) :]]
    return arrow.record_batch(columns, schema=schema)


def _images_schema(arrow: Any, run: Run) -> Any:
    fields = {"image": arrow.string()}
    for each in run.columns.shown:
        number = arrow.int64() if each.is_whole else arrow.float64()
        fields[each.name] = number if each.is_number else arrow.string()
    fields |= {"path": arrow.string(), "size_bytes": arrow.int64()}
    return arrow.schema(fields | {"changed": arrow.timestamp("ns", "UTC")})


def _images_batch(arrow: Any, schema: Any, rows: list[Sequence[Any]]) -> Any:
    columns = [
        arrow.array(
            _texts(field.name, values) if field.type == arrow.string() else values, field.type
        )
        for field, values in zip(schema, zip(*rows, strict=True), strict=True)
    ]
    return arrow.record_batch(columns, schema=schema)


def _texts(name: str, values: Sequence[str | None]) -> list[str | None]:
    every = "".join(value for value in values if value is not None)
    if every.isascii() and "\\" not in every and "://" not in every:
        return list(values)
    safe = without_credentials if name == "path" else str
    return [None if value is None else escape(safe(value)) for value in values]
