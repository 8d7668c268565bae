"""Expand an OME-Zarr plate into its fields, from its metadata alone."""

import json
import os
from typing import Any

from ..errors import InputError, ReadError
from ..model import Place
from ..remote import ask_all, open_to_read
from .names import normal_well


def zarr_fields(path: str) -> list[tuple[str, Place]] | None:
    """Return (folder, place) of each field of an OME-Zarr plate or well; None for an image."""
    metadata = _metadata(path)
    if "plate" in metadata:
        name = metadata["plate"].get("name") or os.path.basename(path.rstrip("/\\"))
        wells = [well["path"] for well in metadata["plate"].get("wells", ())]
        paths = [os.path.join(path, well) for well in wells]
        read = ask_all(_metadata, paths)
        return [
            field
            for well, well_path, found in zip(wells, paths, read, strict=True)
            for field in _well_fields(well_path, name, well, found)
        ]
    if "well" in metadata:
        well = "/".join(path.replace("\\", "/").split("/")[-2:])
        return _well_fields(path, "", well, metadata)
    return None


def holds_labels(path: str) -> bool:
    """Tell whether an OME-Zarr says that it is a label image."""
    try:
        return "image-label" in _metadata(path)
    except InputError:
        return False


def _well_fields(
    path: str, plate: str, name: str, metadata: dict[str, Any]
) -> list[tuple[str, Place]]:
    """Return the fields of a well; the well itself, which cannot be read, if it is not there."""
    well = normal_well(name.replace("/", ""))
    images = metadata.get("well", {}).get("images", ())
    several = len({image.get("acquisition", 0) for image in images}) > 1
    fields = [
        (
            os.path.join(path, image["path"]),
            Place(plate, well, str(image["path"]), time=str(image.get("acquisition", "")))
            if several
            else Place(plate, well, str(image["path"])),
        )
        for image in images
    ]
    return fields or [(path, Place(plate, well))]


def _metadata(path: str) -> dict[str, Any]:
    """Return the OME metadata of a folder: zarr.json from version 0.5 on, .zattrs before."""
    for name in ("zarr.json", ".zattrs"):
        try:
            with open_to_read(os.path.join(path, name)) as file:
                content = json.load(file)
        except FileNotFoundError:
            continue
        except (OSError, ReadError, ValueError) as error:
            raise InputError(
                f"{os.path.join(path, name)!r} cannot be read ({error}); copy it again"
            ) from error
        attributes = content.get("attributes", {}) if name == "zarr.json" else content
        ome: dict[str, Any] = attributes.get("ome", attributes)
        return ome
    return {}
