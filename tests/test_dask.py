"""A run on a Dask cluster gives what a run here gives, whatever happens to the cluster."""

import os
import platform
import re
import resource
import signal
import sqlite3
import time

import numpy as np
import pytest
import tifffile
from commands import (
    PLANTED,
    SETTINGS,
    detect,
    detect_here,
    query,
    run,
    run_here,
    start,
    statuses,
    tables,
)
from dask_cluster import Cluster
from formats import make_stack, write_lif
from gate import PATIENT, wait_until, wait_until_said
from test_in_parts import write_sparse

import nucensus
from nucensus import process_images
from nucensus.batch.packed import codec_for, pack, unpack
from nucensus.errors import ClusterError, InputError, MissingPackageError, StrategyError
from nucensus.execute import Lost, on_cluster
from nucensus.execute.fitness import problems
from nucensus.execute.in_subprocess import run_in_subprocess
from nucensus.execute.task_size import LEAST, TaskSize
from nucensus.values import Centres, Failed, Found, PixelSize

pytestmark = pytest.mark.slow

in_full = pytest.mark.skipif(
    "NUCENSUS_DASK" not in os.environ, reason="takes long; uv run nox -s dask runs it"
)


def need_distributed():
    pytest.importorskip("distributed", reason="distributed is not installed (group dask)")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two workers that no test kills."""
    need_distributed()
    with Cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started


@pytest.fixture
def new_cluster(tmp_path):
    """Start clusters that the test may kill."""
    need_distributed()
    started = []

    def make(**options):
        started.append(Cluster(tmp_path, **options))
        return started[-1]

    yield make
    for each in started:
        each.close()


@pytest.fixture(scope="module")
def client(cluster):
    from distributed import Client

    with Client(cluster.address, set_as_default=False) as connected:
        connected.wait_for_workers(2)
        yield connected


@pytest.fixture
def png(fields):
    import imagecodecs

    return imagecodecs.png_encode(fields[0].image)


MANY = 160
"""More than two workers have at a time, of which each has two tasks and does them in any order."""


@pytest.fixture
def gated(tmp_path, png, gate):
    """A folder of many images; those beyond the first two tasks of each worker wait at the gate."""
    folder = tmp_path / "gated"
    folder.mkdir()
    for index in range(MANY):
        shut = gate.shut(png) if index >= 4 * LEAST else png
        (folder / f"s{index}.png").write_bytes(shut)
    return folder


@pytest.fixture
def slow(tmp_path, png):
    """A folder of eighty images of which each takes a tenth of a second."""
    folder = tmp_path / "slow"
    folder.mkdir()
    for index in range(80):
        (folder / f"s{index}.png").write_bytes(png + b"SLOW")
    return folder


def start_on(cluster, inputs, out, **more):
    """Start a run on a cluster that keeps each outcome as it comes."""
    where = ("--scheduler", cluster.address)
    return start("detect", inputs, "-o", out, *SETTINGS, *where, program=[PLANTED], **more)


def are_done(out):
    """Tell whether the run file holds an outcome."""
    try:
        return query(out, "SELECT count(*) FROM journal WHERE status != 'pending'")[0][0]
    except sqlite3.Error:  # it has not been made yet
        return False


def estimated(inputs, out, *options):
    return run_here("detect", inputs, "-o", out, *options)


def test_a_cluster_gives_the_bytes_of_a_run_here(cluster, plate, tmp_path):
    (plate / "broken.tif").write_bytes(b"not an image")
    for name, options in (("here", ()), ("there", ("--scheduler", cluster.address))):
        done = estimated(plate, tmp_path / name, *options)
        assert done.returncode == 3, done.stderr
    assert tables(tmp_path / "there") == tables(tmp_path / "here")
    assert "dask" in done.stdout
    assert f"Dask scheduler: {cluster.address}" in done.stderr


def test_projections_over_files_are_made_by_the_workers(cluster, plate, tmp_path):
    for number, file in enumerate(sorted(plate.glob("*.tif")), 1):
        file.rename(plate / f"a_z{number:02d}.tif")
    for name, options in (("here", ()), ("there", ("--scheduler", cluster.address))):
        done = detect_here(plate, tmp_path / name, "--z", "max", *options)
        assert done.returncode == 0, done.stderr
    assert len(statuses(tmp_path / "there")) == 1
    assert tables(tmp_path / "here") == tables(tmp_path / "there")


def test_the_run_says_where_it_worked_and_in_what_tasks(cluster, plate, tmp_path):
    assert detect_here(plate, tmp_path, "--scheduler", cluster.file).returncode == 0
    from nucensus import Run

    with Run(tmp_path) as done:
        strategy = done.facts["strategy"]
    assert strategy["name"] == "dask"
    assert strategy["scheduler"] == cluster.address
    assert 1 <= strategy["worker_processes"] <= 2
    assert strategy["images_per_task"]["most"] <= 256


@in_full
def test_local_starts_workers_here_and_ends_them(cluster, plate, tmp_path):  # noqa: ARG001
    done = detect(plate, tmp_path, "--scheduler", "local:1")
    assert done.returncode == 0, done.stderr
    assert set(statuses(tmp_path).values()) == {"found"}


def test_a_poisoned_image_fails_alone_and_costs_one_worker(new_cluster, tmp_path, png):
    cluster = new_cluster(workers=3)
    folder = tmp_path / "poisoned"
    folder.mkdir()
    for index in range(12):
        (folder / f"s{index}.png").write_bytes(png + (b"SEGV" if index == 5 else b""))
    done = detect_here(folder, tmp_path / "run", "--scheduler", cluster.address)
    assert done.returncode == 3, done.stderr
    found = statuses(tmp_path / "run")
    assert [name for name, status in found.items() if status == "failed"] == ["s5.png"]
    assert "ended by SIGSEGV" in done.stderr
    assert cluster.alive() >= 2


def test_a_worker_killed_in_mid_run_costs_nothing(new_cluster, gated, gate, tmp_path):
    cluster = new_cluster()
    assert detect_here(gated, tmp_path / "here").returncode == 0
    out = tmp_path / "there"
    cluster.wait_for_workers(2)
    with start_on(cluster, gated, out) as process:
        wait_until(process, lambda: cluster.workers[0].pid in gate.waiting())
        cluster.workers[0].kill()
        said = wait_until_said(process.stderr, "is gone; its tasks go to others")
        gate.open()
        said += process.stdout.read() + process.stderr.read()
    assert process.returncode == 0, said
    assert tables(out) == tables(tmp_path / "here")


@in_full
def test_the_parts_of_a_large_image_are_done_by_all_workers_though_one_dies(new_cluster, tmp_path):
    image, out = write_sparse(tmp_path / "a.tif"), tmp_path / "there"
    dies_once = (
        "import imagecodecs, os\ndecode = imagecodecs.deflate_decode\n"
        "def die_once(*args, **more):\n"
        f"    try: os.mkdir({str(tmp_path / 'died')!r})\n"
        "    except FileExistsError: return decode(*args, **more)\n"
        "    os._exit(1)\n"
        "imagecodecs.deflate_decode = die_once\n"
    )
    cluster = new_cluster(workers=3, plant=dies_once)
    cluster.wait_for_workers(3)
    options = ("--max-memory", "110MB")
    there = detect_here(image, out, *options, "--scheduler", cluster.address)
    assert (there.returncode, cluster.alive()) == (0, 2), there.stderr
    assert detect_here(image, tmp_path / "here", *options).returncode == 0
    assert tables(out) == tables(tmp_path / "here")
    with nucensus.Run(out) as run:
        assert run.counts["nuclei"] > 10
        assert run.facts["strategy"]["in_parts"] == {"images": 1, "at_a_time": 3}


@in_full
def test_a_scheduler_that_dies_ends_the_run_which_another_carries_on(
    new_cluster, gated, gate, tmp_path
):
    cluster, out = new_cluster(workers=1), tmp_path / "there"
    with start_on(cluster, gated, out) as process:
        wait_until(process, lambda: are_done(out))
        cluster.scheduler.kill()
        _, stderr = process.communicate(timeout=300)
    assert process.returncode == 1
    assert re.search(r"Error: the scheduler at .* was lost.* run the same command again", stderr)
    assert "Traceback" not in stderr
    kept = query(out, "SELECT count(*) FROM journal WHERE status = 'found'")[0][0]
    assert 0 < kept < MANY
    gate.open()
    done = detect(gated, out, "--scheduler", new_cluster(workers=1).address)
    assert done.returncode == 0, done.stderr
    assert f"Done now: {MANY - kept}" in done.stdout
    assert detect_here(gated, tmp_path / "here").returncode == 0
    assert tables(out) == tables(tmp_path / "here")


@in_full
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_takes_back_what_is_queued_and_the_run_goes_on(
    number, cluster, client, gated, gate, tmp_path
):
    out = tmp_path / "there"
    with start_on(cluster, gated, out, env=PATIENT) as process:
        wait_until(process, lambda: are_done(out) and gate.waiting())
        process.send_signal(number)
        said = wait_until_said(process.stderr, "Stopping as soon as the images begun are done")
        gate.open()
        said += process.stdout.read() + process.stderr.read()
    assert process.returncode == 128 + number, said
    assert "the same command carries on" in said  # as soon as what is in flight is done
    while client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)):
        time.sleep(0.1)  # it hears of the end of a process that gave up waiting
    assert detect(gated, out, "--scheduler", cluster.address).returncode == 0


def test_an_image_that_hangs_keeps_no_worker_from_the_next_command(
    new_cluster, plate, tmp_path, png, gate
):
    cluster, folder = new_cluster(workers=1), tmp_path / "hangs"
    folder.mkdir()
    (folder / "s0.png").write_bytes(gate.shut(png))
    with start_on(cluster, folder, tmp_path / "run") as process:
        wait_until(process, gate.waiting)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 128 + signal.SIGINT, stderr
    assert "the same command carries on" in stdout + stderr
    done = detect_here(plate, tmp_path / "next", "--scheduler", cluster.address)
    assert done.returncode == 0, done.stderr
    assert f"Dask scheduler: {cluster.address}\n" in done.stderr  # which has no dashboard


@pytest.fixture
def other_version(tmp_path):
    """What a worker needs in its environment to have another nucensus."""
    folder = tmp_path / "other" / "nucensus-9.9.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: nucensus\nVersion: 9.9\n")
    return {"PYTHONPATH": str(folder.parent)}


@in_full
def test_a_worker_of_another_version_is_refused_before_anything_is_sent(
    new_cluster, other_version, plate, tmp_path
):
    cluster = new_cluster(workers=0)
    cluster.add_worker(**other_version)
    done = detect(plate, tmp_path / "run", "--scheduler", cluster.address)
    assert done.returncode == 1
    assert re.search(r"the worker tcp://\S+ has nucensus 9.9; expected .* as here", done.stderr)
    assert set(query(tmp_path / "run", "SELECT status FROM journal")) == {("pending",)}


@in_full
def test_of_workers_that_come_later_those_that_fit_are_used(
    new_cluster, other_version, gated, gate, tmp_path
):
    cluster, out = new_cluster(workers=0), tmp_path / "run"
    with start_on(cluster, gated, out) as process:
        cluster.add_worker()
        wait_until(process, gate.waiting)
        cluster.add_worker(**other_version)
        said = wait_until_said(process.stderr, "is not used: ")
        gate.open()
        said += process.stdout.read() + process.stderr.read()
    assert process.returncode == 0, said
    assert re.search(r"the worker \S+ is not used: it has nucensus 9.9", said)


@in_full
def test_an_image_that_hangs_on_a_worker_fails_alone_with_a_time_limit(cluster, tmp_path, png):
    folder = tmp_path / "hangs"
    folder.mkdir()
    for index in range(4):
        (folder / f"s{index}.png").write_bytes(png + (b"HANG" if index == 2 else b""))
    done = detect(folder, tmp_path / "run", "--scheduler", cluster.address, "--timeout", 5)
    assert "Failed: 's2.png' (worker): the worker took longer than 5 s, 2 times" in done.stderr
    assert list(statuses(tmp_path / "run").values()).count("found") == 3
    assert cluster.alive() == 2
    again = run("retry", tmp_path / "run", "--scheduler", cluster.address, "--timeout", 1)
    assert "Done now: 1" in again.stdout


PYTHON = platform.python_version()


def fitness(_):
    """Say what a worker lacks, on the worker."""


class Workers:
    """A client of workers that answer as they are told to."""

    def __init__(self, version=nucensus.__version__, python=PYTHON, missing=None, lacks=None):
        self._versions = {"packages": {"nucensus": version}, "host": {"python": python}}
        self._missing, self._lacks = missing, lacks

    def run(self, function, *asked, workers, on_error, **options):
        assert on_error == "return"
        if options:
            assert options == {"packages": ["nucensus"]}
            return dict.fromkeys(workers, self._versions)
        if function is fitness:
            return dict.fromkeys(workers, self._lacks)
        assert asked == ([__file__],)  # what is not here either, nobody is asked for
        return dict.fromkeys(workers, self._missing)


@pytest.mark.parametrize(
    ("workers", "said"),
    [
        (Workers(), None),
        (Workers(python=f"{PYTHON.rpartition('.')[0]}.99"), None),
        (Workers(version=None), r"has no nucensus; expected \d"),
        (Workers(version="9.9"), r"has nucensus 9\.9; expected \d"),
        (Workers(python="3.1.0"), r"runs Python 3\.1\.0; expected 3\.\d+"),
        (
            Workers(missing=__file__),
            "cannot find '.*test_dask.py'; expected a file system",
        ),
        (Workers(lacks="no liffile"), "cannot do this work: no liffile"),
    ],
)
def test_a_worker_says_what_it_lacks_before_it_gets_any_work(workers, said):
    need_distributed()
    found = list(problems(workers, ["one", "two"], [__file__, "/not/here"], fitness))
    assert [address for address, _ in found] == (["one", "two"] if said else [])
    assert all(re.match(said, each) for _, each in found)


@in_full
def test_a_worker_that_cannot_see_the_files_is_named(new_cluster, plate, tmp_path):
    blind = (
        "import os\nexists = os.path.exists\n"
        "os.path.exists = lambda path: not str(path).endswith('_s3.tif') and exists(path)\n"
    )
    cluster = new_cluster(workers=1, plant=blind)
    done = detect(plate, tmp_path / "run", "--scheduler", cluster.address)
    assert done.returncode == 1
    assert re.search(r"cannot find '.*A01_s3.tif'; expected a file system that all", done.stderr)


def test_a_worker_without_the_package_of_a_format_is_left_out(new_cluster, tmp_path):
    pytest.importorskip("liffile", reason="liffile is not installed (group formats)")
    (tmp_path / "in").mkdir()
    write_lif(tmp_path / "in" / "a.lif", make_stack()[:1, :1, :1])
    cluster = new_cluster(workers=1, plant="import sys\nsys.modules['liffile'] = None\n")
    done = detect_here(
        tmp_path / "in", tmp_path / "run", "--scene", "0", "--scheduler", cluster.address
    )
    assert done.returncode == 1
    assert "cannot do this work" in done.stderr
    assert "liffile, which is not installed" in done.stderr


def test_any_function_goes_to_the_workers_in_the_order_of_the_images(client, plate):
    paths = sorted(plate.glob("*.tif"))
    offset = 3
    sums = process_images(paths, lambda image: int(image.sum()) + offset, scheduler=client)
    assert sums == [int(tifffile.imread(path).sum()) + offset for path in paths]
    arrays = [np.full((300, 400), value) for value in range(40)]
    assert process_images(arrays, np.max, scheduler=client) == list(range(40))


def test_an_error_of_the_function_comes_through_from_a_worker(client):
    def refuse(image):
        raise ValueError(f"cannot do {image.shape}")

    with pytest.raises(ValueError, match=r"cannot do \(2, 3\)"):
        process_images([np.zeros((2, 3))], refuse, scheduler=client)


def test_a_cluster_holds_few_items_at_a_time_however_many_there_are(client):
    taken = given = most = 0

    def items():
        nonlocal taken
        while taken < 60_000:
            taken += 1
            yield taken

    peak_kb = 0
    strategy = on_cluster(client)
    for _ in strategy.run(abs, items(), 2):
        given += 1
        most = max(most, taken - given)
        if given == 20_000:
            peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert given == 60_000
    assert most <= 2 * 4 * 256
    assert strategy.facts["images_per_task"]["most"] > 16
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak_kb < 20_000


@pytest.mark.parametrize(
    ("scheduler", "error", "message"),
    [
        pytest.param(
            "tcp://127.0.0.1:1",
            ClusterError,
            "no scheduler answers at 'tcp://127.0.0.1:1'",
            marks=in_full,
        ),
        ("nowhere", InputError, "names no Dask cluster; expected tcp://HOST:PORT, local"),
        ("gone.json", InputError, "there is no scheduler file 'gone.json'"),
        (3, TypeError, r"scheduler is a int; expected a text or a distributed\.Client"),
    ],
)
def test_a_cluster_that_is_not_there_is_said_so(scheduler, error, message):
    need_distributed()
    with pytest.raises(error, match=message):
        process_images([np.zeros((2, 3))], scheduler=scheduler)


def test_a_client_that_was_closed_is_no_cluster(cluster):
    from distributed import Client

    with Client(cluster.address, set_as_default=False) as closed:
        pass
    with pytest.raises(ClusterError, match="the client is closed; expected one that is connected"):
        process_images([np.zeros((2, 3))], scheduler=closed)


def test_a_strategy_and_a_scheduler_are_one_too_many():
    with pytest.raises(StrategyError, match="expected the scheduler alone"):
        process_images([np.zeros((2, 3))], strategy="threads", scheduler="local")


def test_without_distributed_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(MissingPackageError, match=r"pip install .*distributed"):
        process_images([np.zeros((2, 3))], scheduler="local")


def end_at_three(item):
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * item


def refuse(item):
    raise EOFError(f"cannot do {item}")


def test_work_apart_loses_only_what_its_process_died_of():
    outcomes = run_in_subprocess(end_at_three, range(6), timeout_s=None, memory_bytes=None)
    assert outcomes[:3] + outcomes[4:] == [0, 2, 4, 8, 10]
    assert isinstance(outcomes[3], Lost)
    assert "SIGKILL" in outcomes[3].reason


def test_an_error_comes_through_from_work_apart():
    with pytest.raises(EOFError, match="cannot do 0"):
        run_in_subprocess(refuse, range(2), timeout_s=None, memory_bytes=None)


def test_outcomes_travel_packed_and_come_back_as_they_were():
    size = PixelSize(0.65, 0.5, 2.0)

    def found(count, ndim, *, refined=False, flag=None):
        points = np.arange(count * ndim).reshape(count, ndim)
        finer, contrasts = (points + 0.25, points[:, 0] / 3) if refined else (None, None)
        centres = Centres(points, points[:, 0] / 7, finer, flag, 17, contrasts)
        return Found(centres, (5,) * ndim, "uint16", 1.5, 2.25, 0.5, "lzw", None, size)

    before = [
        found(3, 2), Failed("read", "why"), found(0, 2, flag="blank"), None, found(4, 3),
        Lost("it died"), found(2, 2, refined=True), found(5, 2),
    ]  # fmt: skip
    after = unpack(pack(before))
    assert list(map(repr, after)) == list(map(repr, before))
    assert after[0].centres.points.dtype == np.int64
    assert unpack(pack([])) == []


def test_of_outcomes_only_a_failure_may_be_the_fault_of_its_worker():
    failure, none = codec_for("auto").failure, np.empty((0, 2), np.int64)
    assert failure(Failed("read", "why")) == "why"
    assert failure(Found(Centres(none, np.empty(0)), (5, 5), "uint16", 1.0, 2.0)) is None
    assert failure(Lost("it died")) is failure(None) is None


def test_tasks_last_a_second_or_a_few_and_end_together():
    size = TaskSize()
    assert size.next(10**6, 8) == 16
    size.learn(16, seconds=0.016, size_bytes=16)
    assert size.next(10**6, 8) == 256
    for _ in range(40):
        size.learn(16, seconds=1.6, size_bytes=16)
    assert 16 <= size.next(10**6, 8) <= 30
    assert size.next(100, 8) < 10
    assert size.next(3, 8) == 1
    size.learn(16, seconds=1.6, size_bytes=16 * 20_000_000)
    assert size.next(10**6, 8) == 3
    assert size.used == {"least": 1, "most": 256, "last": 3}


@in_full
def test_settings_that_are_estimated_are_those_of_a_run_here(cluster, plate, tmp_path):
    for name, options in (("here", ()), ("there", ("--scheduler", cluster.address))):
        assert estimated(plate, tmp_path / name, *options).returncode == 0
    estimates = "SELECT value FROM run WHERE key = 'estimates'"
    assert query(tmp_path / "here", estimates) == query(tmp_path / "there", estimates) != []


DETECTOR = """
import os
from nucensus.detect import DETECTORS

def find(image, settings, resolved):
    if os.path.exists(os.environ.get("ONLY_BAD", "") or "/nowhere"):
        raise ImportError("its disk is not there any more")
    return DETECTORS["maxima"].find(image, settings, resolved)
"""


@pytest.fixture
def plugged(tmp_path):
    """The environment in which a detector called mine is installed."""
    about = tmp_path / "plugged" / "mine-1.0.dist-info"
    about.mkdir(parents=True)
    (about.parent / "mine.py").write_text(DETECTOR)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[nucensus.detectors]\nmine = mine:find\n")
    return {"PYTHONPATH": str(about.parent)}


def count_with_mine(cluster, images, out, plugged):
    environment = {**os.environ, **plugged}
    return detect(images, out, "--detector", "mine", "--scheduler", cluster.address,
                  env=environment)  # fmt: skip


def test_a_worker_without_the_detector_is_left_out_and_the_others_count(
    new_cluster, plugged, plate, tmp_path
):
    cluster = new_cluster(workers=1)  # without it
    done = count_with_mine(cluster, plate, tmp_path / "alone", plugged)
    assert done.returncode == 1
    assert "cannot do this work: there is no detector 'mine'" in done.stderr
    cluster.add_worker(**plugged)
    cluster.wait_for_workers(2)
    done = count_with_mine(cluster, plate, tmp_path / "run", plugged)
    assert done.returncode == 0, done.stderr
    assert re.search(r"the worker \S+ is not used: it cannot do this work", done.stderr)
    here = run("detect", plate, "-o", tmp_path / "here", "--detector", "mine", *SETTINGS,
               env={**os.environ, **plugged})  # fmt: skip
    assert here.returncode == 0, here.stderr
    assert tables(tmp_path / "run") == tables(tmp_path / "here")


def test_a_worker_that_fails_where_others_do_not_is_set_aside(
    new_cluster, plugged, slow, tmp_path, png
):
    (slow / "broken.png").write_bytes(png[:100])
    cluster = new_cluster(workers=0)
    for is_bad in (False, True, False):
        bad = {"ONLY_BAD": __file__} if is_bad else {}
        cluster.add_worker(**plugged, **bad)
    cluster.wait_for_workers(3)
    done = count_with_mine(cluster, slow, tmp_path / "run", plugged)
    assert done.returncode == 3, done.stderr
    assert re.search(r"the worker \S+ is not used any more: \d+ items failed there", done.stderr)
    assert "its disk is not there any more" in done.stderr
    assert [name for name, said in statuses(tmp_path / "run").items() if said == "failed"] == [
        "broken.png"
    ]


def test_what_a_stopped_worker_was_given_is_done_by_others(new_cluster, tmp_path, caplog):
    cluster = new_cluster(workers=2)
    from distributed import Client

    def stop_once(item):
        if item == 20 and not (tmp_path / "stopped").exists():
            (tmp_path / "stopped").touch()
            os.kill(os.getpid(), signal.SIGSTOP)
        return -item

    cluster.wait_for_workers(2)
    with Client(cluster.address, set_as_default=False) as client:
        outcomes = sorted(on_cluster(client, overdue_s=0.1).run(stop_once, range(80), 2))
    assert outcomes == [(item, -item) for item in range(80)]
    assert (tmp_path / "stopped").exists()
    assert re.search(r"the worker \S+ has not answered for \d+ s; what it was given", caplog.text)
