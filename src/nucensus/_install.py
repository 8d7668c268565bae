"""How to add packages to the Python that this copy of nucensus is installed in."""

import re
import sys

from ._shell import spell_command


def how_to_add(extra: str, package: str) -> str:
    """Return the command that installs what the extra `extra` needs, such as `package`.

    It names the packages themselves, so that it is right however nucensus came
    here: from a clone, as a wheel, or with `uv tool`.
    """
    from importlib.util import find_spec

    pip = [sys.executable, "-m", "pip", "install"]
    command = pip if find_spec("pip") else ["uv", "pip", "install", "--python", sys.executable]
    return spell_command([*command, *(requirements(extra) or [package])])


def requirements(extra: str) -> list[str]:
    """Return the packages of an extra with their versions, those of extras within it too."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        lines = requires("nucensus") or []
    except PackageNotFoundError:
        return []
    of_extra = re.compile(rf"""(.+?)\s*;.*extra == ['"]{re.escape(extra)}['"]""")
    found: list[str] = []
    for needed in (match[1] for line in lines if (match := of_extra.match(line))):
        own = re.fullmatch(r"nucensus\[(.+)\]", needed)
        names = own[1].split(",") if own else []
        found += [each for name in names for each in requirements(name)] if own else [needed]
    return found
