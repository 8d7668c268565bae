"""`python -m nucensus` is the command `nucensus`."""

import gc
import os
import signal


def program() -> None:
    """Run the command line; Ctrl-C before it is imported ends the process without a word."""
    gc.disable()  # until a command begins: modules are no garbage
    is_ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_ours:
        signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))
    from .cli import program

    if is_ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    program()


if __name__ == "__main__":
    program()
