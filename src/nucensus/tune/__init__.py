"""Choose the settings by eye: a page on this machine that follows its sliders."""

from .marks import Marks
from .serve import serve
from .session import Session, as_options

__all__ = ["Marks", "Session", "as_options", "serve"]
