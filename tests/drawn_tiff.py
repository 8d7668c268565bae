"""Write TIFF files of any layout: strips anywhere, pages of any kind, tags that stand twice."""

import itertools
import struct

import imagecodecs
import numpy as np

_FORMS = {2: "s", 3: "H", 4: "I", 5: "II", 12: "d", 16: "Q"}


def page_tags(image, *, bits=None, photometric=1, compression=1, rows=None, planar=1, more=()):
    """Return the tags of a page of strips, without their places: {tag: (type, values)}."""
    samples = image.shape[2] if image.ndim == 3 else 1
    kind = {"u": 1, "b": 1, "i": 2, "f": 3}[image.dtype.kind]
    tags = {
        256: (4, [image.shape[1]]), 257: (4, [image.shape[0]]),
        258: (3, [bits or 8 * image.itemsize] * samples), 259: (3, [compression]),
        262: (3, [photometric]), 277: (3, [samples]), 278: (4, [rows or image.shape[0]]),
        284: (3, [planar]), 339: (3, [kind] * samples),
    }  # fmt: skip
    return tags | dict(more)


def strips_of(image, rows, *, compression=1, order="<"):
    """Return the bytes of each strip of an image."""
    data = np.asarray(image).astype(image.dtype.newbyteorder(order))
    encode = {1: bytes, 5: imagecodecs.lzw_encode, 8: imagecodecs.zlib_encode}[compression]
    return [bytes(encode(data[y : y + rows].tobytes())) for y in range(0, len(data), rows)]


def write_tiff(path, pages, *, placing=None, order="<", big=False):
    """Write pages, each (tags, strips); `placing` lists (page, strip) in the order of the file.

    A strip of None is not written: its offset and its length are 0. Tags may be a list of
    (tag, (type, values)), in which one stands twice.
    """
    placing = placing or [(p, s) for p, page in enumerate(pages) for s in range(len(page[1]))]
    data, places = bytearray(16 if big else 8), {}
    for page, strip in placing:
        content = pages[page][1][strip]
        if content is not None:
            places[page, strip] = len(data), len(content)
            data += content + bytes(len(content) % 2)
    links = []
    for number, (tags, strips) in enumerate(pages):
        at = [places.get((number, strip), (0, 0)) for strip in range(len(strips))]
        entries = list(tags.items() if isinstance(tags, dict) else tags)
        codes = (324, 325) if any(tag == 322 for tag, _ in entries) else (273, 279)
        entries += [(codes[n], (16 if big else 4, [each[n] for each in at])) for n in range(2)]
        links.append(_append_directory(data, sorted(entries, key=lambda e: e[0]), order, big))
    start = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}H", 43 if big else 42)
    data[: len(start)] = start
    if big:
        struct.pack_into(f"{order}HHQ", data, 4, 8, 0, links[0][0])
    else:
        struct.pack_into(f"{order}I", data, 4, links[0][0])
    for (_, link), (following, _) in itertools.pairwise(links):
        struct.pack_into(f"{order}{'Q' if big else 'I'}", data, link, following)
    path.write_bytes(data)


def _append_directory(data, entries, order, big):
    """Append a directory and the values of its tags; return where it is, and where its link is."""
    room, word = (8, "Q") if big else (4, "I")
    packed = []
    for tag, (type_, values) in entries:
        value = _packed(type_, values, order)
        count = len(value) // struct.calcsize(f"={_FORMS[type_]}")
        if len(value) > room:
            data += bytes(len(data) % 2)
            place, value = len(data), value
            data += value
            value = struct.pack(f"{order}{word}", place)
        packed.append(struct.pack(f"{order}HH{word}", tag, type_, count) + value.ljust(room, b"\0"))
    data += bytes(len(data) % 2)
    start = len(data)
    data += struct.pack(f"{order}{'Q' if big else 'H'}", len(packed)) + b"".join(packed)
    data += bytes(room)
    return start, len(data) - room


def _packed(type_, values, order):
    if isinstance(values, bytes):
        return values
    return b"".join(struct.pack(f"{order}{_FORMS[type_]}", *np.atleast_1d(v)) for v in values)
