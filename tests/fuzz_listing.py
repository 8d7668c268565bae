"""List folders whose index files are mutated: whatever is in them, the good image is listed.

python tests/fuzz_listing.py [--cases 2000] [--seed 0] [--only CASE]

Bytes are changed, files are cut, words, numbers and JSON values become others. A failure names the
case, which `--only CASE` with the same seed repeats.
"""

import argparse
import json
import re
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from nucensus.discover import survey, view_plates

MOST_S = 20
_WELLS = [{"path": "B/3", "rowIndex": 1}, {"path": "C/11"}]
_PLATE = {"plate": {"name": "p", "wells": _WELLS, "acquisitions": [{"id": 0}]}}
_IMAGE = "<Image><URL>a.tif</URL><Row>2</Row><Col>3</Col><FieldID>1</FieldID>"
FILES = {
    "p.HTD": '"HTSInfoFile", Version 1.0\n"TimePoints", 2\n"ZSeries", TRUE\n"ZSteps", 3\n"XWells", '
    '12\n"YWells", 8\n"WellsSelection2", FALSE, TRUE, TRUE\n"XSites", 2\n"YSites", 2\n'
    '"SiteSelection1", TRUE, FALSE\n"NWavelengths", 2\n"WaveName1", "DAPI"\n"WaveCollect1", 1\n',
    "Index.idx.xml": '<?xml version="1.0" encoding="utf-8"?><EvaluationInputData><Plates><Plate>'
    '<Name>p</Name></Plate></Plates><Maps><Map><Entry ChannelID="1"><ChannelName>DAPI</ChannelName>'
    f"<ImageResolutionX>5E-07</ImageResolutionX></Entry></Map></Maps><Images>{_IMAGE}<ChannelID>1"
    "</ChannelID><State>Ok</State></Image></Images></EvaluationInputData>",
    "MeasurementData.mlf": '<b:MeasurementData xmlns:b="x"><b:MeasurementRecord b:Type="IMG" '
    'b:Row="2" b:Column="3" b:Ch="1" b:FieldIndex="1">a.tif</b:MeasurementRecord>'
    "</b:MeasurementData>",
    "MeasurementDetail.mrf": '<D><MeasurementSamplePlate Name="p"/><MeasurementChannel Ch="1" '
    'VerticalPixelDimension="0.3" HorizontalPixelDimension="0.3"/><MeasurementDetail '
    'MeasurementSettingFileName="s.mes"/></D>',
    "a.companion.ome": '<OME xmlns="x"><Image ID="Image:0"><Pixels DimensionOrder="XYCZT" '
    'SizeX="8" SizeY="8" SizeZ="2" SizeC="1" SizeT="1" Type="uint8"><Channel Name="DAPI"/>'
    '<TiffData FirstZ="0" IFD="0"><UUID FileName="a.tif">urn:uuid:1</UUID>'
    "</TiffData></Pixels></Image></OME>",
    "b.zarr/.zattrs": json.dumps(_PLATE),
    "b.zarr/B/3/.zattrs": json.dumps({"well": {"images": [{"path": "0", "acquisition": 0}]}}),
    "c.zarr/zarr.json": json.dumps({"attributes": {"ome": _PLATE}, "node_type": "group"}),
}
"""A sound file of each kind, by its name."""

_TOKENS = [
    "-1", "0", "1e999", "nan", "99999999999", "9" * 5000, "", " ", "\0", "../../x", "/dev/zero",
    "\x1b]0;x\x07", "\u202e", "\ud800", "é", "TRUE", "<", ">", "]]>", "<!--", "&#0;", "&x;",
    "[" * 3000, '{"a":' * 3000, "<a>" * 3000, "[1]", "{}", "null", "true", "x" * 100_000, '"', "\n",
    "\\ud800",
]  # fmt: skip
_VALUES = [
    None,
    True,
    -1,
    1e308,
    10**30,
    float("nan"),
    "",
    "..",
    "\ud800",
    "a\0",
    [],
    {},
    [[]],
    [{}],
]


def mutate(text, rng):
    """Return the bytes of a file that is not quite `text` any more."""
    if text.startswith("{") and rng.random() < 0.5:
        text = json.dumps(_with_another_value(json.loads(text), rng))
    for _ in range(rng.integers(1, 4)):
        words = re.split(r"(\w+|\W)", text)
        place = int(rng.integers(len(words)))
        words[place] = str(rng.choice(_TOKENS))
        text = "".join(words)
    data = bytearray(text.encode(errors="surrogatepass"))
    if data and rng.random() < 0.3:
        data[int(rng.integers(len(data)))] = int(rng.integers(256))
    if rng.random() < 0.2:
        del data[int(rng.integers(len(data) + 1)) :]
    return bytes(data)


def _with_another_value(value, rng):
    """Return JSON in which one value is another."""
    inside = list(value) if isinstance(value, dict) else range(len(value or ())) if isinstance(
        value, list) else ()  # fmt: skip
    if not inside or rng.random() < 0.2:
        return _VALUES[int(rng.integers(len(_VALUES)))]
    key = inside[int(rng.integers(len(inside)))]
    value[key] = _with_another_value(value[key], rng)
    return value


def check(case, seed, folder):
    """List a folder of mutated files; raise if the good image is not listed as good."""
    rng = np.random.default_rng([seed, case])
    (folder / "good").mkdir(parents=True)
    (folder / "good" / "1.tif").write_bytes(b"x")
    chosen = rng.choice(list(FILES), size=int(rng.integers(1, 3)), replace=False)
    for name, text in FILES.items():
        if name in chosen or name.startswith(str(chosen[0]).split("/")[0]):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(mutate(text, rng) if name in chosen else text.encode())
    start = time.perf_counter()
    found = survey([folder], (".tif", ".zarr"))
    view_plates(found.references)
    assert [each.problem for each in found.references if each.name.endswith("good/1.tif")] == [""]
    assert time.perf_counter() - start < MOST_S


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int)
    options = parser.parse_args()
    for case in range(options.cases) if options.only is None else [options.only]:
        folder = Path(tempfile.mkdtemp())
        try:
            check(case, options.seed, folder)
        except BaseException:
            print(f"case {case} of seed {options.seed} failed", flush=True)  # noqa: T201
            raise
        finally:
            shutil.rmtree(folder)
    print(f"{options.cases} cases")  # noqa: T201


if __name__ == "__main__":
    main()
