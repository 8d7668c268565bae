"""A census of every nucleus in every image, as fast as the machine can read them."""

from ._version import __version__

__all__ = ["__version__"]
