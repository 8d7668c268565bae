"""Tell the channels, slices and frames of a ScanImage file apart, which are pages in one row."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tifffile import TiffFile

_CHANNELS = ("hChannels.channelSave", "channelsSave", "acq.numberOfChannelsSave")
_SLICES = ("hStackManager.actualNumSlices", "hStackManager.numSlices", "stackNumSlices",
           "acq.numberOfZSlices")  # fmt: skip
_FRAMES = ("hStackManager.framesPerSlice", "acqNumFrames", "acq.numberOfFrames")
_AVERAGED = ("hScan2D.logAverageFactor", "acqNumAveragedFrames", "acq.numAvgFramesSave")
_LINE = re.compile(r"^(?:SI\.|scanimage\.SI\d*\.|state\.)([\w.]+)\s*=\s*(.*?)\s*$", re.MULTILINE)


def name_pages(tiff: "TiffFile", count: int) -> dict[str, int]:
    """Return the axes of `count` pages, the slowest first; "i" if they cannot be told apart.

    ScanImage writes the channels of a frame first, then the frames of a slice, then the slices of
    a volume, then the next volume.
    """
    stated = _stated(tiff)
    channels = _number(stated, _CHANNELS)
    slices = 1 if stated.get("hStackManager.enable") in ("false", "0") else _number(stated, _SLICES)
    if channels is None or count % channels:
        return {"i": count}
    if slices is None:
        return {"z": count // channels, "c": channels}
    frames = _number(stated, _FRAMES)
    if frames is None:  # as many as there was time for
        frames = count // channels if slices == 1 else 1
    frames = max(1, frames // (_number(stated, _AVERAGED) or 1))
    if count == channels * slices:
        frames = 1
    volumes, rest = divmod(count, channels * slices * frames)
    if rest or not volumes or (volumes > 1 and frames > 1 and slices > 1):
        return {"i": count}
    if volumes > 1 and slices > 1:
        return {"t": volumes, "z": slices, "c": channels}
    return {"z": slices, "t": frames * volumes, "c": channels}


def _stated(tiff: "TiffFile") -> Mapping[str, str]:
    """Return what ScanImage states, by names without their beginnings."""
    first = tiff.pages.first
    known = (tiff.scanimage_metadata or {}).get("FrameData") or {}
    text = "\n".join(f"{name} = {value}" for name, value in known.items())
    return dict(_LINE.findall(f"{first.description}\n{first.software}\n{text}"))


def _number(stated: Mapping[str, str], names: tuple[str, ...]) -> int | None:
    """Return the first number that is stated; of a list like [1;2], how many it has."""
    for name in names:
        value = stated.get(name, "")
        if name in _CHANNELS[:2] and value:
            return len(re.findall(r"\d+", value)) or None
        if re.fullmatch(r"\d+(\.0*)?", value) and float(value) > 0:
            return int(float(value))
    return None
