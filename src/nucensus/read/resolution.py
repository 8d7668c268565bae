"""Read the size of a pixel from the resolution tags of a TIFF page; believe them, or say so."""

from typing import TYPE_CHECKING, Any

from ..values.pixel_size import NO_SIZE, PixelSize, stated_size

if TYPE_CHECKING:
    from tifffile import TiffPage

X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
_UNITS = {2: "inch", 3: "cm"}
_LEAST_UM, _MOST_UM = 0.01, 20.0
"""Pixels of microscopes; those of screens and printers are larger: 1200 dots per inch are 21 um."""


def unit_of(page: "TiffPage") -> str:
    """Return the unit that the tags of a page state; "" of none."""
    return _UNITS.get(page.tags.valueof(RESOLUTION_UNIT, 1), "")


def sides_of(page: "TiffPage") -> dict[str, float | None]:
    """Return height and width of a pixel by the tags of a page, in their unit."""
    tags = {"y": Y_RESOLUTION, "x": X_RESOLUTION}
    return {axis: side(page.tags.valueof(tag)) for axis, tag in tags.items()}


def side(resolution: Any) -> float | None:
    """Return the side of a pixel, of which so many are in so many units, if it is stated so."""
    is_ratio = isinstance(resolution, tuple) and len(resolution) == 2 and resolution[0]
    return resolution[1] / resolution[0] if is_ratio else None


def unbelieved_size(unit: int, y: float | None, x: float | None) -> PixelSize:
    """Return no size, with a note if the tags state one that a microscope may have.

    They are not believed: many programs write the dots of a screen there, and some of microscopes
    the pixels of the camera, not of the specimen.

    Parameters
    ----------
    unit : int
        As TIFF numbers units: 2 is the inch, 3 the centimetre.
    y, x : float or None
        Height and width of a pixel, in the unit.
    """
    size = stated_size(_UNITS.get(unit, ""), y=y, x=x)
    if not (size.y and size.x and all(_LEAST_UM <= one <= _MOST_UM for one in (size.y, size.x))):
        return NO_SIZE
    note = (
        f"the resolution tags say {size.y:.4g} x {size.x:.4g} um a pixel, and are not believed: in "
        f"many files they are those of a camera or a screen"
    )
    return PixelSize(note=note, size_note=note)
