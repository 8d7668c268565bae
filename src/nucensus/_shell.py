"""Commands as they are typed in the shell of this system, and those that add packages."""

import re
import shlex
import sys
from collections.abc import Iterable


def spell_command(words: Iterable[str]) -> str:
    """Return a command that passes these words on."""
    return " ".join(map(spell_word, words))


def spell_word(word: str) -> str:
    """Return a word as it is typed: on Windows in double quotes, which every shell there takes."""
    if sys.platform != "win32":
        return shlex.quote(word)
    if re.fullmatch(r"[\w./:\\=+-]+", word):
        return word
    # A program there takes a backslash before a quote for the quote's.
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', word)
    return '"' + re.sub(r"(\\+)$", r"\1\1", escaped) + '"'


def as_typed(message: str) -> str:
    """Return a message with paths as they are typed: in quotes Python doubles a backslash."""
    if sys.platform != "win32":
        return message
    return re.sub(r"""(['"]).*?\1""", lambda quoted: quoted[0].replace("\\\\", "\\"), message)


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
