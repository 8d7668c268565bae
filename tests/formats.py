"""Write files as microscopes and other programs do, for the formats without a real sample."""

import struct
import zlib

import numpy as np

AXES = "tczyx"


def make_stack(shape=(2, 2, 3, 24, 31), dtype=np.uint16, seed=0):
    """Return (t, c, z, y, x) grey levels, no plane like another."""
    return np.random.default_rng(seed).integers(0, 4000, shape).astype(dtype)


def write_lif(path, stack, *, channels=("DAPI", "Alexa 488"), names=("Series001", "Series002")):
    """Write a LIF file with that stack (t, c, z, y, x), and one grey level more in each image."""
    images = [(name, "TCZYX", stack + i) for i, name in enumerate(names)]
    write_lif_images(path, images, channels=channels)


def write_lif_images(path, images, *, channels=("DAPI", "Alexa 488")):
    """Write a LIF file, version 2, by the layout that liffile and Bio-Formats read.

    `images` are (name, axes, pixels); the axes, outermost first, are X, Y, Z, T, C for channels, S
    for colours, or one of λ, A, N, Q, Λ, M, L.
    """
    blocks = {f"MemBlock_{i + 1}": each for i, each in enumerate(images)}
    children = "".join(
        _lif_image(name, key, axes, data, channels) for key, (name, axes, data) in blocks.items()
    )
    xml = (
        '<LMSDataContainerHeader Version="2"><Element Name="test.lif" UniqueID="0">'
        '<Memory Size="0" MemoryBlockID="MemBlock_0"/>'
        f"<Children>{children}</Children></Element></LMSDataContainerHeader>"
    )
    with open(path, "wb") as file:
        packed = xml.encode("utf-16-le")
        file.write(struct.pack("<IIBI", 0x70, len(packed) + 5, 0x2A, len(packed) // 2) + packed)
        for key, (_, _, data) in {"MemBlock_0": ("", "", np.empty(0)), **blocks}.items():
            packed = np.ascontiguousarray(data).tobytes()
            head = struct.pack("<IIBQBI", 0x70, 0, 0x2A, len(packed), 0x2A, len(key))
            file.write(head + key.encode("utf-16-le") + packed)


def _lif_image(name, key, axes, data, channels):
    steps = dict(zip(axes, data.strides, strict=True))
    sizes = dict(zip(axes, data.shape, strict=True))
    spacing = {"X": 0.325e-6, "Y": 0.325e-6, "Z": 2e-6}
    places = [
        (c * steps.get("C", 0) + s * steps.get("S", 0), c, s)
        for c in range(sizes.get("C", 1))
        for s in range(sizes.get("S", 1))
    ]
    described = "".join(
        f'<ChannelDescription DataType="{int(data.dtype.kind == "f")}" ChannelTag="0" '
        f'Resolution="{8 * data.itemsize}" NameOfMeasuredQuantity="" Min="0" Max="65535" Unit="" '
        f'LUTName="Blue" IsLUTInverted="0" BytesInc="{place}" BitInc="0">'
        f"<ChannelProperty><Key>DyeName</Key><Value>{channels[c] if c < len(channels) else ''}"
        f"</Value></ChannelProperty></ChannelDescription>"
        for place, c, s in places
    )
    dimensions = "".join(
        f'<DimensionDescription DimID="{1 + "XYZTλANQΛML".index(axis)}" '
        f'NumberOfElements="{sizes[axis]}" Origin="0" '
        f'Length="{(sizes[axis] - 1) * spacing.get(axis, 1)}" Unit="m" BitInc="0" '
        f'BytesInc="{steps[axis]}"/>'
        for axis in axes[::-1]
        if axis not in "CS"
    )
    return (
        f'<Element Name="{name}" UniqueID="{key}"><Data><Image><ImageDescription>'
        f"<Channels>{described}</Channels><Dimensions>{dimensions}</Dimensions>"
        f"</ImageDescription></Image></Data>"
        f'<Memory Size="{data.nbytes}" MemoryBlockID="{key}"/></Element>'
    )


CZI_TYPES = {
    ("u1", 1): 0, ("u2", 1): 1, ("f4", 1): 2, ("u1", 3): 3, ("u2", 3): 4, ("u1", 4): 9,
    ("i4", 1): 12,
}  # fmt: skip


def write_czi(path, blocks, *, xml="", directory=None, compress=None):
    """Write a CZI file by the layout that czifile and libCZI read.

    Parameters
    ----------
    blocks : list of (dict, ndarray)
        Where each block of pixels lies, by the letters of the axes (X and Y its corner, M its
        number among the tiles); shape (height, width) or (height, width, samples).
    directory : iterable of int, optional
        Which blocks the directory names; all without it.
    compress : (int, callable), optional
        The number of the compression, and bytes -> bytes.
    """
    number, packed = compress or (0, lambda pixels: pixels.tobytes())
    with open(path, "wb") as file:
        file.write(bytes(544))
        entries = []
        for at, pixels in blocks:
            entry = _czi_entry(at, pixels, file.tell(), number)
            entries.append(entry)
            samples = pixels[..., ::-1] if pixels.ndim == 3 and pixels.shape[-1] == 3 else pixels
            data = packed(np.ascontiguousarray(samples))
            head = struct.pack("<iiq", 0, 0, len(data)) + entry
            _czi_segment(file, b"ZISRAWSUBBLOCK", head.ljust(256, b"\0") + data)
        metadata = file.tell() if xml else 0
        if xml:
            _czi_segment(
                file,
                b"ZISRAWMETADATA",
                struct.pack("<ii", len(xml), 0).ljust(256, b"\0") + xml.encode(),
            )
        named = entries if directory is None else [entries[index] for index in directory]
        where = file.tell()
        head = struct.pack("<i", len(named)).ljust(128, b"\0")
        _czi_segment(file, b"ZISRAWDIRECTORY", head + b"".join(named))
        file.seek(0)
        header = struct.pack("<iiii16s16siqqiq", 1, 0, 0, 0, b"", b"", 0, where, metadata, 0, 0)
        _czi_segment(file, b"ZISRAWFILE", header.ljust(512, b"\0"))


def _czi_segment(file, name, data):
    file.write(struct.pack("<16sqq", name, len(data), len(data)) + data)


def _czi_entry(at, pixels, position, compression):
    height, width, *samples = pixels.shape
    kind = CZI_TYPES[pixels.dtype.str[1:], samples[0] if samples else 1]
    sizes = {"X": (at.get("X", 0), width), "Y": (at.get("Y", 0), height)}
    sizes |= {axis: (start, 1) for axis, start in at.items() if axis not in ("X", "Y", "ratio")}
    ratio = at.get("ratio", 1)  # of a tile of a pyramid, how many pixels are one of it
    level = 2 * (ratio > 1)
    head = struct.pack(
        "<2siqiiBB4si", b"DV", kind, position, 0, compression, level, 0, b"", len(sizes)
    )
    return head + b"".join(
        struct.pack("<4siifi", axis.encode(), start, size * ratio if size > 1 else 1, 0.0, size)
        for axis, (start, size) in sizes.items()
    )


def czi_xml(*, channels="", display="", sizes="", scaling=""):
    """Return the metadata of a CZI file with those elements in their places."""
    return (
        f"<ImageDocument><Metadata><Experiment><Channels><Channel Name='Track 1'/></Channels>"
        f"</Experiment><Information><Image>{sizes}<Dimensions><Channels>{channels}</Channels>"
        f"</Dimensions></Image></Information><Scaling><Items>{scaling}</Items></Scaling>"
        f"<DisplaySetting><Channels>{display}</Channels></DisplaySetting></Metadata></ImageDocument>"
    )


def write_czi_stack(path, stack):
    """Write the stack (t, c, z, y, x) as a CZI file with channel names and pixel size."""
    blocks = [
        ({"S": 0, "T": t, "C": c, "Z": z}, stack[t, c, z])
        for t, c, z in np.ndindex(stack.shape[:3])
    ]
    channels = "".join(
        f"<Channel Id='Channel:{i}' Name='{name}'/>" for i, name in enumerate(("DAPI", "Alexa 488"))
    )
    scaling = "".join(
        f"<Distance Id='{axis}'><Value>{value}</Value></Distance>"
        for axis, value in (("X", 0.325e-6), ("Y", 0.325e-6), ("Z", 2e-6))
    )
    write_czi(path, blocks, xml=czi_xml(channels=channels, scaling=scaling))


ND2_LOOPS = {"time": 1, "position": 2, "z": 4, "custom": 7}


def write_nd2(path, frames, loops=(), *, channels=("DAPI",), dropped=(), packed=False):
    """Write an ND2 file, version 2, by the layout that nd2 reads.

    Parameters
    ----------
    frames : ndarray of shape (*counts of the loops, channels, height, width, samples)
    loops : sequence of {"time", "position", "z", "custom"}
        Outermost first.
    dropped : collection of int
        The numbers of the frames that are not in the file.
    packed : bool
        Whether the frames are compressed without loss.
    """
    count, height, width, samples = frames.shape[-4:]
    flat = frames.reshape(-1, count, height, width, samples)
    attributes = {
        "uiWidth": width, "uiHeight": height, "uiComp": count * samples,
        "uiWidthBytes": width * count * samples * frames.itemsize,
        "uiBpcInMemory": 8 * frames.itemsize, "uiBpcSignificant": 8 * frames.itemsize,
        "uiSequenceCount": len(flat), "eCompression": 0 if packed else 2,
    }  # fmt: skip
    probe = {"m_ExcitationSpectrum": {}, "m_EmissionSpectrum": {}}
    planes = {
        f"a{i}": {"sDescription": name, "uiCompCount": samples, "pFluorescentProbe": probe}
        for i, name in enumerate(channels)
    }
    metadata = {
        "bCalibrated": True, "dCalibration": 0.325,
        "sPicturePlanes": {"uiCount": count, "sPlaneNew": planes},
    }  # fmt: skip
    chunks = {
        "ImageAttributes!": _nd2_xml({"SLxImageAttributes": attributes}),
        "ImageMetadataSeq|0!": _nd2_xml({"SLxPictureMetadata": metadata}),
    }
    if loops:
        experiment = _nd2_loop(list(zip(loops, frames.shape, strict=False)))
        chunks["ImageMetadata!"] = _nd2_xml({"SLxExperiment": experiment})
    for number, frame in enumerate(flat):
        if number not in dropped:
            pixels = np.ascontiguousarray(np.moveaxis(frame, 0, 2)).tobytes()
            chunks[f"ImageDataSeq|{number}!"] = bytes(8) + (
                zlib.compress(pixels) if packed else pixels
            )
    with open(path, "wb") as file:
        _nd2_chunk(file, b"ND2 FILE SIGNATURE CHUNK NAME01!", b"Ver2.0".ljust(64, b"\0"), 32)
        where = b""
        for name, data in chunks.items():
            where += name.encode() + struct.pack("<QQ", file.tell(), len(data))
            _nd2_chunk(file, name.encode(), data, 4072)
        start = file.tell()
        where += b"ND2 CHUNK MAP SIGNATURE 0000001!" + struct.pack("<Q", start)
        _nd2_chunk(file, b"ND2 FILEMAP SIGNATURE NAME 0001!", where, 4080)


def _nd2_chunk(file, name, data, reserve):
    file.write(
        struct.pack("<IIQ", 0x0ABECEDA, reserve, len(data)) + name.ljust(reserve, b"\0") + data
    )


def _nd2_loop(loops):
    (kind, count), *inner = loops
    parameters = {
        "time": {"uiCount": count, "dStart": 0.0, "dPeriod": 1.0, "dDuration": 1.0},
        "position": {"Points": {f"a{i}": {"dPosX": float(i)} for i in range(count)}},
        "z": {"uiCount": count, "dZStep": 2.0},
        "custom": {"uiCount": count},
    }[kind]
    loop = {"eType": ND2_LOOPS[kind], "uLoopPars": parameters}
    return {**loop, "ppNextLevelEx": {"a0": _nd2_loop(inner)}} if inner else loop


def _nd2_xml(values):
    return f'<variant version="1.0">{_nd2_elements(values)}</variant>'.encode()


def _nd2_elements(values):
    kinds = {bool: "bool", int: "lx_uint32", float: "double", str: "CLxStringW"}
    return "".join(
        f'<{name} runtype="CLxListVariant">{_nd2_elements(value)}</{name}>'
        if isinstance(value, dict)
        else f'<{name} runtype="{kinds[type(value)]}" value="{value}"/>'
        for name, value in values.items()
    )


def write_nd2_stack(path, stack):
    """Write the stack (t, c, z, y, x) as an ND2 file, a frame for each time point and plane."""
    frames = stack.swapaxes(1, 2)[..., np.newaxis]
    write_nd2(path, frames, ("time", "z"), channels=("DAPI", "Alexa 488"))


def multiscales(version):
    """Return the metadata of an OME-Zarr image: two levels, two channels, micrometres."""
    units = {"t": {"unit": "second"}, "c": {}, **{a: {"unit": "micrometer"} for a in "zyx"}}
    types = {"t": "time", "c": "channel"}
    return {
        "multiscales": [
            {
                "name": "stack",
                **({"version": version} if version == "0.4" else {}),
                "axes": [{"name": a, "type": types.get(a, "space"), **units[a]} for a in AXES],
                "datasets": [
                    {
                        "path": str(level),
                        "coordinateTransformations": [
                            {"type": "scale", "scale": [1, 1, 2, 0.325 * k, 0.325 * k]}
                        ],
                    }
                    for level, k in enumerate((1, 2))
                ],
            }
        ],
        "omero": {"channels": [{"label": "DAPI"}, {"label": "Alexa 488"}]},
    }


def write_ome_zarr(path, stack, version, *, shards=None):
    """Write an OME-Zarr image with zarr: 0.4 on Zarr 2, 0.5 on Zarr 3, with a label beside it."""
    import zarr

    zarr_format = 2 if version == "0.4" else 3
    metadata = multiscales(version)
    attributes = metadata if version == "0.4" else {"ome": {"version": version, **metadata}}
    group = zarr.open_group(path, mode="w", zarr_format=zarr_format, attributes=attributes)
    options = {"chunks": (1, 1, 1, 8, 8), **({"shards": shards} if shards else {})}
    if version == "0.4":
        options["chunk_key_encoding"] = {"name": "v2", "separator": "/"}
    for level, data in enumerate((stack, stack[..., ::2, ::2])):
        group.create_array(str(level), data=data, **options)
    labels = group.create_group("labels")
    labels.create_array("0", data=np.ones((4, 4), np.uint8))


def write_zarr_plate(path, stack, version, *, wells=("B/3", "C/11"), fields=2):
    """Write an OME-Zarr plate; of the last well one field is promised and not there."""
    import zarr

    zarr_format = 2 if version == "0.4" else 3

    def group(where, metadata):
        attributes = metadata if version == "0.4" else {"ome": {"version": version, **metadata}}
        zarr.open_group(where, mode="w", zarr_format=zarr_format, attributes=attributes)

    plate = {"name": "test plate", "wells": [{"path": well} for well in wells]}
    group(path, {"plate": plate})
    for well in wells:
        images = [{"path": str(field)} for field in range(fields)]
        group(path / well, {"well": {"images": images}})
        for field in range(fields - (well == wells[-1])):
            write_ome_zarr(path / well / str(field), stack + field, version)


def write_manifest(path, rows):
    """Write a CSV file with the keys of the first row as its columns."""
    lines = [",".join(rows[0])] + [",".join(map(str, row.values())) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
