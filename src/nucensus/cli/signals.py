"""End a command soon after SIGTERM, SIGHUP or Ctrl-C, whatever it is waiting for.

Python answers a signal between two steps of the main thread, which may be far apart: in a request
that no server answers, or a listing of millions. So a thread of our own is told by the system.
"""

import _thread
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_PATIENCE_S = 1.5
"""So long what is in flight may take to finish. At once is safe: a run can be killed anywhere."""

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # SIGBREAK: Windows closes the window
_ENDING = [getattr(signal, name) for name in _NAMES if name in dir(signal)]
_SHOW_CURSOR = "\x1b[?25h"


class Stop:
    """Whether to stop, and the signal that asked for it; 0 is none."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.signal = 0


@contextmanager
def stopping() -> Iterator[Stop]:
    """Let the first signal finish what is in flight, if that is soon done; a second Ctrl-C not."""
    stop = Stop()

    def say_so(number: int) -> None:
        if number == signal.SIGINT and stop.signal == signal.SIGINT:
            _end(number)
        stop.signal = number
        stop.event.set()
        again = "; Ctrl-C again stops at once" if number == signal.SIGINT else ""
        _say(f"Stopping as soon as the images begun are done{again}")

    before = {number: signal.getsignal(number) for number in _ENDING}
    heeded = [number for number, handler in before.items() if handler != signal.SIG_IGN]
    with _Watch(heeded, say_so, "Stopped; the same command carries on."):
        for number in heeded:
            signal.signal(number, lambda *_: None)
        try:
            yield stop
        finally:
            for number in heeded:
                signal.signal(number, before[number])


def ended_by_ctrl_c() -> "_Watch":
    """Let Ctrl-C end a command even where Python does not come to raise `KeyboardInterrupt`."""
    return _Watch([signal.SIGINT], lambda _: None, "Stopped.")


class _Watch:
    """A thread that hears of signals at once, and ends the process some time after the first.

    It is none of `threading`, so that nobody counts it before a fork: it holds no lock there.
    """

    def __init__(self, numbers: list[int], told: Callable[[int], None], last_words: str) -> None:
        self._numbers = numbers
        self._told = told
        self._last_words = last_words

    def __enter__(self) -> None:
        self._hears, self._tells = socket.socketpair()
        self._tells.setblocking(False)
        self._ended = _thread.allocate_lock()
        self._ended.acquire()
        self._before = signal.set_wakeup_fd(self._tells.fileno(), warn_on_full_buffer=False)
        _thread.start_new_thread(self._watch, ())

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._before)
        self._tells.close()
        self._ended.acquire()
        self._hears.close()

    def _watch(self) -> None:
        """Wait for the number of a signal; once there was one, not for long."""
        number = 0
        try:
            while heard := self._hears.recv(1):
                if heard[0] in self._numbers:
                    number = heard[0]
                    self._told(number)
                    self._hears.settimeout(_PATIENCE_S)
        except TimeoutError:
            _say(self._last_words)
            _end(number)
        finally:
            self._ended.release()


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(2, f"{text}\n".encode())


def _end(number: int) -> None:
    """End the process as the shell names the end by a signal."""
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr.isatty():
            os.write(2, _SHOW_CURSOR.encode())  # a progress bar hides it
    os._exit(128 + number)


def _forget_parent() -> None:
    """Let a forked process tell nobody of its signals: the other end is its parent's."""
    with contextlib.suppress(ValueError):
        signal.set_wakeup_fd(-1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)
