"""Is it worth it? Any function over many images, in every way: measured, and predicted."""

from .comparison import Comparison
from .measure import compare

__all__ = ["Comparison", "compare"]
