"""Expand an OME-Zarr plate into its fields, from its metadata alone."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .._dataclass import dataclass
from ..errors import InputError, ReadError
from ..remote import ask_all
from ..remote.json import read_json_object
from ..values import Place
from .index import MOST_PROMISED
from .names import normal_well

_MOST_WELLS = 10_000
"""The largest plates have 3456; the metadata of each well are a file of its own."""
_AGAIN = "copy the plate again from its source"

_IMAGES = {"multiscales", "bioformats2raw.layout"}
"""Keys of the metadata of an image, or of several beside each other."""
_OUTSIDE = re.compile(r"^[/\\]|^\w:|\0|(?:^|[/\\])\.\.?(?:[/\\]|$)")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a plate: its folder, and why it cannot be read if that is known."""

    path: str
    place: Place
    problem: str = ""


def zarr_fields(path: str) -> list[Field] | None:
    """Return each field of an OME-Zarr plate, of a row of one, or of a well; None for an image.

    A well whose metadata cannot be read is one field, with its problem.

    Raises
    ------
    InputError
        The metadata of `path` itself cannot be used.
    """
    try:
        metadata = _metadata(path)
        if "plate" in metadata:
            return _plate_fields(path, metadata["plate"])
        if "well" in metadata:
            name = "/".join(path.replace("\\", "/").split("/")[-2:])
            return _well_fields(path, "", name, metadata)
        if not metadata.keys() & _IMAGES and (plate := _tried(_above(path)).get("plate")):
            return _row_fields(path, plate)
    except ReadError as error:
        raise InputError(f"the OME-Zarr metadata of {path!r} cannot be used: {error}") from error
    return None


def _above(path: str) -> str:
    return os.path.dirname(path.rstrip("/\\"))


def _row_fields(path: str, plate: Any) -> list[Field]:
    """Return the fields of a row of a plate, which has no metadata of its own."""
    start = os.path.basename(path.rstrip("/\\")) + "/"
    wells = _objects(_object(plate, "plate"), "wells")
    own = [well for well in wells if str(well.get("path", "")).startswith(start)]
    if not own:
        raise ReadError(
            "the folder has none, and the plate above it no wells there; expected a plate, a row, "
            "a well or an image; name one of these"
        )
    return _plate_fields(_above(path), {**plate, "wells": own})


def unlisted(path: str, fields: Iterable[Field]) -> Iterator[str]:
    """Yield the wells and fields of a local plate or well that are there, and not in its metadata.

    Each is named by its path below the plate.
    """
    path = os.path.normpath(path)
    listed = {os.path.normpath(each.path) for each in fields}
    wells = {os.path.dirname(each) for each in listed}
    folders = [path]
    if "plate" in _tried(path):
        folders = [well for row in _folders(path) for well in _folders(row)]
    for well in folders:
        if well not in wells | listed and "well" in _tried(well):
            yield _below(path, well)
        for each in _folders(well) if well in wells else ():
            if each not in listed and "multiscales" in _tried(each):
                yield _below(path, each)


def _folders(path: str) -> list[str]:
    """Return the folders in a folder, in order; none of one that cannot be listed."""
    try:
        with os.scandir(path) as entries:
            return sorted(os.path.normpath(each.path) for each in entries if each.is_dir())
    except OSError:
        return []


def _below(path: str, folder: str) -> str:
    return os.path.relpath(folder, path).replace(os.sep, "/")


def _tried(path: str) -> Mapping[str, Any]:
    """Return the metadata of a folder; none where they cannot be read."""
    found = _try_metadata(path)
    return {} if isinstance(found, ReadError) else found


def holds_labels(path: str) -> bool:
    """Tell whether an OME-Zarr says that it is a label image."""
    try:
        return "image-label" in _metadata(path)
    except ReadError:
        return False


def _plate_fields(path: str, plate: Any) -> list[Field]:
    name = _object(plate, "plate").get("name") or os.path.basename(path.rstrip("/\\"))
    wells = _objects(plate, "wells")
    if len(wells) > _MOST_WELLS:
        raise ReadError(
            f"the plate has {len(wells):,} wells; expected at most {_MOST_WELLS:,}; {_AGAIN}"
        )
    names = [_path(well, "well") for well in wells]
    paths = [os.path.join(path, each) for each in names]
    fields: list[Field] = []
    for well, well_path, found in zip(names, paths, ask_all(_try_metadata, paths), strict=True):
        try:
            if isinstance(found, ReadError):
                raise found
            fields += _well_fields(well_path, str(name), well, found)
        except ReadError as error:
            place = Place(str(name), normal_well(well.replace("/", "")))
            fields.append(Field(well_path, place, f"the metadata of the well: {error}"))
        if len(fields) > MOST_PROMISED:
            raise ReadError(
                f"the plate has more than {MOST_PROMISED:,} fields; expected fewer; {_AGAIN}"
            )
    return fields


def _well_fields(path: str, plate: str, name: str, metadata: Mapping[str, Any]) -> list[Field]:
    """Return the fields of a well; the well itself, which cannot be read, if it is not there."""
    well = normal_well(name.replace("/", ""))
    images = _objects(_object(metadata.get("well", {}), "well"), "images")
    several = len({str(image.get("acquisition", 0)) for image in images}) > 1
    fields = []
    for image in images:
        site = _path(image, "field")
        time = str(image.get("acquisition", "")) if several else ""
        fields.append(Field(os.path.join(path, site), Place(plate, well, site, time=time)))
    return fields or [Field(path, Place(plate, well))]


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ReadError(f"{name!r} is no JSON object; expected one, as OME-Zarr says; {_AGAIN}")
    return value


def _objects(of: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    values = of.get(name, [])
    if not isinstance(values, list):
        raise ReadError(f"{name!r} is no list; expected one, as OME-Zarr says; {_AGAIN}")
    return [_object(each, name) for each in values]


def _path(of: Mapping[str, Any], what: str) -> str:
    """Return the path that the metadata give, which has to lie below."""
    path = of.get("path")
    path = str(path) if type(path) is int else path  # some write the number of a field
    if not isinstance(path, str) or not path or _OUTSIDE.search(path) or not _is_unicode(path):
        raise ReadError(
            f"the path of a {what} is {path!r}; expected the name of a folder below; {_AGAIN}"
        )
    return path


def _is_unicode(text: str) -> bool:
    return not re.search("[\ud800-\udfff]", text)


def _try_metadata(path: str) -> dict[str, Any] | ReadError:
    try:
        return _metadata(path)
    except ReadError as error:
        return error


def _metadata(path: str) -> dict[str, Any]:
    """Return the OME metadata of a folder: zarr.json from version 0.5 on, .zattrs before."""
    for name in ("zarr.json", ".zattrs"):
        try:
            content = read_json_object(os.path.join(path, name))
        except FileNotFoundError:
            continue
        attributes = content.get("attributes", {}) if name == "zarr.json" else content
        attributes = _object(attributes, "attributes")
        return dict(_object(attributes.get("ome", attributes), "ome"))
    return {}
