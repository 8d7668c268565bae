"""The head and the look that all pages have in common."""

import html
from pathlib import Path

from .._version import __version__

STYLE = Path(__file__).with_name("page.css")
"""The style sheet of all pages; what a page has more stands behind it."""


def begin_page(title: str, style: str) -> str:
    """Return the head of a page that is one file, which asks no network for anything.

    `style` is what it has beside the `STYLE` of all pages.
    """
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="nucensus {__version__}">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
script-src 'unsafe-inline'; img-src data:">
<title>{html.escape(title)}</title>
<style>
{STYLE.read_text("utf-8")}{style}</style>
</head>
"""
