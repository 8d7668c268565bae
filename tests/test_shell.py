"""Commands that are printed can be pasted into the shell of the system."""

import shlex
import subprocess

import pytest

from nucensus._shell import as_typed, spell_command, spell_word

WORDS = ["plate", "DAPI 405", "", r"(?P<well>[A-H]\d\d)-s(?P<site>\d+)", "it's", 'a "b" c', "a&b",
         "\\\\server\\my share\\", 'a \\"', "50%", "a\tb", "--sigma=1.5,2"]  # fmt: skip


def test_the_shell_of_unix_reads_the_words_that_were_spelled():
    assert shlex.split(spell_command(WORDS)) == WORDS


@pytest.mark.parametrize("word", WORDS)
def test_on_windows_a_word_is_quoted_as_its_programs_read_it(monkeypatch, word):
    monkeypatch.setattr("sys.platform", "win32")
    spelled = spell_word(word)
    if set(word) & set(" \t") or not word:
        assert spelled == subprocess.list2cmdline([word])
    elif set(word) & set("<>|&()'%,;"):  # which cmd and PowerShell take for theirs
        assert spelled == f'"{word}"'
    else:
        assert spelled == word


@pytest.mark.parametrize("path", [r"C:\Users\me\plate", r"\\server\share\it's", "plate"])
def test_on_windows_a_path_in_a_message_is_the_one_to_type(monkeypatch, path):
    message = f"{path!r} does not exist"
    assert as_typed(message) == message
    monkeypatch.setattr("sys.platform", "win32")
    assert as_typed(message)[1:-1].startswith(path)
