"""Measure what the time of a run over compressed files is made of, beside a bare decode.

uv run python benchmarks/decoding.py [-o decoding.json] [--n 240] [--threshold 300]

Builds a plate with ../shared/tools/make_plate.py and writes it in each compression, as tifffile
does by default. In this process the images of each are decoded by the library alone, from memory;
read; and searched, in turn. Then the whole command runs over them. All figures are processor time
in milliseconds an image.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile

from kernel import machine_facts
from nucensus import detect_nuclei
from nucensus.kernel import decode_lzw
from nucensus.read import read

TOOLS = Path(__file__).resolve().parents[2] / "shared" / "tools"
DECODERS = {
    "none": None,
    "lzw": decode_lzw,
    "deflate": imagecodecs.deflate_decode,
    "zstd": imagecodecs.zstd_decode,
    "lerc": imagecodecs.lerc_decode,
}
SAMPLE = 24


def write_plate(source, folder, compression):
    """Write the images of `source` in this compression; return their paths."""
    folder.mkdir()
    paths = [folder / path.name for path in sorted(source.glob("*.tif"))]
    for path in paths:
        image = tifffile.imread(source / path.name)
        tifffile.imwrite(path, image, compression=None if compression == "none" else compression)
    return paths


def decode_bare(path, compression):
    """Return what decodes the pixels of this file from memory."""
    content = path.read_bytes()
    if DECODERS[compression] is None:
        return lambda: None
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        places = list(zip(page.dataoffsets, page.databytecounts, strict=True))
        pixels, row_bytes, rows = page.asarray(), page.imagewidth * 2, page.rowsperstrip
    strips = [content[at : at + size] for at, size in places]
    decoder = DECODERS[compression]
    if compression == "lzw":
        sizes = [len(pixels[y : y + rows]) * row_bytes for y in range(0, len(pixels), rows)]
        encoded, lengths = np.frombuffer(b"".join(strips), np.uint8), list(map(len, strips))
        decoded = np.empty(sum(sizes), np.uint8)
        return lambda: decoder(encoded, lengths, decoded, sizes)
    if compression == "lerc":
        return lambda: [decoder(strip) for strip in strips]
    sizes = [len(decoder(strip)) for strip in strips]  # known beforehand, as from the header
    return lambda: [decoder(strip, out=size) for strip, size in zip(strips, sizes, strict=True)]


def least_time(work, repeat=5):
    """Return the least processor time of some calls in milliseconds."""
    taken = []
    for _ in range(repeat):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken) * 1e3


def command_time(folder, threshold):
    """Return the processor time of a whole command in milliseconds, the lesser of two."""
    command = [sys.executable, "-m", "nucensus", "detect", str(folder), "--quiet", "--overwrite"]
    command += ["-o", str(folder.with_name("run")), "--threshold", str(threshold)]
    taken = []
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(taken) * 1e3


def measure(paths, compression, threshold):
    """Return the milliseconds an image of each part, of the first images, and of the command."""
    parts = dict.fromkeys(("bare decode", "read", "detect", "libtiff"), 0.0)
    for path in paths[:SAMPLE]:
        image = read(path)
        parts["bare decode"] += least_time(decode_bare(path, compression))
        parts["read"] += least_time(lambda path=path: read(path))
        parts["detect"] += least_time(
            lambda image=image: detect_nuclei(image, threshold_abs=threshold)
        )
        if compression == "lzw":
            content = path.read_bytes()
            parts["libtiff"] += least_time(lambda content=content: imagecodecs.tiff_decode(content))
    each = {name: total / len(paths[:SAMPLE]) for name, total in parts.items()}
    each["command"] = command_time(paths[0].parent, threshold) / len(paths)
    each["bytes"] = sum(path.stat().st_size for path in paths) / len(paths)
    return each


def main():
    """Measure each compression, print it and save it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("decoding.json"))
    parser.add_argument("--n", type=int, default=240)
    parser.add_argument("--threshold", type=float, default=300)
    args = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source")
        make = [sys.executable, str(TOOLS / "make_plate.py"), str(source), "--n", str(args.n)]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
        for compression in DECODERS:
            paths = write_plate(source, Path(folder, compression), compression)
            results[compression] = measure(paths, compression, args.threshold)
            row = "".join(f"  {name} {value:.2f}" for name, value in results[compression].items())
            print(f"{compression:8}{row}", flush=True)
    written = {"machine": machine_facts(), "images": args.n, "milliseconds_an_image": results}
    args.output.write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
