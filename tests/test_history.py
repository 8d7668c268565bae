"""Whatever happened before: a run ends with what a new run of the same files finds."""

import contextlib
import os
import random
import signal
import threading
import time

import pytest
import tifffile
from commands import is_sound, start, tables
from dask_cluster import Cluster

import nucensus
from nucensus import Run, Settings, Shard, merge_runs
from nucensus.batch import retry
from nucensus.errors import RunError
from nucensus.synthetic import make_field

HISTORIES = int(os.environ.get("NUCENSUS_HISTORIES", "0"))
"""How many random histories there are of each kind, in the long form."""

AUTO = Settings()
EVENTS = 7


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    """The bytes of images whose nuclei differ in size, number and brightness."""
    path = tmp_path_factory.mktemp("bank") / "image.tif"
    images = []
    for seed in range(40):
        radius = (5, 7, 10)[seed % 3]
        look = {"nuclei": 3 + seed % 4, "radius_px": radius, "brightness": 400 * (1 + seed % 5)}
        tifffile.imwrite(path, make_field(seed, shape=(100, 120), **look).image)
        images.append(path.read_bytes())
    return images


class Folder:
    """A folder of images to which things happen; every change has a later time than all before."""

    def __init__(self, folder, bank, seed):
        self.path, self.chance = folder, random.Random(seed)
        self._bank, self._clock_ns = bank, 10**18
        self._gone, self._cut = {}, {}
        folder.mkdir()
        self.add(count=self.chance.randint(2, 12))

    def happen(self):
        """Let something happen to the files."""
        events = (
            self.add, self.join, self.cut, self.complete, self.change, self.remove, self.come_back,
            self.forbid, self.allow,
        )  # fmt: skip
        self.chance.choice(events)()

    def add(self, *, count=2, plate=""):
        for _ in range(count):
            path = self.path / plate / f"s{self.chance.randrange(60)}.tif"
            self._write(path, self.chance.choice(self._bank))

    def join(self):
        plate = self.chance.choice(("p1", "p2", "p2/deep"))
        self.add(count=self.chance.randint(4, 12), plate=plate)

    def cut(self):
        for path in self._some():
            self._cut[path] = content = path.read_bytes()
            self._write(path, content[: self.chance.choice((0, 100, len(content) // 2))])

    def complete(self):
        for path, content in self._cut.items():
            self._write(path, content)
        self._cut.clear()

    def change(self):
        for path in self._some():
            self._write(path, self.chance.choice(self._bank))

    def remove(self):
        for path in self._some():
            self._gone[path] = path.read_bytes(), path.stat().st_mtime_ns
            path.unlink()

    def come_back(self):
        for path, (content, mtime_ns) in self._gone.items():
            self._write(path, content, mtime_ns)
        self._gone.clear()

    def forbid(self):
        """Take the permission to read; of root nothing can be kept."""
        for path in self._some():
            path.chmod(0)

    def allow(self):
        for path in self.path.rglob("*.tif"):
            path.chmod(0o644)

    def _some(self):
        paths = sorted(path for path in self.path.rglob("*.tif") if os.access(path, os.R_OK))
        return self.chance.sample(paths, min(max(0, len(paths) - 1), self.chance.randint(1, 4)))

    def _write(self, path, content, mtime_ns=None):
        self._clock_ns += 10**9
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        os.utime(path, ns=(self._clock_ns, mtime_ns or self._clock_ns))


class StopsSoon(threading.Event):
    """Asks to stop once it was asked that often."""

    def __init__(self, patience):
        super().__init__()
        self._patience = patience

    def is_set(self):
        self._patience -= 1
        return self._patience < 0


class Killed(BaseException):
    """Ends a run in the middle, without a chance to tidy up."""


def interrupted(folder, out, chance, **options):
    """Start a run that does not come to its end, or just so."""
    patience = chance.randint(0, 20)
    options["check_content"] = chance.random() < 0.2
    options["keep_estimates"] = chance.random() < 0.2
    options["workers"] = 1

    def die(_):
        nonlocal patience
        patience -= 1
        if patience < 0:
            raise Killed

    how = {"stop": StopsSoon(patience)} if chance.random() < 0.5 else {"on_outcome": die}
    with contextlib.suppress(Killed):
        nucensus.census(folder.path, out, AUTO, **how, **options).close()


def killed(folder, out, chance, *options):
    """Start the command and kill it."""
    with start("detect", folder.path, "-o", out, *options) as process:
        time.sleep(chance.uniform(0.5, 2))
        process.send_signal(signal.SIGKILL)
    assert is_sound(out)


def assert_is_as_new(folder, out, tmp_path, **options):
    nucensus.census(folder.path, tmp_path / "new", AUTO, **options).close()
    assert tables(out) == tables(tmp_path / "new")
    with Run(out) as one, Run(tmp_path / "new") as other:
        assert one.counts == other.counts
        assert one.facts["estimates"] == other.facts["estimates"]
        assert one.facts["sample"] == other.facts["sample"]


@pytest.mark.parametrize("seed", range(HISTORIES or 6))
def test_a_run_with_any_history_is_a_new_run(seed, bank, tmp_path):
    folder, out = Folder(tmp_path / "in", bank, seed), tmp_path / "run"
    for _ in range(EVENTS):
        interrupted(folder, out, folder.chance)
        for _ in range(folder.chance.randint(1, 3)):
            folder.happen()
        if folder.chance.random() < 0.2 and (out / "run.sqlite").exists():
            retry(out).close()
        if HISTORIES and folder.chance.random() < 0.3:
            killed(folder, out, folder.chance)
    nucensus.census(folder.path, out, AUTO).close()
    assert_is_as_new(folder, out, tmp_path)


@pytest.mark.parametrize("seed", range(HISTORIES or 3))
def test_shards_with_any_history_are_merged_to_a_new_run_or_refused(seed, bank, tmp_path):
    folder = Folder(tmp_path / "in", bank, 1000 + seed)
    shards = {Shard(index, 3): tmp_path / f"shard-{index}" for index in (1, 2, 3)}
    for _ in range(EVENTS):
        shard, out = folder.chance.choice(list(shards.items()))
        interrupted(folder, out, folder.chance, shard=shard)
        folder.happen()
    order = list(shards.items())
    folder.chance.shuffle(order)
    for shard, out in order:
        nucensus.census(folder.path, out, AUTO, shard=shard).close()
        try:
            merge_runs(shards.values(), tmp_path / "merged", overwrite=True).close()
        except RunError:
            assert shard != order[-1][0]
            continue
        assert_is_as_new(folder, tmp_path / "merged", tmp_path)
    assert_is_as_new(folder, tmp_path / "merged", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(HISTORIES or 1))
def test_a_run_on_a_cluster_with_any_history_is_a_new_run_here(seed, bank, tmp_path):
    distributed = pytest.importorskip("distributed", reason="distributed is not installed")
    folder, out = Folder(tmp_path / "in", bank, 2000 + seed), tmp_path / "run"
    with (
        Cluster(tmp_path) as cluster,
        distributed.Client(cluster.address, set_as_default=False) as client,
    ):
        for _ in range(3):
            stop = StopsSoon(folder.chance.randint(0, 20))
            nucensus.census(folder.path, out, AUTO, scheduler=client, stop=stop).close()
            folder.happen()
        nucensus.census(folder.path, out, AUTO, scheduler=client).close()
    assert_is_as_new(folder, out, tmp_path)
