"""Text for people and files: names, plurals, SVG, pages, files that appear whole."""

from typing import TYPE_CHECKING

from .._lazy import modules_of

if not TYPE_CHECKING:
    __getattr__ = modules_of(__name__, "files", "names", "page", "plurals", "svg")
