"""A real Dask cluster on the loopback interface: processes that tests may kill."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).parent


class Cluster:
    """A scheduler and its workers, which have the codec of `planted.py`.

    `plant` is further code that each worker runs first.
    """

    def __init__(self, folder, *, workers=2, threads=1, plant=""):
        self.file = folder / f"scheduler-{time.monotonic_ns()}.json"
        site = folder / f"site-{time.monotonic_ns()}"
        site.mkdir()
        (site / "sitecustomize.py").write_text(f"import planted\n{plant}")
        paths = os.pathsep.join(map(str, (site, TESTS)))
        self._planted = {**os.environ, "PYTHONPATH": paths, "DASK_DISTRIBUTED__LOGGING": "{}"}
        self.scheduler = self._start("dask_scheduler", "--port", "0", env=None)
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
        command = [sys.executable, "-m", f"distributed.cli.{program}", *common, *options]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(list(map(str, command)), env=env, **quiet)

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
