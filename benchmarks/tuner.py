"""How long the rings take to follow a slider of `nucensus tune`, in a browser.

    uv run --group browser python benchmarks/tuner.py [--side 2048] [--nuclei 400] [--moves 200]

Moves each slider, one step at a time, and takes the time from the event of the
slider to the frame in which the new rings are drawn. Needs /usr/bin/chromium.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import tifffile
from playwright.sync_api import sync_playwright

from nucensus.values.synthetic import make_field

MOVE = """async ([slider, value]) => {
    const range = document.getElementById(slider), before = document.body.dataset.answers;
    range.value = value;
    const start = performance.now();
    range.dispatchEvent(new Event("input", {bubbles: true}));
    while (document.body.dataset.answers === before) await new Promise((go) => setTimeout(go, 0));
    await new Promise(requestAnimationFrame);
    return performance.now() - start;
}"""
SLIDERS = {"threshold": (300, 700), "sigma": (2, 6), "distance": (3, 12)}


def measure(address: str, moves: int) -> dict[str, list[float]]:
    """Return the milliseconds of each move, by slider."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(address)
        page.check("[name=detector][value=maxima]")
        page.wait_for_selector("#sample li")
        waits = {}
        for slider, (low, high) in SLIDERS.items():
            values = [low + (high - low) * move / moves for move in range(moves)]
            waits[slider] = [page.evaluate(MOVE, [slider, value]) for value in values]
        browser.close()
    return waits


def main() -> None:
    """Print the median and the worst of each slider."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--nuclei", type=int, default=400)
    parser.add_argument("--moves", type=int, default=200)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        field = make_field(0, shape=(args.side, args.side), nuclei=args.nuclei)
        tifffile.imwrite(Path(folder, "field.tif"), field.image)
        command = [sys.executable, "-m", "nucensus", "tune", folder, "--no-browser"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            waits = measure(process.stdout.readline().strip(), args.moves)
            process.terminate()
    for slider, times in waits.items():
        median, most = statistics.median(times), statistics.quantiles(times, n=20)[-1]
        print(
            f"{slider:>9}: median {median:.0f} ms, 95 % within {most:.0f}, worst {max(times):.0f}"
        )


if __name__ == "__main__":
    main()
