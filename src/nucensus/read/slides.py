"""Know what slide scanners write beside the pixels: sizes, channels, which image is a macro."""

from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..remote.xml import read_records
from ..values.pixel_size import NO_SIZE, stated_size
from .resolution import sides_of, unit_of

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

_KINDS = ("svs", "ndpi", "qpi")


def slide_metadata(tiff: "TiffFile", series: "list[TiffPageSeries]") -> list[dict[str, Any]]:
    """Return fields of the `Scene` of each series of a file that a slide scanner wrote."""
    if series and series[0].kind == "scn":
        return _of_leica(tiff.pages.first.description, len(series))
    return [_of_series(each) for each in series]


def _of_series(series: "TiffPageSeries") -> dict[str, Any]:
    page = series.keyframe
    if series.kind == "svs" and series.name == "Baseline":
        parts = (part.partition("=") for part in page.description.split("|"))
        microns = {key.strip(): value.strip() for key, _, value in parts}.get("MPP")
        return {"pixel_size": stated_size("um", y=microns, x=microns)}
    if series.kind == "ndpi" and series.name not in ("Macro", "Map"):
        return {"pixel_size": stated_size(unit_of(page), **sides_of(page))}
    if series.kind == "qpi" and series.name == "Baseline":
        said = [getattr(each, "description", "") for each in series.pages]
        channels = tuple(map(_name_in, said)) if len(said) > 1 else ()
        return {"pixel_size": stated_size(unit_of(page), **sides_of(page)), "channels": channels}
    return {"pixel_size": NO_SIZE} if series.kind in _KINDS else {}


def _name_in(description: str) -> str:
    """Return the name of a channel, as PerkinElmer and Akoya describe it."""
    found = _records(description, ("PerkinElmer-QPI-ImageDescription",))
    return found[0][1].get("Name", "") if found else ""


def _of_leica(description: str, count: int) -> list[dict[str, Any]]:
    """Return the size of each image, by its part of the slide; the one of all of it is a macro."""
    images: list[dict[str, Any]] = []
    views: list[dict[str, str]] = []
    pixels: dict[str, str] = {}
    whole: dict[str, str] = {}
    for tag, fields in _records(description, ("pixels", "view", "collection")):
        if tag == "pixels":
            pixels = fields
        elif tag == "view":
            views.append(fields)
            sides = {axis: _quotient(fields, pixels, f"size{axis.upper()}") for axis in "yx"}
            images.append({"pixel_size": stated_size("nm", **sides)})
        else:
            whole = fields
    for view, image in zip(views, images, strict=True):
        if all(whole.get(side) == view.get(side) for side in ("sizeX", "sizeY")):
            image |= {"is_aside": True, "name": "macro", "pixel_size": NO_SIZE}
    return images if len(images) == count else [{}] * count


def _quotient(view: dict[str, str], pixels: dict[str, str], name: str) -> float | None:
    try:
        return float(view[name]) / float(pixels[name])
    except (LookupError, ValueError, ZeroDivisionError):
        return None


def _records(description: str, tags: tuple[str, ...]) -> list[tuple[str, dict[str, str]]]:
    """Return the records of a description, whatever encoding it says that it had."""
    text = (
        description[description.find("?>") + 2 :] if description.startswith("<?") else description
    )
    try:
        return list(read_records(text.encode(), tags))
    except InputError:
        return []
