"""Write files as microscopes and other programs do, for the formats without a real sample."""

import struct

import numpy as np

AXES = "tczyx"


def make_stack(shape=(2, 2, 3, 24, 31), dtype=np.uint16, seed=0):
    """Return (t, c, z, y, x) grey levels, no plane like another."""
    return np.random.default_rng(seed).integers(0, 4000, shape).astype(dtype)


def write_lif(path, stack, *, channels=("DAPI", "Alexa 488"), names=("Series001", "Series002")):
    """Write a LIF file, version 2, by the layout that liffile and Bio-Formats read."""
    blocks = {f"MemBlock_{i + 1}": (name, stack + i) for i, name in enumerate(names)}
    children = "".join(
        _lif_image(name, key, data, channels) for key, (name, data) in blocks.items()
    )
    xml = (
        '<LMSDataContainerHeader Version="2"><Element Name="test.lif" UniqueID="0">'
        '<Memory Size="0" MemoryBlockID="MemBlock_0"/>'
        f"<Children>{children}</Children></Element></LMSDataContainerHeader>"
    )
    with open(path, "wb") as file:
        file.write(struct.pack("<IIBI", 0x70, 2 * len(xml) + 5, 0x2A, len(xml)))
        file.write(xml.encode("utf-16-le"))
        for key, (_, data) in {"MemBlock_0": ("", np.empty(0)), **blocks}.items():
            packed = data.tobytes()
            head = struct.pack("<IIBQBI", 0x70, 0, 0x2A, len(packed), 0x2A, len(key))
            file.write(head + key.encode("utf-16-le") + packed)


def _lif_image(name, key, stack, channels):
    t, c, z, y, x = stack.shape
    size = stack.itemsize
    described = "".join(
        f'<ChannelDescription DataType="0" ChannelTag="0" Resolution="16" '
        f'NameOfMeasuredQuantity="" Min="0" Max="65535" Unit="" LUTName="Blue" '
        f'IsLUTInverted="0" BytesInc="{i * z * y * x * size}" BitInc="0">'
        f"<ChannelProperty><Key>DyeName</Key><Value>{channel}</Value></ChannelProperty>"
        f"</ChannelDescription>"
        for i, channel in enumerate(channels[:c])
    )
    axes = [
        (1, x, (x - 1) * 0.325e-6, size),
        (2, y, (y - 1) * 0.325e-6, x * size),
        (3, z, (z - 1) * 2e-6, y * x * size),
        (4, t, t - 1, c * z * y * x * size),
    ]
    dimensions = "".join(
        f'<DimensionDescription DimID="{i}" NumberOfElements="{n}" Origin="0" Length="{length}" '
        f'Unit="m" BitInc="0" BytesInc="{step}"/>'
        for i, n, length, step in axes
    )
    return (
        f'<Element Name="{name}" UniqueID="{key}"><Data><Image><ImageDescription>'
        f"<Channels>{described}</Channels><Dimensions>{dimensions}</Dimensions>"
        f"</ImageDescription></Image></Data>"
        f'<Memory Size="{stack.nbytes}" MemoryBlockID="{key}"/></Element>'
    )


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
