"""What several test files share: a small plate with known centres."""

import os
import shutil
import signal
import sys
import tempfile
from multiprocessing.util import Finalize
from pathlib import Path
from zlib import crc32

import hypothesis
import pytest
import tifffile
from gate import Gate

from nucensus.machine import usable_cores
from nucensus.values.synthetic import make_field

# What a shell runs in the background ignores SIGINT, and what nohup runs SIGHUP: tests send both.
for _number, _handler in (
    (signal.SIGINT, signal.default_int_handler),
    *([(signal.SIGHUP, signal.SIG_DFL)] if hasattr(signal, "SIGHUP") else []),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

SHARED = Path(__file__).resolve().parents[2] / "shared"
ONE_IN = int(os.environ.get("NUCENSUS_ONE_IN", "1"))
"""One in so many cases of each test is run: more than 1 where a processor is emulated."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config):
    """Give a session its processes, and one folder for all that is temporary."""
    if hasattr(config, "workerinput"):  # this is one of those that share it
        return (yield)
    _share_among_cores(config)
    # Sessions of one user share pytest's own folder, and delete in it what others are deleting.
    own = tempfile.tempdir = os.environ["TMPDIR"] = tempfile.mkdtemp(prefix="nucensus-")
    config.option.basetemp = config.option.basetemp or Path(own, "t")
    if sys.dont_write_bytecode:
        _write_bytecode(Path(own, "bytecode"))
    code = pytest.ExitCode.INTERNAL_ERROR
    try:
        code = yield
    finally:
        # As the last of all: multiprocessing removes its own folder in it, or says it is gone.
        Finalize(None, _tidy, (Path(own), code), exitpriority=-1000)
    return code


def _tidy(own, code):
    """Remove the folder of a session, but for what its failed tests wrote."""
    failed = [] if code == pytest.ExitCode.OK else [*own.glob("t/*"), *own.glob("t/popen-*/*")]
    if not any(each.is_dir() and not each.name.startswith("popen-") for each in failed):
        shutil.rmtree(own, ignore_errors=True)
    shutil.rmtree(own / "bytecode", ignore_errors=True)


def _write_bytecode(folder):
    """Let every process write its bytecode there: hundreds would compile NumPy, each for itself."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(folder)


def _share_among_cores(config):
    """Share the whole suite among the cores, if pytest-xdist is there; named tests run here."""
    options = config.option
    is_whole = config.args_source is config.ArgsSource.TESTPATHS and not options.usepdb
    cores = usable_cores()
    if is_whole and getattr(options, "numprocesses", 0) is None and cores > 1:
        # A third of the time tests wait: for processes to start, for clusters, for servers.
        options.numprocesses, options.dist = min(cores + cores // 2, 8), "worksteal"


def pytest_collection_modifyitems(config, items):
    """Of the cases of each test keep the first, and of the others one in `ONE_IN`."""
    seen, left_out = set(), []
    for item in items if ONE_IN > 1 else ():
        test = item.nodeid.partition("[")[0]
        if test in seen and crc32(item.nodeid.encode()) % ONE_IN:
            left_out.append(item)
        seen.add(test)
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def fields():
    return [make_field(seed, shape=(160, 200), nuclei=6) for seed in range(5)]


@pytest.fixture
def plate(tmp_path, fields):
    """A folder of five small images, s1.tif to s10.tif out of order."""
    folder = tmp_path / "plate"
    folder.mkdir()
    for site, field in zip((10, 2, 1, 3, 4), fields, strict=True):
        tifffile.imwrite(folder / f"A01_s{site}.tif", field.image)
    return folder


@pytest.fixture
def gate(tmp_path):
    """A gate that the test opens."""
    return Gate(tmp_path / "gate")


_CHROMIUM = Path("/usr/bin/chromium")
_QUIET = [
    f"--{switch}"
    for switch in (
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
    )
]


@pytest.fixture(scope="module")
def browser():
    """Chromium, headless; of one module, because Playwright's event loop runs as long as it."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (uv sync --group browser)"
    )
    if not _CHROMIUM.exists():
        pytest.skip(f"there is no browser at {_CHROMIUM}")
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=_CHROMIUM, args=_QUIET)
        yield launched
        launched.close()
