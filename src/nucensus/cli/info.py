"""`nucensus info`."""

import importlib.metadata
from typing import Any

import click

from ..text.plurals import data_size
from .as_json import json_option, print_json
from .commands import Command
from .defaults import DEFAULTS_FILE

_LIBRARIES = ("numpy", "tifffile", "imagecodecs", "scikit-image", "matplotlib", "pandas")


@click.command(cls=Command, epilog="Example: nucensus info")
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show the version, the kernel, what this machine offers, and the options in nucensus.toml."""
    from .. import __version__, kernel, machine

    facts = {**machine.facts(), "start_methods": machine.start_methods()}
    limits = ", ".join(f"{name} {count}" for name, count in facts["cores"].items())
    available = machine.available_memory_bytes()
    defaults = ctx.find_root().default_map or {}
    if as_json:
        _print_json(facts, available, defaults)
        return
    rows = {
        "nucensus": __version__,
        "kernel": f"{kernel.chosen_level()} (this machine runs {', '.join(kernel.levels())})",
        "python": facts["python"] + ("" if facts["gil"] else ", free-threaded"),
        "system": facts["system"],
        "processor": facts["processor"],
        "usable cores": f"{machine.usable_cores()} ({limits})",
        "memory": ", ".join(
            "unknown" if size is None else f"{data_size(size)}{what}"
            for size, what in ((facts["memory_bytes"], ""), (available, " available"))
        ),
        "start methods": f"{', '.join(facts['start_methods'])} (the first is the default)",
        **{library: _version(library) or "not installed" for library in _LIBRARIES},
        DEFAULTS_FILE: _told(defaults) or "not in this folder",
    }
    width = max(map(len, rows))
    for name, value in rows.items():
        click.echo(f"{name:<{width}}  {value}")


def _print_json(facts: dict[str, Any], available: int | None, defaults: Any) -> None:
    from .. import __version__, kernel, machine

    print_json(
        {
            "nucensus": __version__,
            "kernel": {"chosen": kernel.chosen_level(), "usable": kernel.levels()},
            **facts,
            "usable_cores": machine.usable_cores(),
            "available_memory_bytes": available,
            "libraries": {library: _version(library) for library in _LIBRARIES},
            "defaults": defaults,
        }
    )


def _told(defaults: Any) -> str:
    """Return the options of a file of defaults as they would be typed."""
    return "; ".join(
        " ".join([command, *(f"--{name} {value}" for name, value in options.items())])
        for command, options in defaults.items()
    )


def _version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None
