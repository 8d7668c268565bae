"""Count without typing: choose a folder, look, count, correct and take the tables, in a browser."""

from .serve import serve
from .studio import Studio

__all__ = ["Studio", "serve"]
