"""Fill the templates of the report."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..text.page import begin_page
from ..text.plurals import pluralize

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, **values: Any) -> str:
    """Return the text of a template, with every value escaped for HTML."""
    return _environment().get_template(template).render(**values)


def number(value: float) -> str:
    """Return a number as people read it: three figures, and every one before the point."""
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.3g}"


def p_value(p: float) -> str:
    """Return a probability with two figures, and no more of those that are next to none."""
    return "-" if math.isnan(p) else f"{p:.2g}" if p >= 0.0001 else "< 0.0001"


def _environment() -> "Environment":
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["number"] = number
    environment.filters["p_value"] = p_value
    environment.filters["plural"] = pluralize
    environment.globals["begin_page"] = lambda *given: Markup(begin_page(*given))
    environment.filters["shown_plate"] = lambda name: name or "no name"
    environment.globals["file"] = lambda name: Markup((_TEMPLATES / name).read_text("utf-8"))
    return environment
