"""The compiled kernel: local maxima, regions, padding, LZW and text, at the speed of the machine.

The only room that calls C. `binding` opens it and knows its structures from the header that it was
built with; each other module calls the functions of one domain.
"""

from typing import TYPE_CHECKING

from .._lazy import names_of
from .binding import Record, chosen_level, levels
from .maxima import find_maxima, find_maxima_in_volume, find_maxima_many
from .padding import mirror_unknown
from .text import format_rows

if TYPE_CHECKING:
    from .ground import BLOCK, Ground, Samples, Window
    from .lzw import decode_lzw
    from .memory import give_back_freed
    from .regions import (
        RegionTable,
        count_touching,
        describe_evidence,
        describe_shapes,
        draw_rings,
        find_highest_near,
        find_pairs,
        find_region_table,
        measure_outlines,
        measure_ridges,
    )
    from .samples import count_least, measure_noise
    from .spacing import space_maxima
else:
    __getattr__ = names_of(
        __name__,
        {
            "ground": "BLOCK Ground Samples Window",
            "lzw": "decode_lzw",
            "memory": "give_back_freed",
            "regions": "RegionTable count_touching describe_evidence describe_shapes draw_rings "
            "find_highest_near find_pairs find_region_table measure_outlines measure_ridges",
            "samples": "count_least measure_noise",
            "spacing": "space_maxima",
        },
    )

__all__ = [
    "BLOCK", "Ground", "Record", "RegionTable", "Samples", "Window", "chosen_level",
    "count_least", "count_touching", "decode_lzw", "describe_evidence", "describe_shapes",
    "draw_rings", "find_highest_near", "find_maxima", "find_maxima_in_volume",
    "find_maxima_many", "find_pairs", "find_region_table", "format_rows", "give_back_freed",
    "levels", "measure_noise", "measure_outlines", "measure_ridges", "mirror_unknown",
    "space_maxima",
]  # fmt: skip
