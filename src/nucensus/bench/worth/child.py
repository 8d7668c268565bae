"""The fresh process in which one thing is measured: a job on stdin, what was found on stdout."""

import multiprocessing
import os
import pickle
import sys


def main() -> None:
    """Do one job. What the function prints goes to the standard error."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    kind, job = pickle.load(sys.stdin.buffer)
    sys.path[:] = job.pop("sys_path")
    multiprocessing.set_start_method(job.pop("start_method"), force=True)
    from ...execute import pack_error
    from .trial import JOBS, describe

    try:
        reply = {"found": JOBS[kind](**job)}
    except Exception as error:  # noqa: BLE001 whatever a user's function raises
        reply = {"failure": describe(error), "error": pack_error(error)}
    pickle.dump(reply, answer)
    answer.close()


if __name__ == "__main__":
    main()
