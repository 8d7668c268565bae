"""Whatever happened before: a run ends with what a new run of the same files finds."""

import contextlib
import json
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
from nucensus.batch import job, retry
from nucensus.errors import InputError, ReadError, RunError
from nucensus.export.provenance import provenance
from nucensus.read import read_image
from nucensus.report import write_report
from nucensus.store import RunWriter
from nucensus.values import Plane
from nucensus.values.synthetic import make_field

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
        self._gone, self._cut, self.forbidden = {}, {}, set()
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
        """Let files be without permission to read, in this process."""
        self.forbidden.update(map(str, self._some()))

    def allow(self):
        self.forbidden.clear()

    def _some(self):
        paths = sorted(self.path.rglob("*.tif"))
        return self.chance.sample(paths, min(max(0, len(paths) - 1), self.chance.randint(1, 4)))

    def _write(self, path, content, mtime_ns=None):
        self._clock_ns += 10**9
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        os.utime(path, ns=(self._clock_ns, mtime_ns or self._clock_ns))


@pytest.fixture
def begin(bank, tmp_path, monkeypatch):
    """Make the folder of a history."""

    def make(seed):
        folder = Folder(tmp_path / "in", bank, seed)

        def read_if_allowed(path, *rest):
            if path in folder.forbidden:
                raise ReadError("the file cannot be opened: Permission denied")
            return read_image(path, *rest)

        monkeypatch.setattr(job, "read_image", read_if_allowed)
        return folder

    return make


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


def assert_is_as_new(folder, out, tmp_path):
    nucensus.census(folder.path, tmp_path / "new", AUTO).close()
    assert tables(out) == tables(tmp_path / "new")
    with Run(out) as one, Run(tmp_path / "new") as other:
        assert one.counts == other.counts
        assert one.facts["estimates"] == other.facts["estimates"]
        assert one.facts["sample"] == other.facts["sample"]


@pytest.mark.parametrize("seed", range(HISTORIES or 6))
def test_a_run_with_any_history_is_a_new_run(seed, begin, tmp_path):
    folder, out = begin(seed), tmp_path / "run"
    for _ in range(EVENTS):
        interrupted(folder, out, folder.chance)
        for _ in range(folder.chance.randint(1, 3)):
            folder.happen()
        if folder.chance.random() < 0.2 and (out / "run.sqlite").exists():
            retry(out).close()
        if HISTORIES and folder.chance.random() < 0.3:
            killed(folder, out, folder.chance)
    folder.allow()
    nucensus.census(folder.path, out, AUTO).close()
    assert_is_as_new(folder, out, tmp_path)


@pytest.mark.parametrize("seed", range(HISTORIES or 3))
def test_shards_with_any_history_are_merged_to_a_new_run_or_refused(seed, begin, tmp_path):
    folder = begin(1000 + seed)
    shards = {Shard(index, 3): tmp_path / f"shard-{index}" for index in (1, 2, 3)}
    for _ in range(EVENTS):
        shard, out = folder.chance.choice(list(shards.items()))
        interrupted(folder, out, folder.chance, shard=shard)
        folder.happen()
    folder.allow()
    order = list(shards.items())
    folder.chance.shuffle(order)
    for shard, out in order:
        nucensus.census(folder.path, out, AUTO, shard=shard).close()
        try:
            merged = merge_runs(shards.values(), tmp_path / "merged", overwrite=True)
        except RunError:
            assert shard != order[-1][0]
            continue
        with merged:  # what could not be read may be there now: its shard is to look again
            is_whole = not merged.counts["failed"]
        if is_whole:
            assert_is_as_new(folder, tmp_path / "merged", tmp_path)
    assert_is_as_new(folder, tmp_path / "merged", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(HISTORIES or 1))
def test_a_run_on_a_cluster_with_any_history_is_a_new_run_here(seed, begin, tmp_path):
    distributed = pytest.importorskip("distributed", reason="distributed is not installed")
    folder, out = begin(2000 + seed), tmp_path / "run"
    with (
        Cluster(tmp_path) as cluster,
        distributed.Client(cluster.address, set_as_default=False) as client,
    ):
        for _ in range(3):
            stop = StopsSoon(folder.chance.randint(0, 20))
            nucensus.census(folder.path, out, AUTO, scheduler=client, stop=stop).close()
            folder.happen()
        folder.allow()  # it was forbidden here only, and not on the workers
        nucensus.census(folder.path, out, AUTO, scheduler=client).close()
    assert_is_as_new(folder, out, tmp_path)


def write(folder, bank, numbers):
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / f"s{number}.tif").write_bytes(bank[number])
    return folder


def nuclei(out):
    return (out / "nuclei.csv").read_bytes()


@pytest.fixture
def changed(bank, tmp_path):
    """A run of a folder to which images came that look otherwise."""
    folder, out = write(tmp_path / "in", bank, range(0, 30, 3)), tmp_path / "run"
    nucensus.census(folder, out).close()
    before = nuclei(out)
    write(folder, bank, range(2, 38, 3))
    return folder, out, before


def test_only_the_images_of_a_pool_that_changed_are_counted_again(bank, tmp_path):
    for plate in ("a", "b"):
        write(tmp_path / "in" / plate, bank, range(0, 30, 3))
    nucensus.census(tmp_path / "in", tmp_path / "run").close()
    write(tmp_path / "in" / "b", bank, range(2, 38, 3))
    outcomes, learned = [], []
    nucensus.census(
        tmp_path / "in", tmp_path / "run", on_outcome=outcomes.append, on_learned=learned.append
    ).close()
    assert len(outcomes) == 10 + 12
    assert learned[0].counted_again == 10
    (note,) = learned[0].notes()
    assert note.startswith("What nuclei look like changed (")
    assert note.endswith("in b): 10 images are counted again.")


def test_a_start_with_nothing_to_do_leaves_the_tables_alone(changed):
    folder, out, _ = changed
    nucensus.census(folder, out).close()
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.csv")}
    nucensus.census(folder, out).close()
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("*.csv")} == before
    (out / "images.csv").write_text("mine")
    nucensus.census(folder, out).close()
    assert (out / "images.csv").read_text() != "mine"


def test_estimates_that_are_kept_move_no_count(changed):
    folder, out, before = changed
    with nucensus.census(folder, out, keep_estimates=True) as run:
        assert run.facts["sample"]["source"] == "kept"
        assert run.counts["found"] == 22
    own = {line for line in nuclei(out).splitlines() if line.split(b",")[0] in before}
    assert own == set(before.splitlines())
    with nucensus.census(folder, out) as run:
        assert run.facts["sample"]["source"] == "sample"


def test_estimates_of_another_run_are_taken_and_named(changed, bank, tmp_path):
    _, out, _ = changed
    with Run(out) as run:
        wanted = run.facts["estimates"][""]
    other = write(tmp_path / "other", bank, range(1, 37, 3))
    with nucensus.census(other, tmp_path / "new", estimates_from=out) as taken:
        assert taken.facts["estimates"][""] == wanted
        assert taken.facts["sample"]["source"] == "run"
        assert taken.facts["sample"]["run"] == str(out)
    retry(tmp_path / "new").close()
    with Run(tmp_path / "new") as again:
        assert again.facts["sample"]["source"] == "run"
    nucensus.export_run(Run(tmp_path / "new"), "csv", tmp_path / "tables")
    assert json.loads((tmp_path / "tables" / "provenance.json").read_text())["sample"]["run"]


def test_estimates_that_do_not_fit_are_refused(changed, bank, tmp_path):
    folder, out, _ = changed
    numbers = Settings(threshold=300)
    with pytest.raises(InputError, match="one of the two"):
        nucensus.census(folder, keep_estimates=True, estimates_from=out)
    with pytest.raises(InputError, match="the settings are numbers"):
        nucensus.census(folder, settings=numbers, estimates_from=out)
    with pytest.raises(RunError, match="--invert"):
        nucensus.census(folder, settings=Settings(invert=True), estimates_from=out)
    nucensus.census(folder, tmp_path / "numbers", numbers).close()
    with pytest.raises(RunError, match="learned nothing"):
        nucensus.census(folder, estimates_from=tmp_path / "numbers")
    stained = tmp_path / "stained"
    for number in range(24):
        path = stained / f"A{number // 2 + 1:02d}_s1_w{number % 2 + 1}.tif"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bank[number])
    nucensus.census(stained, tmp_path / "each", plane=Plane(channel="each")).close()
    with pytest.raises(RunError, match=r"knows the channels 1, 2, and the images are of none"):
        nucensus.census(folder, estimates_from=tmp_path / "each")


def test_images_that_could_not_be_learned_from_are_said(bank, tmp_path):
    folder = write(tmp_path / "in", bank, range(0, 24, 3))
    (folder / "s0.tif").write_bytes(b"")
    learned = []
    run = nucensus.census(folder, tmp_path / "run", on_learned=learned.append)
    said = "learned from 7 of 8 images of the sample; 's0.tif' could not be used."
    assert said in learned[0].notes()[0]
    assert run.facts["sample"]["short"][""] == [7, 8]
    assert provenance(run)["sample"]["unread"] == 1
    write_report(run, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "median of 7 of 8 images" in page
    assert "learned from 7 of 8 images" in page


def test_a_run_of_another_version_is_not_carried_on(changed):
    folder, out, _ = changed
    with RunWriter(out) as writer:
        writer.record_facts(version="0.0.9")
    for again in (lambda: nucensus.census(folder, out), lambda: retry(out)):
        with pytest.raises(RunError, match=r"nucensus 0.0.9, and this is .*--overwrite"):
            again()


def test_the_same_inputs_may_hold_other_images(changed, bank, tmp_path):
    folder, out, _ = changed
    for path in folder.iterdir():
        path.unlink()
    write(folder, bank, range(30, 38))
    nucensus.census(folder, out).close()
    nucensus.census(folder, tmp_path / "new").close()
    assert tables(out) == tables(tmp_path / "new")
