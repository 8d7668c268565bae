"""The compiled kernel: local maxima, regions, padding and text, at the speed of the machine.

The only room that calls C. `binding` opens it and knows its structures from the header that it was
built with; each other module calls the functions of one domain.
"""

from .binding import Record, chosen_level, levels
from .maxima import find_maxima, find_maxima_in_volume, find_maxima_many
from .padding import mirror_unknown
from .regions import RegionTable, draw_rings, find_region_table, measure_outlines
from .text import format_rows

__all__ = [
    "Record", "RegionTable", "chosen_level", "draw_rings", "find_maxima", "find_maxima_in_volume",
    "find_maxima_many", "find_region_table", "format_rows", "levels", "measure_outlines",
    "mirror_unknown",
]  # fmt: skip
