"""Show a run as one HTML file: numbers, plate heat maps, histograms, pictures."""

from .gallery import write_gallery
from .page import write_report

__all__ = ["write_gallery", "write_report"]
