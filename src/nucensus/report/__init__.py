"""Show a run as one HTML file: numbers, plate heat maps, histograms, pictures."""

from .gallery import write_gallery
from .page import write_report
from .verdict import write_verdicts

__all__ = ["write_gallery", "write_report", "write_verdicts"]
