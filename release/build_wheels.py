"""Build the wheels for every system on this one, with zig, and check them.

python release/build_wheels.py FOLDER [PLATFORM ...]
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

SOURCES = Path(__file__).parent.parent


@dataclass(frozen=True)
class Platform:
    """A system for which a wheel is built: what zig, CMake and Python call it."""

    zig: str
    system: str
    processor: str
    tag: str


PLATFORMS = {
    "linux-x86_64": Platform(
        "x86_64-linux-gnu.2.17", "Linux", "x86_64", "manylinux2014_x86_64.manylinux_2_17_x86_64"
    ),
    "linux-arm64": Platform(
        "aarch64-linux-gnu.2.17", "Linux", "aarch64",
        "manylinux2014_aarch64.manylinux_2_17_aarch64",
    ),
    "windows-x86_64": Platform("x86_64-windows-gnu", "Windows", "x86_64", "win_amd64"),
    "macos-arm64": Platform("aarch64-macos.11.0", "Darwin", "arm64", "macosx_11_0_arm64"),
    "macos-x86_64": Platform("x86_64-macos.11.0", "Darwin", "x86_64", "macosx_11_0_x86_64"),
}  # fmt: skip


LIBRARY = {"Linux": b"\x7fELF", "Windows": b"MZ", "Darwin": b"\xcf\xfa\xed\xfe"}
"""How a library of each system begins."""


def run(*command: str | Path, **options: object) -> None:
    """Run a command of this environment."""
    subprocess.run([sys.executable, "-m", *command], check=True, **options)


def build(target: Platform, wheels: Path) -> Path:
    """Return the wheel for a platform, built into `wheels`."""
    # Where they were before: with others, all that is compiled would be compiled again.
    place = SOURCES / "build" / f"wheel-{target.zig}-{version('ziglang')}"
    tools = {name: _tool(place / "tools", name, target) for name in ("c++", "ar", "ranlib")}
    with tempfile.TemporaryDirectory() as folder:
        system = {
            "CMAKE_SYSTEM_NAME": target.system,
            "CMAKE_SYSTEM_PROCESSOR": target.processor,
            "CMAKE_AR": tools["ar"],
            "CMAKE_RANLIB": tools["ranlib"],
            **({"CMAKE_OSX_SYSROOT": "", "CMAKE_OSX_DEPLOYMENT_TARGET": "",
                "CMAKE_INSTALL_NAME_TOOL": "true", "CMAKE_SHARED_LIBRARY_SUFFIX": ".so"}
               if target.system == "Darwin" else {}),
        }  # fmt: skip
        environment = {
            **os.environ,
            "CXX": str(tools["c++"]),
            "CMAKE_ARGS": " ".join(f"-D{name}={value}" for name, value in system.items()),
        }
        environment.pop("CMAKE_CXX_COMPILER_LAUNCHER", None)
        run("pip", "wheel", "--no-deps", "--no-build-isolation", f"-Cbuild-dir={place}/kernel",
            "--wheel-dir", folder, SOURCES, env=environment)  # fmt: skip
        built = next(Path(folder).glob("*.whl"))
        run("wheel", "tags", "--remove", "--platform-tag", target.tag, built)
        tagged = next(Path(folder).glob("*.whl"))
        return Path(shutil.move(tagged, wheels / tagged.name))


def _tool(folder: Path, name: str, target: Platform) -> Path:
    """Return a program that calls a tool of zig, for CMake wants one word."""
    option = f"-target {target.zig}" if name == "c++" else ""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / f"zig-{name}"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ziglang {name} {option} "$@"\n')
    script.chmod(0o755)
    return script


def check(wheel: Path, system: str) -> None:
    """Look at a wheel: its kernel, and by the tools of others names, contents and libraries."""
    with zipfile.ZipFile(wheel) as file:
        [kernel] = [name for name in file.namelist() if name.startswith("nucensus/_kernel.")]
        assert file.read(kernel).startswith(LIBRARY[system]), kernel
    run("twine", "check", "--strict", wheel)
    run("check_wheel_contents", wheel)
    if "manylinux" in wheel.name:
        shown = subprocess.run(
            [sys.executable, "-m", "auditwheel", "show", wheel],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        sys.stdout.write(shown)
        assert "manylinux_2_17" in shown or "manylinux_2_5" in shown, shown


def try_here(wheel: Path) -> None:
    """Install a wheel for this machine, and try it."""
    with tempfile.TemporaryDirectory() as folder:
        run("venv", folder)
        python = Path(folder, "bin", "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", wheel], check=True)
        subprocess.run([python, SOURCES / "release" / "try_wheel.py"], check=True, cwd=folder)


def main() -> int:
    """Build and check the wheels that are named, or all."""
    wheels = Path(sys.argv[1]).resolve()
    wheels.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:] or PLATFORMS:
        wheel = build(PLATFORMS[name], wheels)
        check(wheel, PLATFORMS[name].system)
        if name == "linux-x86_64" and platform.machine() == "x86_64":
            try_here(wheel)
    return 0


if __name__ == "__main__":
    sys.exit(main())
