"""Where an output comes from: version, settings, inputs, machine, strategy, what was chosen.

The document is described by `docs/provenance.schema.json`.
"""

import functools
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from .._version import __version__
from ..remote import without_credentials
from ..store import ImageRow, Run
from ..text.files import atomic_write
from ..text.names import escape
from ..values import shard_index

Provenance: TypeAlias = dict[str, Any]
"""Plain values that JSON can hold, as `docs/provenance.schema.json` describes them."""

SCHEMA_VERSION = 1

_FACTS = (
    "settings", "estimates", "sample", "strategy", "machine", "started", "seconds", "starts",
    "shards", "positive", "flat_field",
)  # fmt: skip
"""Facts of a run that an output repeats. Nothing else leaves the run file."""

_FILE = ("name", "path", "size_bytes", "mtime_ns")


def provenance(run: Run) -> Provenance:
    """Return the provenance of `run`, no input listed.

    Credentials and queries in addresses are left out, and names that are not
    UTF-8 are escaped (`nucensus.text.names.escape`).
    """
    facts = run.facts
    known = {name: facts[name] for name in _FACTS if name in facts}
    if run.measured_within:
        known["measured_within"] = run.measured_within
    if level := run.about.selection.get("level"):
        known["level"] = level
    if channels := run.others.channels:
        known["measured"] = {"channels": list(channels), "ring_px": run.others.ring_px}
    for timed in (known, *known.get("starts", ()), *known.get("shards", ())):
        if timed.get("started") is not None:
            timed["started"] = datetime.fromtimestamp(timed["started"], UTC).isoformat()
    totals = run.input_totals()
    document = {
        "schema_version": SCHEMA_VERSION,
        "tool": "nucensus",
        "version": facts.get("version"),
        "written_by": __version__,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        **known,
        **({"corrections": run.corrections} if run.corrections else {}),
        "counts": run.counts,
        "inputs": {
            "count": totals["count"],
            "size_bytes": totals["size_bytes"],
            "first_changed": _time(totals["first_ns"]),
            "last_changed": _time(totals["last_ns"]),
            "files": [],
        },
    }
    clean: Provenance = _clean(document)
    return clean


def of_image(document: Provenance, row: ImageRow) -> Provenance:
    """Return the provenance of a run as far as it concerns one image, which is listed.

    What is known of other folders and plates, and was corrected in other images, is left to that of
    the run: in a file for each image it would grow with the square of the run.
    """
    own = {name: of(document[name], row) for name, of in _OWN.items() if document.get(name)}
    files = [_file(*(row[name] for name in _FILE))]
    return {**document, **own, "inputs": {**document["inputs"], "files": files}}


def _of_pools(known: dict[str, Any], row: ImageRow) -> dict[str, Any]:
    """Return what is known of the folders above an image, by their names."""
    pools = _pools_above(os.path.dirname(row["path"]), row["channel"] or "")
    return {name: known[name] for name in pools if name in known}


@functools.lru_cache(64)
def _pools_above(folder: str, channel: str) -> list[str]:
    folders = [folder]
    while folders[-1] != os.path.dirname(folders[-1]):
        folders.append(os.path.dirname(folders[-1]))
    named = {_plain(f"{each}{of}"): None for each in (*folders, "") for of in (f"[{channel}]", "")}
    return list(named)


def _of_plate(positive: list[dict[str, Any]], row: ImageRow) -> list[dict[str, Any]]:
    """Return which nuclei are positive, with the threshold of the plate of an image alone."""
    plate = _plain(row["plate"] or "")
    return [
        {**each, "plates": {plate: each["plates"][plate]} if plate in each["plates"] else {}}
        for each in positive
    ]


_OWN: dict[str, Callable[[Any, ImageRow], Any]] = {
    "estimates": _of_pools,
    "sample": lambda sample, row: {**sample, "short": _of_pools(sample.get("short", {}), row)},
    "positive": _of_plate,
    "flat_field": lambda lights, row: [
        each for each in lights if each["plate"] in (None, _plain(row["plate"] or ""))
    ],
    "corrections": lambda said, row: [
        each for each in said if row.get("corrected") and each["image"] == _plain(row["name"])
    ],
    "shards": lambda shards, row: [shards[shard_index(row["name"], len(shards)) - 1]],
}
"""What concerns an image of the facts that tell of folders, plates, images and shards."""


_quoted = json.encoder.encode_basestring_ascii


def write_provenance(run: Run, document: Provenance, path: Path) -> Path:
    """Write the provenance of `run` with every one of its inputs listed, one to a line."""
    head, tail = json.dumps(document, indent=1, allow_nan=False).rsplit("[]", 1)
    with atomic_write(path) as partial, open(partial, "w", encoding="ascii") as file:
        file.write(head + "[")
        separator = "\n"
        for each in run.rows(*_FILE):
            file.write(separator + _line(*each))
            separator = ",\n"
        file.write("]" + tail + "\n")
    return path


def _file(name: str, path: str, size_bytes: int, mtime_ns: int) -> dict[str, Any]:
    return {
        "image": _plain(name),
        "path": _plain(path),
        "size_bytes": size_bytes if size_bytes >= 0 else None,
        "changed": _time(mtime_ns),
    }


def _line(name: str, path: str, size_bytes: int, mtime_ns: int) -> str:
    """Return `_file` as JSON: there may be millions, and `json.dumps` sets up anew for each."""
    size, changed = size_bytes if size_bytes >= 0 else "null", _time(mtime_ns)
    return (
        f'{{"image": {_quoted(_plain(name))}, "path": {_quoted(_plain(path))}, '
        f'"size_bytes": {size}, "changed": {_quoted(changed) if changed else "null"}}}'
    )


def _time(ns: int) -> str | None:
    return f"{np.datetime64(ns, 'ns')}Z" if ns >= 0 else None


def _clean(value: Any) -> Any:
    """Return `value` with every text fit for JSON and free of credentials."""
    if isinstance(value, str):
        return _plain(value)
    if isinstance(value, dict):
        return {_clean(key): _clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value


def _plain(text: str) -> str:
    return escape(without_credentials(text))
