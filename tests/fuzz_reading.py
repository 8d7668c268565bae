"""Read mutated files of each format: every one gives a picture or a `ReadError`, and soon.

python tests/fuzz_reading.py [--cases 2000] [--seed 0] [--format tiff]

Bytes are changed, tags are rewritten, files are cut and parts of others are put in. Each case is
read in a process of its own kind: it may take no more than 20 s and 1.5 GB. A failure names the
case, which `--only CASE` with the same options repeats; `--keep FOLDER` keeps its file.
"""

import argparse
import contextlib
import functools
import logging
import multiprocessing
import os
import re
import resource
import shutil
import struct
import sys
import tempfile
import traceback
import warnings
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from drawn_tiff import page_tags, strips_of, write_tiff
from formats import czi_xml, write_czi, write_lif_images, write_nd2, write_ome_zarr

from nucensus.errors import ReadError
from nucensus.read import open_scenes, read
from nucensus.values import Plane

MOST_S = 20
MOST_BYTES = 1_500_000_000
_STACK = np.random.default_rng(0).integers(0, 4000, (3, 40, 48)).astype(np.uint16)
_COLOURS = np.ascontiguousarray(np.moveaxis(_STACK, 0, -1))


def tiff(path, rng):
    """Draw a TIFF file of some layout."""
    name = rng.choice(["plain", "lzw", "deflate", "zstd", "tiled", "ome", "imagej", "rgb", "strips",
                       "jpeg", "packed", "big", "pyramid", "packbits"])  # fmt: skip
    options = {
        "plain": {}, "lzw": {"compression": "lzw", "predictor": True},
        "deflate": {"compression": "zlib", "rowsperstrip": 7}, "zstd": {"compression": "zstd"},
        "tiled": {"compression": rng.choice(["lzw", "zlib"]), "tile": (16, 16)},
        "ome": {"ome": True, "metadata": {"axes": "ZYX"}, "compression": rng.choice([None, "lzw"])},
        "imagej": {"imagej": True, "metadata": {"axes": "ZYX"}},
        "rgb": {"photometric": "rgb", "planarconfig": rng.choice(["contig", "separate"])},
        "jpeg": {"compression": "jpeg", "tile": (16, 16)}, "big": {"bigtiff": True},
        "packbits": {"compression": "packbits"},
    }  # fmt: skip
    data = _STACK if rng.random() < 0.5 or name in ("ome", "imagej") else _STACK[0]
    if name == "rgb":
        data = _COLOURS if options[name]["planarconfig"] == "contig" else _STACK
    if name == "jpeg":
        data = data.astype(np.uint8)
    if name in ("strips", "packed"):
        bits = {"strips": 16, "packed": int(rng.choice([1, 4, 12, 24]))}[name]
        tags = page_tags(_STACK[0], bits=bits, rows=11, photometric=int(rng.integers(0, 4)))
        write_tiff(path, [(tags, strips_of(_STACK[0], 11))] * 3, big=rng.random() < 0.3)
    elif name == "pyramid":
        with tifffile.TiffWriter(path) as file:
            file.write(_STACK[0], subifds=1, metadata=None)
            file.write(_STACK[0, ::2, ::2], subfiletype=1, metadata=None)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tifffile.imwrite(path, data, byteorder=rng.choice(["<", ">"]), **options[name])


def png(path, rng):
    """Draw a PNG file."""
    data = [_STACK[0], _STACK[0].astype(np.uint8), _COLOURS][rng.integers(3)]
    path.write_bytes(imagecodecs.png_encode(data))


def jpeg(path, rng):
    """Draw a JPEG file."""
    data = [_STACK[0], _COLOURS][rng.integers(2)]
    path.write_bytes(imagecodecs.jpeg_encode(data.astype(np.uint8), level=int(rng.integers(1, 99))))


def czi(path, rng):
    """Draw a CZI file of channels, planes and tiles, or of phases in colour."""
    packed = [
        None,
        (2, lambda pixels: imagecodecs.lzw_encode(pixels.tobytes())),
        (4, imagecodecs.jpegxr_encode),
        (5, lambda pixels: imagecodecs.zstd_encode(pixels.tobytes())),
    ][rng.integers(4)]
    places = np.ndindex(2, 3, 2)
    blocks = [({"C": c, "Z": z, "M": m, "X": 48 * m}, _STACK[z]) for c, z, m in places]
    if rng.random() < 0.2:
        blocks = [({"S": s, "H": h}, _COLOURS.astype(np.uint8)) for s, h in np.ndindex(2, 2)]
        packed = (1, imagecodecs.jpeg8_encode)
    xml = czi_xml(
        channels="<Channel Id='Channel:0' Name='DAPI'/><Channel Id='Channel:1'/>",
        sizes="<SizeC>2</SizeC><SizeZ>3</SizeZ>",
        scaling="<Distance Id='X'><Value>0.000001</Value></Distance>",
    )
    write_czi(path, blocks, xml=xml, compress=packed)


def lif(path, rng):
    """Draw a LIF file whose scans have axes in some order, and one that is no image."""
    stack = np.stack([_STACK, _STACK])
    axes = "".join(rng.permutation(list("CZYX")))
    axes = axes if axes[-1] != "C" else "CZYX"
    image = np.ascontiguousarray(stack.transpose([("CZYX").index(axis) for axis in axes]))
    images = [("a", axes, image), ("line", "TX", _STACK[0]), ("b", "λYX", _STACK)]
    write_lif_images(path, images[: rng.integers(1, 4)])


def nd2(path, rng):
    """Draw an ND2 file of two loops."""
    loops = [("time", "z"), ("position", "z"), ("custom", "time")][rng.integers(3)]
    frames = np.stack([_STACK, _STACK])[..., np.newaxis, :, :, np.newaxis]
    write_nd2(path, frames, loops, packed=rng.random() < 0.3)


ZARR_METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup")
ZARR_CODECS = {2: 9, 3: 5}
"""How many codecs are tried, by the version of Zarr."""


def ome_zarr(path, rng):
    """Draw an OME-Zarr of some version, codec and shards: of its files one is mutated."""
    version = int(rng.integers(2, 4))
    codec = int(rng.integers(ZARR_CODECS[version]))
    for name, content in _members_of_zarr(version, codec, bool(rng.random() < 0.4)).items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)


@functools.cache
def _members_of_zarr(version, codec, is_special):
    """Return the files of an OME-Zarr by name: writing one takes longer than reading many."""
    import numcodecs as two
    import zarr
    import zarr.codecs as three

    codecs = {
        2: (None, two.Blosc(), two.Blosc("zstd", shuffle=2), two.Zlib(), two.GZip(), two.BZ2(),
            two.LZMA(), two.LZ4(), two.Zstd()),
        3: (None, three.BloscCodec(), three.GzipCodec(), three.ZstdCodec(),
            three.ZstdCodec(checksum=True)),
    }[version]  # fmt: skip
    options = {"chunks": (1, 1, 1, 20, 24), "compressors": codecs[codec]}
    if version == 2:
        options["chunk_key_encoding"] = {"name": "v2", "separator": "/"}
        options["filters"] = [two.Delta(dtype="<u2")] if is_special else None
    elif is_special:
        options["shards"] = (1, 1, 3, 40, 48)
    stack = _STACK[np.newaxis, np.newaxis]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.zarr"
        write_ome_zarr(path, stack, {2: "0.4", 3: "0.5"}[version])
        group = zarr.open_group(path, mode="r+")
        for level, data in enumerate((stack, stack[..., ::2, ::2])):
            group.create_array(str(level), data=data, overwrite=True, **options)
        members = [each for each in path.rglob("*") if each.is_file()]
        return {each.relative_to(path): each.read_bytes() for each in members}


FORMATS = {
    # what a format's files end in, who draws one, and what of it is mutated: itself, or, if it is
    # a folder, one of the files in it
    "tiff": (".tif", tiff),
    "png": (".png", png),
    "jpeg": (".jpg", jpeg),
    "czi": (".czi", czi),
    "lif": (".lif", lif),
    "nd2": (".nd2", nd2),
    "ome-zarr": (".zarr", ome_zarr),
}
"""A format that is added here is fuzzed."""


def mutate(content, rng, other):
    """Return the content of a file, changed; `other` is another file of the format."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        if not content:
            break
        MUTATIONS[rng.integers(len(MUTATIONS))](content, rng, other)
    return bytes(content)


def change_bytes(content, rng, _):
    """Change a few bytes anywhere."""
    for _ in range(rng.integers(1, 8)):
        content[rng.integers(len(content))] = rng.integers(256)


def change_number(content, rng, _):
    """Write a number that hurts over another, at a place where numbers are likely."""
    numbers = [0, 1, 2, 7, 255, 256, 32767, 65535, 65536, 10**6, 2**31 - 1, 2**31, 2**32 - 1]
    form = rng.choice(["<H", ">H", "<I", ">I", "<Q", ">Q"])
    value = int(rng.choice(numbers)) % (1 << 8 * struct.calcsize(form))
    near_end = rng.random() < 0.5
    low = max(0, len(content) - 600) if near_end else 0
    at = int(rng.integers(low, max(low + 1, min(len(content), low + 600) - 8)))
    content[at : at + struct.calcsize(form)] = struct.pack(form, value)


def change_tag(content, rng, _):
    """Change a field of an entry of the first directory of a TIFF; elsewhere a number."""
    if bytes(content[:4]) not in (b"II*\0", b"MM\0*") or len(content) < 10:
        change_number(content, rng, _)
        return
    order = "<" if content[:2] == b"II" else ">"
    (start,) = struct.unpack_from(f"{order}I", content, 4)
    if start + 2 > len(content):
        return
    (count,) = struct.unpack_from(f"{order}H", content, start)
    entry = start + 2 + 12 * int(rng.integers(max(1, min(count, 40))))
    field = int(rng.integers(4))
    form, offset = [("H", 0), ("H", 2), ("I", 4), ("I", 8)][field]
    if entry + 12 > len(content):
        return
    if field == 0:
        value = int(
            rng.choice(
                [
                    254,
                    256,
                    257,
                    258,
                    259,
                    262,
                    266,
                    273,
                    277,
                    278,
                    279,
                    284,
                    317,
                    320,
                    322,
                    323,
                    324,
                    325,
                    330,
                    338,
                    339,
                    347,
                    32997,
                    33628,
                    34412,
                ]
            )
        )
    elif field == 1:
        value = int(rng.integers(0, 20))
    else:
        value = int(rng.choice([0, 1, 2, 3, 5, 6, 8, 16, 34, 4096, 65536, 50000, 32946, 33003,
                                10**6, 2**31, 2**32 - 1, start, len(content)]))  # fmt: skip
    struct.pack_into(f"{order}{form}", content, entry + offset, value)


def change_text(content, rng, _):
    """Write another value over a number in the text of metadata, in UTF-8 or UTF-16."""
    wide = rng.random() < 0.3
    found = list(re.finditer(rb"(?:\d\0)+" if wide else rb"\d+", bytes(content)))
    if found:
        value = str(
            rng.choice(["0", "1", "-1", "7", "65536", "2147483648", "1e400", "nan", "x", ""])
        )
        start, end = found[rng.integers(len(found))].span()
        content[start:end] = value.encode("utf-16-le" if wide else "utf-8")


def cut(content, rng, _):
    """Cut the end off."""
    del content[int(rng.integers(1, len(content) + 1)) :]


def empty(content, rng, _):
    """Make a stretch empty, as a copy that was interrupted does."""
    at, length = int(rng.integers(len(content))), int(rng.integers(1, 4096))
    content[at : at + length] = bytes(len(content[at : at + length]))


def splice(content, rng, other):
    """Put a part of another file in, over what was there or between it."""
    at, start = int(rng.integers(len(content))), int(rng.integers(len(other)))
    length = int(rng.integers(1, 600))
    part = other[start : start + length]
    content[at : at + (len(part) if rng.random() < 0.7 else 0)] = part


def repeat(content, rng, _):
    """Put a part of the file in twice."""
    at, length = int(rng.integers(len(content))), int(rng.integers(1, 600))
    content[at:at] = content[at : at + length]


MUTATIONS = [
    change_bytes,
    change_number,
    change_text,
    change_tag,
    change_tag,
    cut,
    empty,
    splice,
    repeat,
]


def draw(number, seed, name, folder):
    """Write the file of a case, and return its path."""
    rng = np.random.default_rng([seed, number])
    ending, write = FORMATS[name]
    path, other = folder / f"case{ending}", folder / f"other{ending}"
    write(path, rng)
    write(other, rng)
    target, source = path, other
    if path.is_dir():
        members = sorted(each for each in path.rglob("*") if each.is_file())
        described = [each for each in members if each.name in ZARR_METADATA]
        members = described if rng.random() < 0.4 else members
        target = members[rng.integers(len(members))]
        source = other / target.relative_to(path)
    content = source.read_bytes() if source.is_file() else b"\0"
    target.write_bytes(mutate(target.read_bytes(), rng, content))
    return path


def check(path):
    """Read every plane of a file, up to a few; return what is wrong, or None."""
    try:
        with open_scenes(path) as scenes:
            sizes = [dict(scene.sizes) for scene in scenes[:3]]
    except ReadError:
        sizes = [{}]
    for number, lengths in enumerate(sizes):
        for place in (0, -1):
            at = {axis: place % n for axis, n in lengths.items() if n}
            plane = Plane(number, channel=at.get("c"), z=at.get("z"), time=at.get("t"))
            try:
                pixels = read(path, plane, limit)
            except ReadError:
                continue
            if pixels.ndim != 2:
                return f"{plane}: {pixels.shape}"
        for whole in ("max", "volume"):
            with contextlib.suppress(ReadError):
                read(path, replace(plane, z=whole), limit)
    return None


def limit(header):
    """Refuse what a run with 200 MB of memory refuses."""
    if header.size_bytes > 200_000_000 or header.pixels > 1_000_000_000:
        raise ReadError("too large")


def run(numbers, seed, names, folder, progress):
    """Run cases one after the other, in a process that may be lost."""
    logging.disable()
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES + _mapped_bytes(),) * 2)
    for number in numbers:
        progress.value = number
        where = Path(tempfile.mkdtemp(dir=folder))
        name = names[number % len(names)]
        try:
            wrong = check(draw(number, seed, name, where))
        except BaseException:  # noqa: BLE001 that is what is looked for
            wrong = traceback.format_exc()
        if wrong:
            print(f"case {number} of seed {seed} ({name}): {wrong}", flush=True)  # noqa: T201
            os._exit(1)
        shutil.rmtree(where)
    progress.value = -1


def _mapped_bytes():
    """Return the size of the address space of this process before it reads."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def supervise(numbers, seed, names, folder):
    """Run cases in processes; return what went wrong, a line for each case."""
    wrong = []
    numbers = list(numbers)
    context = multiprocessing.get_context("fork")
    while numbers:
        progress = context.Value("q", numbers[0])
        worker = context.Process(target=run, args=(numbers, seed, names, folder, progress))
        worker.start()
        last = progress.value
        while worker.is_alive():
            worker.join(MOST_S)
            if worker.is_alive() and progress.value == last:
                worker.kill()
                worker.join()
                wrong.append(f"case {last} of seed {seed}: took more than {MOST_S} s")
                break
            last = progress.value
        if progress.value == -1:
            break
        if not wrong or not wrong[-1].startswith(f"case {progress.value} "):
            wrong.append(f"case {progress.value} of seed {seed}: exit code {worker.exitcode}")
        numbers = numbers[numbers.index(progress.value) + 1 :]
    return wrong


def main():
    """Run the cases; the exit code is 1 if one of them is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", choices=FORMATS, action="append")
    parser.add_argument("--only", type=int)
    parser.add_argument("--keep", type=Path, help="keep the file of `--only` in this folder")
    args = parser.parse_args()
    names = args.format or list(FORMATS)
    if args.keep is not None:
        args.keep.mkdir(exist_ok=True, parents=True)
        path = draw(args.only, args.seed, names[args.only % len(names)], args.keep)
        print(path, check(path))  # noqa: T201
        return 0
    cases = range(args.cases) if args.only is None else [args.only]
    with tempfile.TemporaryDirectory() as folder:
        wrong = supervise(cases, args.seed, names, Path(folder))
    for each in wrong:
        print(each)  # noqa: T201
    print(f"{len(cases)} cases of seed {args.seed}: {len(wrong)} wrong")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
