"""Write OME-TIFF files and sets of them: every order, every split, every place of the XML."""

import itertools
import uuid

import numpy as np
import tifffile

NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def make_planes(sizes, shape=(24, 31), dtype=np.uint16, seed=0):
    """Return grey levels by (c, z, t), no plane like another."""
    rng = np.random.default_rng(seed)
    keys = itertools.product(*(range(sizes[axis]) for axis in "czt"))
    return {key: rng.integers(0, 200, shape).astype(dtype) for key in keys}


def in_order(sizes, order):
    """Yield (c, z, t) of every plane in the order of the dimensions, the fastest first."""
    axes = order[2:].lower()
    for index in itertools.product(*(range(sizes[axis]) for axis in reversed(axes))):
        at = dict(zip(reversed(axes), index, strict=True))
        yield at["c"], at["z"], at["t"]


def image_xml(number, name, sizes, shape, blocks, *, order="XYCZT", channels=(), more=""):
    """Return the XML of one image; `blocks` are (c, z, t, page, count, file), or None for none."""
    names = [*channels, *[""] * sizes["c"]][: sizes["c"]]
    xml = f'<Image ID="Image:{number}" Name="{name}"><Pixels ID="Pixels:{number}" '
    xml += f'DimensionOrder="{order}" Type="uint16" SizeX="{shape[1]}" SizeY="{shape[0]}" '
    xml += "".join(f'Size{axis.upper()}="{n}" ' for axis, n in sizes.items())
    xml += f'PhysicalSizeX="0.5" PhysicalSizeY="0.5" PhysicalSizeZ="2" {more}>'
    for i, channel in enumerate(names):
        xml += f'<Channel ID="Channel:{number}:{i}" Name="{channel}" SamplesPerPixel="1"/>'
    for c, z, t, page, count, file in blocks or ():
        xml += f'<TiffData FirstC="{c}" FirstZ="{z}" FirstT="{t}"'
        xml += "" if page is None else f' IFD="{page}"'
        xml += "" if count is None else f' PlaneCount="{count}"'
        xml += f'><UUID FileName="{file}">{uuid_of(file)}</UUID></TiffData>' if file else "/>"
    return xml + "</Pixels></Image>"


def uuid_of(file):
    return uuid.uuid5(uuid.NAMESPACE_URL, file).urn


def document(images, *, file="", extra=""):
    """Return a document that lies in `file`."""
    own = f' UUID="{uuid_of(file)}"' if file else ""
    start = f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{NAMESPACE}"{own}>'
    return start + extra + "".join(images) + "</OME>"


def refer_to(metadata_file, *, file=""):
    """Return a document that says where the metadata are."""
    told = f'<BinaryOnly MetadataFile="{metadata_file}" UUID="{uuid_of(metadata_file)}"/>'
    return document([], file=file, extra=told)


def write_pages(path, pages, xml, **options):
    """Write pages, each with its own shape, the first with the XML; None writes none."""
    with tifffile.TiffWriter(path, **options) as file:
        for number, page in enumerate(pages):
            description = (xml or None) if number == 0 else None
            file.write(
                page, contiguous=False, metadata=None,
                description=description.encode() if description else None,
            )  # fmt: skip


def write_set(folder, planes, sizes, *, split="", order="XYCZT", told="self", name="s", **more):
    """Write one field as a set: a file for each position on the axes of `split`, if any.

    `told` says where its XML is: in every file ("self"), in a companion, or in
    the first file ("first").
    """
    files, blocks, shape = {}, [], next(iter(planes.values())).shape
    for key in in_order(sizes, order):
        at = dict(zip("czt", key, strict=True))
        file = name + "".join(f"_{axis}{at[axis]}" for axis in split) + ".ome.tif"
        pages = files.setdefault(file, [])
        blocks.append((*key, len(pages), 1, file))
        pages.append(planes[key])
    xml = image_xml(0, name, sizes, shape, blocks, order=order, **more)
    metadata = f"{name}.companion.ome" if told == "companion" else next(iter(files))
    for file, pages in files.items():
        here = told == "self" or file == metadata
        write_pages(
            folder / file, pages, document([xml], file=file) if here else refer_to(metadata)
        )
    if told == "companion":
        (folder / metadata).write_text(document([xml], file=metadata), encoding="utf-8")
    return [folder / file for file in files]
