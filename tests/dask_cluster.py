"""A real Dask cluster on the loopback interface: processes that tests may kill."""

import atexit
import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).parent
PROGRAMS = ("distributed.cli.dask_scheduler", "distributed.cli.dask_worker")


class Cluster:
    """A scheduler and its workers, which have the codec of `planted.py`.

    `plant` is further code that each worker runs first.
    """

    def __init__(self, folder, *, workers=2, threads=1, plant=""):
        self.file = folder / f"scheduler-{time.monotonic_ns()}.json"
        site = folder / f"site-{time.monotonic_ns()}"
        site.mkdir()
        (site / "sitecustomize.py").write_text(f"import planted\n{plant}")
        self._planted = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (site, TESTS)))}
        self.scheduler = self._start("dask_scheduler", "--port", "0", env=dict(os.environ))
        self.workers = []
        for _ in range(workers):
            self.add_worker(threads)

    def add_worker(self, threads=1, **more):
        local = ("--nthreads", threads, "--no-nanny", "--local-directory", self.file.parent)
        self.workers.append(self._start("dask_worker", *local, env=self._with(more)))

    def _with(self, more):
        """Return the environment of a worker, with more folders of modules."""
        paths = os.pathsep.join(filter(None, (self._planted["PYTHONPATH"], more.get("PYTHONPATH"))))
        return {**self._planted, **more, "PYTHONPATH": paths}

    @property
    def address(self):
        while self.scheduler.poll() is None:
            with contextlib.suppress(OSError, ValueError):  # it is not there, or not whole
                return json.loads(self.file.read_text())["address"]
            time.sleep(0.05)
        raise ChildProcessError("the scheduler ended")

    def _start(self, program, *options, env):
        common = ("--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", self.file)
        return Process([program, *map(str, (*common, *options))], env)

    def known_workers(self):
        """Return the addresses of the workers that have come to the scheduler."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            return list(client.nthreads())

    def wait_for_workers(self, count):
        """Wait until so many workers have come."""
        while len(self.known_workers()) < count:
            assert self.alive() >= count, "a worker ended before it came"
            time.sleep(0.1)

    def alive(self):
        """Return how many workers live."""
        return sum(worker.poll() is None for worker in self.workers)

    def close(self):
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Process:
    """A program of Dask, forked from a process that has imported it: that takes longest."""

    def __init__(self, command, env):
        server = _fork_server()
        server.stdin.write(json.dumps([command, env]) + "\n")
        server.stdin.flush()
        self.pid = int(server.stdout.readline())

    def poll(self):
        """Return None as long as it lives."""
        return None if self.send_signal(0) else -1

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number):
        """Send a signal, and tell whether there was somebody to get it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
            return True
        return False

    def wait(self):
        while self.poll() is None:
            time.sleep(0.01)


@functools.cache
def _fork_server():
    server = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL, env={**os.environ, "DASK_DISTRIBUTED__LOGGING": "{}"},
    )  # fmt: skip
    atexit.register(lambda: (server.kill(), server.communicate()))
    return server


def _serve():
    """Fork a process for each line, and say its number."""
    for name in PROGRAMS:
        __import__(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who is dead is gone
    for line in sys.stdin:
        if (pid := os.fork()) == 0:
            _become(*json.loads(line))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _become(command, env):
    """Be a program of Dask in this environment, as if it had been started there."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(0, 1)
    os.environ.clear()
    os.environ.update(env)
    sys.path[:1] = filter(None, env.get("PYTHONPATH", "").split(os.pathsep))
    sys.modules.pop("sitecustomize", None)
    with contextlib.suppress(ImportError):
        __import__("sitecustomize")
    program = sys.modules[f"distributed.cli.{command[0]}"]
    sys.argv = command
    try:
        program.main(command[1:])
    finally:
        os._exit(1)


if __name__ == "__main__":
    _serve()
