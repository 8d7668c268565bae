"""Read index files of plates: the images that they promise, whether they are there or not."""

import io
import math
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import islice, product

from .._dataclass import dataclass
from ..errors import AccessError, InputError
from ..remote import open_to_read, size_and_time
from ..remote.xml import read_records
from ..values import Place
from ..values.pixel_size import NO_SIZE, PixelSize, stated_size
from .names import normal_well, well_name

MOST_PROMISED = 750_000
"""Images that the index files of one plate may promise, which are kept at some 400 bytes each: 1536
wells with 9 sites and 4 channels at 13 times are about as many."""
_MOST_HTD_BYTES = 1 << 24
"""HTD files have some kilobytes."""
_MOST_CHANNELS = 1000

SERIES = ".nd"
"""How the index of a series of MetaMorph ends."""
_SERIES_AXES = (
    ("DoWave", "NWavelengths"), ("DoStage", "NStagePositions"), ("DoTimelapse", "NTimePoints")
)  # fmt: skip
_WAVE = re.compile(r"^w\d+ ?")
_WELL = re.compile(r"([A-P]\d{1,2})(?![A-Za-z0-9])")


@dataclass(frozen=True, slots=True)
class Promise:
    """One image that an index lists, or why it has none.

    Attributes
    ----------
    path : str
        The file; "" if the index states no file names.
    place : Place
    pixel_size : PixelSize
    problem : str
        Why there is no such image, as the index itself says.
    """

    path: str
    place: Place
    pixel_size: PixelSize = NO_SIZE
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    """An index file that was read."""

    path: str
    kind: str
    promises: tuple[Promise, ...]

    @property
    def folder(self) -> str:
        """The folder that it speaks for, and the folders below."""
        return os.path.dirname(self.path)

    @property
    def series(self) -> str:
        """The start of the names that it speaks for, if it does not speak for the whole folder."""
        start, ending = os.path.splitext(os.path.basename(self.path))
        return start if ending.lower() == SERIES else ""


def read_index(path: str, most: int = MOST_PROMISED) -> Index:
    """Read the index file of a plate, which may promise at most so many images.

    Raises
    ------
    InputError
        It is damaged, or not the index that its name says.
    AccessError
        The bucket or server of its address cannot be used.
    """
    name = os.path.basename(path).lower()
    kind, reader = next(found for ending, found in _READERS.items() if name.endswith(ending))
    try:
        promises = tuple(islice(reader(path), most + 1))
    except (InputError, AccessError):
        raise
    except Exception as error:  # whatever is in it, a bad index is a row
        reason = getattr(error, "strerror", None) or error
        what = f"it does not say {error}" if isinstance(error, KeyError) else reason
        raise InputError(
            f"{path!r} is damaged, or not the {kind} that its name says: {what}; copy it again"
        ) from error
    _refuse_many(len(promises), most)
    return Index(path, kind, promises)


def _refuse_many(count: int, most: int) -> None:
    if count > most:
        raise InputError(
            f"the index files of the plate promise more than {most:,} images; expected as many as "
            f"a plate has; check what wrote them"
        )


def _read_harmony(path: str) -> Iterator[Promise]:
    """Read the index of Harmony (Opera Phenix, Operetta, Sonata), schemas V5 to V7.

    V5 describes the channel in each image; V7 once for all, in `Maps`.
    """
    plate = ""
    channels: dict[str, dict[str, str]] = {}
    for tag, fields in read_records(path, ("Plate", "Entry", "Image")):
        if tag == "Plate":
            plate = fields.get("Name", plate)
        elif tag == "Entry":
            channels.setdefault(fields.get("ChannelID", ""), {}).update(fields)
            _refuse_channels(len(channels))
        elif "URL" in fields:
            image = {**channels.get(fields.get("ChannelID", ""), {}), **fields}
            place = _place(
                plate=plate,
                well=well_name(int(image["Row"]), image["Col"]),
                site=image.get("FieldID", ""),
                channel=image.get("ChannelID", ""),
                z=image.get("PlaneID", ""),
                time=image.get("TimepointID", ""),
                stain=image.get("ChannelName", ""),
            )
            state = image.get("State", "Ok")
            yield Promise(
                os.path.join(os.path.dirname(path), fields["URL"]),
                place,
                _size(image, "ImageResolutionY", "ImageResolutionX", "m"),
                "" if state == "Ok" else f"the index says that its state is {state!r}",
            )


def _read_cellvoyager(path: str) -> Iterator[Promise]:
    """Read MeasurementData.mlf; plate, pixel size and stains come from the files beside it."""
    folder = os.path.dirname(path)
    plate, settings = "", ""
    pixels: dict[str, PixelSize] = {}
    details = ("MeasurementSamplePlate", "MeasurementChannel", "MeasurementDetail")
    for tag, fields in _read_beside(folder, "MeasurementDetail.mrf", details):
        plate = fields.get("Name", plate)
        settings = fields.get("MeasurementSettingFileName", settings)
        if tag == "MeasurementChannel":
            size = _size(fields, "VerticalPixelDimension", "HorizontalPixelDimension", "um")
            pixels[fields.get("Ch", "")] = size
            _refuse_channels(len(pixels))
    stains: dict[str, str] = {}
    for _, fields in _read_beside(folder, settings, ("Channel",)):
        stains[fields.get("Ch", "")] = fields.get("Fluorophore") or fields.get("Target", "")
        _refuse_channels(len(stains))
    for _, fields in read_records(path, ("MeasurementRecord",)):
        channel = fields.get("Ch", "")
        is_image = fields.get("Type") == "IMG"
        yield Promise(
            os.path.join(folder, fields[""]) if is_image else "",
            _place(
                plate=plate,
                well=well_name(int(fields["Row"]), fields["Column"]),
                site=fields.get("FieldIndex", ""),
                channel=channel,
                z=fields.get("ZIndex", ""),
                time=fields.get("TimePoint", ""),
                stain=stains.get(channel, ""),
            ),
            pixels.get(channel, NO_SIZE),
            "" if is_image else f"the instrument recorded an error: {fields.get('', '')}",
        )


def _read_beside(
    folder: str, name: str, tags: tuple[str, ...]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Read a file that tells more than the index, if it is there."""
    name = os.path.basename(name)
    if name and size_and_time(os.path.join(folder, name))[0] >= 0:
        yield from read_records(os.path.join(folder, name), tags)


def _read_metaxpress(path: str) -> Iterator[Promise]:
    """Read an HTD file of MetaXpress; it says what was chosen, and states no file names."""
    fields = _read_lines(path)
    if "XWells" not in fields:
        raise InputError(f"{path!r} does not say XWells; expected an HTD file of MetaXpress")
    wells = [
        well_name(row, column)
        for row in range(1, _count(fields, "YWells", 0) + 1)
        for column in _chosen(fields.get(f"WellsSelection{row}", ""))
    ]
    x_sites = _count(fields, "XSites", 1)
    sites = [
        str((row - 1) * x_sites + column)
        for row in range(1, _count(fields, "YSites", 1) + 1)
        for column in _chosen(fields.get(f"SiteSelection{row}", ""))
    ]
    waves = {
        str(wave): fields.get(f"WaveName{wave}", "").strip('"')
        for wave in range(1, _count(fields, "NWavelengths", 1) + 1)
        if fields.get(f"WaveCollect{wave}", "1") != "0"
    }
    times = [str(time) for time in range(1, _count(fields, "TimePoints", 1) + 1)]
    steps = _count(fields, "ZSteps", 0) if fields.get("ZSeries") == "TRUE" else 0
    planes = [str(z) for z in range(1, steps + 1)]
    axes = (times, wells, sites or [""], waves.items(), planes or [""])
    _refuse_many(math.prod(map(len, axes)), MOST_PROMISED)
    for time, well, site, (wave, stain), z in product(*axes):
        yield Promise("", Place("", well, site, wave, z, time, stain))


def _read_metamorph(path: str) -> Iterator[Promise]:
    """Read an ND file of MetaMorph: the waves, stage positions and times of a series of files.

    Planes of a z stack lie in one file.
    """
    fields = _read_lines(path)
    if not any(name in fields for name in ("NWavelengths", "NStagePositions", "NTimePoints")):
        raise InputError(f"{path!r} does not say NWavelengths; expected an ND file of MetaMorph")
    waves, sites, times = (
        [str(number) for number in range(1, _count(fields, count, 1) + 1)]
        if fields.get(does, "").upper() == "TRUE"
        else [""]
        for does, count in _SERIES_AXES
    )
    _refuse_many(len(waves) * len(sites) * len(times), MOST_PROMISED)
    wells = _wells_of(fields, sites)
    series = os.path.splitext(os.path.basename(path))[0]
    for wave in waves:
        stain = _WAVE.sub("", fields.get(f"WaveName{wave}", "").strip('"'))
        points = fields.get(f"WavePointsCollected{wave}", "")
        taken = {point.strip() for point in points.split(",")} if points else set(times)
        for time, site in product(times, sites):
            if time in taken:
                place = _place(
                    plate=series, well=wells[site], site=site, channel=wave, time=time, stain=stain
                )
                yield Promise("", place)


def _wells_of(fields: Mapping[str, str], sites: list[str]) -> dict[str, str]:
    """Return the wells of stage positions that are called by them, all or none."""
    found = {site: _WELL.match(fields.get(f"Stage{site}", "").strip('"')) for site in sites}
    are_wells = all(found.values())
    return {
        site: normal_well(each[1]) if are_wells and each else "" for site, each in found.items()
    }


def _read_lines(path: str) -> dict[str, str]:
    """Read lines of a quoted name and a value, as the programs of Molecular Devices write them."""
    opened = open_to_read(path, most_bytes=_MOST_HTD_BYTES)
    with io.TextIOWrapper(opened, encoding="latin-1") as file:
        lines = [line.strip().split(", ", 1) for line in file if ", " in line]
    return {key.strip('"'): value.strip() for key, value in lines}


def _count(fields: Mapping[str, str], name: str, default: int) -> int:
    """Return how many there are of something, and not more than an index may list."""
    said = fields.get(name, str(default))
    if not (said.isdecimal() and len(said) < 10 and int(said) <= MOST_PROMISED):
        raise InputError(
            f"{name} is {said[:40]!r} in the index; expected a number up to {MOST_PROMISED:,}; "
            f"copy it again from the instrument"
        )
    return int(said)


def _refuse_channels(count: int) -> None:
    if count > _MOST_CHANNELS:
        raise InputError(
            f"the index lists more than {_MOST_CHANNELS} channels; expected those of a "
            f"microscope; check what wrote it"
        )


def _place(**said: str) -> Place:
    """Return a place whose texts are kept once, however many images say the same."""
    return Place(**{name: sys.intern(text) for name, text in said.items()})


def _chosen(flags: str) -> list[int]:
    return [i for i, flag in enumerate(flags.split(","), 1) if flag.strip().upper() == "TRUE"]


def _size(fields: dict[str, str], y: str, x: str, unit: str) -> PixelSize:
    return stated_size(unit, y=fields.get(y), x=fields.get(x))


_READERS: dict[str, tuple[str, Callable[[str], Iterator[Promise]]]] = {
    "index.idx.xml": ("Harmony index", _read_harmony),
    "index.xml": ("Harmony index", _read_harmony),
    "measurementdata.mlf": ("CellVoyager index", _read_cellvoyager),
    ".htd": ("MetaXpress HTD", _read_metaxpress),
    SERIES: ("MetaMorph ND", _read_metamorph),
}
