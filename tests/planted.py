"""`nucensus` with a PNG codec that dies or waits: the last bytes of a file say how.

Run as a program; its worker processes import it, and so have the codec too.
"""

import ctypes
import os
import signal
import time

import gate
import imagecodecs

_decode = imagecodecs.png_decode


def _die(encoded):
    if encoded.endswith(b"SEGV"):
        ctypes.string_at(0)
    if encoded.endswith(b"EXIT"):
        os._exit(7)
    if encoded.endswith(b"KILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    if encoded.endswith(b"HANG"):
        time.sleep(1000)
    if encoded.endswith(b"SLOW"):
        time.sleep(0.1)
    if encoded.endswith(b"\nGATE"):
        gate.keep(os.fsdecode(encoded.rsplit(b"\n", 2)[1]))
    if encoded.endswith(b"EATS"):
        eaten = [bytes(50_000_000) for _ in range(80)]
        raise AssertionError(f"{len(eaten)} blocks of memory were to be had")
    return _decode(encoded)


imagecodecs.png_decode = _die

if __name__ == "__main__":
    from nucensus.batch import run_loop
    from nucensus.cli import main, signals
    from nucensus.remote import leases
    from nucensus.store import in_bucket

    leases._LOST_S, leases._POLL_S = float(os.environ.get("LOST_S", leases._LOST_S)), 0.1
    signals._PATIENCE_S = float(os.environ.get("PATIENCE_S", signals._PATIENCE_S))
    # Each outcome is in the run file, and soon in the bucket, before the next image is begun.
    run_loop._COMMIT_EVERY_S, in_bucket._FIRST_S = 0.0, 0.1

    main()
