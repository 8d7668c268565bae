"""Memory that was freed is not kept."""

import os
import platform

import numpy as np
import pytest

from nucensus.kernel import give_back_freed


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others keep little")
def test_memory_that_was_freed_below_some_that_is_used_is_given_back():
    blocks = [np.ones(60_000, np.uint8) for _ in range(2000)]
    del blocks[:-1]
    before = resident_bytes()
    give_back_freed()
    assert resident_bytes() < before - 60_000_000


def test_where_no_library_keeps_memory_nothing_is_asked(monkeypatch):
    monkeypatch.setattr("nucensus.kernel.memory._trim", lambda: None)
    give_back_freed()
