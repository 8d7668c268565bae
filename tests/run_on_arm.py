"""Build the kernel for 64-bit ARM, count with it and run its tests: as root, on Debian.

python tests/run_on_arm.py FOLDER [pytest arguments]

Python and its libraries come from Debian's packages for arm64, unpacked into FOLDER; NumPy and the
rest from their wheels; the processor from qemu-user. That takes some twenty times as long as a real
one, so of the cases of each test one in twelve is run, or in so many as NUCENSUS_ONE_IN says.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from same_tables import assert_same_tables

SOURCES = Path(__file__).parent.parent
TOOLS = ("g++-aarch64-linux-gnu", "qemu-user-static", "cmake", "make")
PACKAGES = ("python3.11", "libstdc++6")
WHEELS = (
    "numpy", "scikit-image>=0.26", "hypothesis", "pytest", "tifffile", "imagecodecs", "click",
    "cloudpickle", "jinja2", "pandas", "pebble", "rich", "threadpoolctl",
)  # fmt: skip
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux2014_aarch64")
TESTS = (
    "test_kernel.py", "test_kernel_equals_reference.py", "test_volume_equals_reference.py",
    "test_expected_values.py", "test_regions.py", "test_outlines.py",
)  # fmt: skip
NOT_EMULATED = "not environment and not unknown_instruction_set and not allocation"
"""Tests that start Python or a compiler of their own, which would be this machine's."""


def run(*command: str, **options: object) -> str:
    """Run a command and return what it prints."""
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, **options).stdout


def unpack_python(root: Path) -> None:
    """Unpack an ARM Python of Debian, with the libraries that it needs, below `root`."""
    run("dpkg", "--add-architecture", "arm64")
    run("apt-get", "update", "-qq")
    run("apt-get", "install", "-y", "-qq", *TOOLS)
    names = [f"{each}:arm64" for each in PACKAGES]
    depends = run("apt-cache", "depends", "--recurse", "--important", *names)
    needed = {line for line in depends.splitlines() if line.endswith(":arm64") and line[0] != " "}
    downloads = root.parent / "debs"
    downloads.mkdir(exist_ok=True)
    run("apt-get", "download", "-qq", *sorted(needed), cwd=downloads)
    for package in downloads.glob("*.deb"):
        run("dpkg", "-x", str(package), str(root))


def install_wheels(site: Path) -> None:
    """Unpack the wheels that the tests need, for ARM, into `site`."""
    downloads = site.parent / "wheels"
    platforms = [word for each in PLATFORMS for word in ("--platform", each)]
    run(
        sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", *platforms,
        "--python-version", "3.11", "--dest", str(downloads), *WHEELS,
    )  # fmt: skip
    for wheel in downloads.glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(site)


def build_kernel(folder: Path) -> Path:
    """Compile the kernel for ARM and return the library."""
    run(
        "cmake", "-S", str(SOURCES), "-B", str(folder), "-DCMAKE_BUILD_TYPE=Release",
        "-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
        "-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++",
    )  # fmt: skip
    run("cmake", "--build", str(folder), "--parallel")
    return folder / "_kernel.so"


def main() -> int:
    """Do all of it; what was unpacked before is used again."""
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    root, site = folder / "root", folder / "site"
    if not site.exists():
        unpack_python(root)
        install_wheels(site)
    shutil.rmtree(site / "nucensus", ignore_errors=True)
    if wheel := os.environ.get("NUCENSUS_WHEEL"):
        zipfile.ZipFile(wheel).extractall(site)
    else:
        shutil.copytree(SOURCES / "src/nucensus", site / "nucensus")
        shutil.copy(build_kernel(folder / "build"), site / "nucensus")
    python = ["qemu-aarch64-static", "-L", str(root), str(root / "usr/bin/python3.11")]
    environment = {"NUCENSUS_ONE_IN": "12", **os.environ, "PYTHONPATH": str(site)}

    def emulated(arguments: Sequence[str]) -> None:
        subprocess.run([*python, *arguments], env=environment, cwd=folder, check=True)

    levels = "from nucensus.kernel import levels; assert levels() == ('neon',), levels()"
    emulated(("-c", levels))
    shutil.rmtree(folder / "work", ignore_errors=True)
    assert_same_tables(folder, emulated)
    tests = [str(SOURCES / "tests" / name) for name in TESTS]
    pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", NOT_EMULATED]
    return subprocess.run(
        [*python, *pytest, *tests, *sys.argv[2:]], env=environment, cwd=SOURCES, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
