"""`nucensus info`."""

import importlib.metadata

import click

_LIBRARIES = ("numpy", "tifffile", "imagecodecs", "scikit-image", "matplotlib", "pandas")


@click.command(epilog="Example: nucensus info")
def command() -> None:
    """Show the version, the kernel and what this machine offers."""
    from .. import __version__, kernel, machine

    facts = machine.facts()
    limits = ", ".join(f"{name} {count}" for name, count in facts["cores"].items())
    available = machine.available_memory_bytes()
    rows = {
        "nucensus": __version__,
        "kernel": f"{kernel.chosen_level()} (this machine runs {', '.join(kernel.levels())})",
        "python": facts["python"] + ("" if facts["gil"] else ", free-threaded"),
        "system": facts["system"],
        "processor": facts["processor"],
        "usable cores": f"{machine.usable_cores()} ({limits})",
        "memory": f"{_gigabytes(facts['memory_bytes'])}, {_gigabytes(available)} available",
        "start methods": f"{', '.join(facts['start_methods'])} (the first is the default)",
        **{library: _version(library) for library in _LIBRARIES},
    }
    width = max(map(len, rows))
    for name, value in rows.items():
        click.echo(f"{name:<{width}}  {value}")


def _gigabytes(size_bytes: int | None) -> str:
    return "unknown" if size_bytes is None else f"{size_bytes / 1e9:.1f} GB"


def _version(library: str) -> str:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
