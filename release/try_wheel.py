"""Try an installed wheel: what instruction sets its kernel runs here, and whether it counts."""

import ctypes
import platform
import sys
from pathlib import Path

import nucensus
from nucensus.kernel import levels
from nucensus.values.synthetic import make_field

PF_AVX2 = 40


def expected_levels() -> set[str]:
    """Return the instruction sets that the kernel has to run on this machine."""
    if platform.machine().lower() in ("arm64", "aarch64"):
        return {"neon"}
    if sys.platform == "win32":
        has_avx2 = ctypes.windll.kernel32.IsProcessorFeaturePresent(PF_AVX2)
    else:
        has_avx2 = sys.platform == "linux" and "avx2" in Path("/proc/cpuinfo").read_text()
    return {"baseline", "avx2"} if has_avx2 else {"baseline"}


assert expected_levels() <= set(levels()), levels()
field = make_field(1, shape=(400, 500), nuclei=20)
assert len(nucensus.find_nuclei(field.image)) == len(field.centres)
