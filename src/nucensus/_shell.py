"""Spell words as they are typed in the shell of this system."""

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
