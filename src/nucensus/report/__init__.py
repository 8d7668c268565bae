"""Show a run as one HTML file: numbers, plate heat maps, histograms, pictures."""

from .gallery import write_gallery
from .page import write_report
from .plates import PLATE_FORMATS
from .treatments import check_control
from .verdict import write_verdicts

__all__ = ["PLATE_FORMATS", "check_control", "write_gallery", "write_report", "write_verdicts"]
