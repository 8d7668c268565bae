"""Options whose help names what a table holds, which is imported when the help is shown."""

from collections.abc import Callable
from typing import Any

import click


class LateHelp(click.Option):
    """An option whose help is what `tell()` returns."""

    def __init__(self, *args: Any, tell: Callable[[], str], **more: Any) -> None:
        super().__init__(*args, **more)
        self._tell = tell

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the option and its help."""
        self.help = self._tell()
        return super().get_help_record(ctx)


def tell_detectors() -> str:
    """Return which detectors there are, each with what it does."""
    from ..detect import describe_detectors

    return describe_detectors()


def tell_strategies() -> str:
    """Return the names of the strategies."""
    from ..execute import STRATEGIES

    return f"How to run over the images: auto measures on the first ones; {', '.join(STRATEGIES)}."


def tell_compared() -> str:
    """Return the names of the strategies that are compared."""
    from ..execute import STRATEGIES

    names = ", ".join(STRATEGIES)
    return f"Only this strategy of {names}; may be given several times.  [default: all]"
