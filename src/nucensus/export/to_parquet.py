"""Two tables as Parquet: one row per nucleus, one row per image."""

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from ..remote import without_credentials
from ..store import IMAGE_COLUMNS, Run
from ..text.files import atomic_write
from ..text.names import escape
from .batches import Batch, batches
from .optional import require
from .place import two_files
from .provenance import Provenance
from .rows import micrometre_columns

_IMAGES_AT_ONCE = 1 << 14
_KNOWN = ("nullif(size_bytes, -1)", "nullif(mtime_ns, -1)")


def write(run: Run, target: Path, document: Provenance) -> list[Path]:
    """Write the tables of nuclei and of images, with the provenance in their metadata."""
    arrow = require("pyarrow", extra="parquet")
    parquet = require("pyarrow.parquet", extra="parquet")
    metadata = {"nucensus.export.provenance": json.dumps(document)}
    nuclei_path, images_path = two_files(target, ".parquet")
    schema = _nuclei_schema(arrow, run).with_metadata(metadata)
    with (
        atomic_write(nuclei_path) as partial,
        parquet.ParquetWriter(partial, schema, use_dictionary=["image", "y", "x"]) as writer,
    ):
        _write_behind(writer, (_nuclei_batch(arrow, schema, each) for each in batches(run, ())))
    schema = _images_schema(arrow).with_metadata(metadata)
    with atomic_write(images_path) as partial, parquet.ParquetWriter(partial, schema) as writer:
        rows = run.rows("name", *IMAGE_COLUMNS, "path", *_KNOWN)
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
    fields = {
        "image": arrow.dictionary(arrow.int32(), arrow.string()),
        "y": arrow.int32(),
        "x": arrow.int32(),
        "intensity": arrow.float64(),
    }
    record = run.nucleus_record.names or ()
    fields |= {"z": arrow.int32()} if "z" in record else {}
    fields |= {"contrast": arrow.float64()} if "contrast" in record else {}
    if run.has_subpixel:
        fields |= {"y_subpixel": arrow.float64(), "x_subpixel": arrow.float64()}
    fields |= dict.fromkeys(micrometre_columns(run), arrow.float64())
    return arrow.schema(fields)


def _nuclei_batch(arrow: Any, schema: Any, batch: Batch) -> Any:
    names = [escape(row["name"]) for row in batch.rows]
    nuclei = batch.nuclei
    columns = [arrow.DictionaryArray.from_arrays(batch.image, names)]
    fields = [name for name in ("y", "x", "intensity", "z", "contrast") if name in schema.names]
    columns += [arrow.array(nuclei[field].copy()) for field in fields]
    if batch.subpixel is not None:
        columns += [arrow.array(each.copy()) for each in batch.subpixel.T]
    scaled = [name for name in schema.names if name.endswith("_um")]
    columns += [arrow.array(batch.micrometres(name)) for name in scaled]
    return arrow.record_batch(columns, schema=schema)


def _images_schema(arrow: Any) -> Any:
    whole_numbers = ("count", "height", "width", "z", "time", "area_px", "size_bytes")
    names = ("image", *IMAGE_COLUMNS, "path", "size_bytes", "changed")
    types = dict.fromkeys(whole_numbers, arrow.int64())
    types |= {name: arrow.float64() for name in names if name.endswith(("_ms", "_um"))}
    types["changed"] = arrow.timestamp("ns", "UTC")
    return arrow.schema({name: types.get(name, arrow.string()) for name in names})


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
