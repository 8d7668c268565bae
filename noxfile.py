"""Checks that stand apart from the ordinary suite: `uv run --with nox nox -s NAME`."""

import subprocess

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["fuzz"]
DEV = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "dev")
TEST = [name for name in DEV if name.startswith(("hypothesis", "pytest"))]


def install(session, *options):
    session.install(*options, ".[bench]", *TEST)


@nox.session
def fuzz(session):
    """Random cases against the reference: nox -s fuzz -- --cases 20000 --seed 3."""
    install(session)
    session.run("python", "tests/fuzz_kernel.py", *(session.posargs or ["--cases", "2000"]))


@nox.session
def sanitize(session):
    """Run the equality tests and the fuzzer on a kernel built with ASan and UBSan."""
    # A build folder of its own: its CMake settings must not reach the ordinary build.
    settings = ("cmake.define.NUCENSUS_SANITIZE=ON", "build-dir=build/sanitize")
    install(session, *(f"--config-settings={setting}" for setting in settings))
    # Python itself is not sanitized: the run-time library has to be there before it.
    library = subprocess.run(
        ["c++", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    env = {"LD_PRELOAD": library, "ASAN_OPTIONS": "detect_leaks=0"}
    session.run(
        "pytest", "-q", "tests/test_kernel.py", "tests/test_kernel_equals_reference.py", env=env
    )
    session.run("python", "tests/fuzz_kernel.py", "--cases", "500", env=env)


@nox.session
def bench(session):
    """Measure the kernel: nox -s bench -- --quick."""
    opencv = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "opencv")
    session.install(".[bench]", *opencv)
    session.run("python", "benchmarks/kernel.py", *(session.posargs or ["-o", "kernel.json"]))
