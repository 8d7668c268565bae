import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from stated_runs import hard_run, some_centres, write_run

from nucensus import Settings, census, export_run
from nucensus.export import FORMATS
from nucensus.export.provenance import provenance, write_provenance
from nucensus.report import write_report
from nucensus.text.names import unescape
from nucensus.values.synthetic import write_plate

SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "provenance.schema.json").read_text())


def check(document):
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(document, SCHEMA, jsonschema.Draft202012Validator)


@pytest.fixture(scope="module")
def hard(tmp_path_factory):
    return hard_run(tmp_path_factory.mktemp("hard"))


def test_the_provenance_fits_its_schema_and_lists_every_input(hard, tmp_path):
    document = json.loads(
        write_provenance(hard, provenance(hard), tmp_path / "p.json").read_text("ascii")
    )
    check(document)
    assert [unescape(each["image"]) for each in document["inputs"]["files"]] == list(
        hard.images["image"]
    )
    assert document["inputs"]["files"][0]["changed"] == "2020-09-13T12:26:40.123456789Z"
    assert document["inputs"]["size_bytes"] == 240 * len(hard.images)


def test_a_real_run_fits_the_schema(tmp_path):
    write_plate(tmp_path / "plate", fields=1, corrupt=False)
    census(tmp_path / "plate", tmp_path / "run")
    document = json.loads((tmp_path / "run" / "provenance.json").read_text())
    check(document)
    assert document["strategy"]["reason"]
    assert document["machine"]["processor"]
    assert document["inputs"]["files"][0]["size_bytes"] > 1024 * 1280


@pytest.mark.parametrize(
    "path",
    [
        "s3://KEY:hidden@bucket/a.tif",
        "https://hidden@host/a.tif",
        "https://host/a.tif?X-Amz-Signature=hidden",
        "az://host/a.tif?sv=1&sig=hidden#x",
        "https://host/a.tif#hidden",
    ],
)
def test_credentials_never_get_into_an_output(path, tmp_path):
    run = write_run(
        tmp_path / "run",
        {path: some_centres(2)},
        token="hidden",
        strategy={"name": "threads", "workers": 1, "reason": f"read {path}"},
    )
    document = write_provenance(run, provenance(run), tmp_path / "p").read_text()
    assert "hidden" not in document
    assert "/a.tif" in document


def test_estimates_are_kept_as_they_are(tmp_path):
    pool = {"radius_px": 5.5, "contrast": 210.25, "image_count": 8, "blank_count": 1}
    estimates = {"": pool, "plate/[DAPI]": {**pool, "radius_px": 4.75}}
    run = write_run(tmp_path, {}, estimates=estimates)
    assert provenance(run)["estimates"] == estimates
    check(provenance(run))


def test_numbers_that_json_lacks_are_texts(tmp_path):
    run = write_run(tmp_path, {}, seconds=1.0, machine={"load": float("inf")})
    assert provenance(run)["machine"] == {"load": "inf"}


def _parquet(folder):
    parquet = pytest.importorskip("pyarrow.parquet")
    return parquet.read_schema(folder / "nuclei.parquet").metadata[b"nucensus.provenance"]


def _geojson(folder):
    return json.dumps(json.loads((folder / "plain.tif.geojson").read_text())["provenance"])


def _labels(folder):
    import tifffile

    with tifffile.TiffFile(folder / "plain.tif.labels.tif") as file:
        return file.pages[0].description


def _zarr(folder):
    zarr = pytest.importorskip("zarr")
    return json.dumps(zarr.open_group(folder / "plain.tif.ome.zarr").attrs["provenance"])


def _anndata(folder):
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "nuclei.h5ad") as file:
        return file["uns/provenance"][()]


def _imagej(folder):
    roifile = pytest.importorskip("roifile")
    [roi] = roifile.roiread(folder / "=1+1.tif.zip")
    return roi.props.split("provenance: ", 1)[1]


INSIDE = {
    "parquet": _parquet,
    "geojson": _geojson,
    "labels": _labels,
    "ome-zarr": _zarr,
    "anndata": _anndata,
    "imagej": _imagej,
}


@pytest.mark.parametrize("name", INSIDE)
def test_formats_with_a_place_for_it_hold_the_provenance(name, hard, tmp_path):
    pytest.importorskip({"anndata": "h5py", "ome-zarr": "zarr", "parquet": "pyarrow",
                         "imagej": "roifile"}.get(name, "json"))  # fmt: skip
    export_run(hard, name, tmp_path)
    document = json.loads(INSIDE[name](tmp_path))
    check(document)
    assert document["settings"]["sigma"] == 4
    per_image = FORMATS[name].per_image
    assert len(document["inputs"]["files"]) == (1 if per_image else 0)


def test_the_file_of_an_image_says_what_concerns_it_and_not_what_other_plates_have(tmp_path):
    plates = [f"P{number}" for number in range(30)]
    pool = {"radius_px": 5.5, "contrast": 210.25, "image_count": 8, "blank_count": 1}
    light = {"height": 9, "width": 9, "channel": "", "path": "", "digest": "", "terms": [0.1]}
    sample = {"source": "sample", "run": None, "images": 9, "unread": 0, "unread_names": []}
    folders = ["", *(f"/data/{plate}" for plate in plates)]
    run = write_run(
        tmp_path / "run",
        {f"{plate}/a.tif": (some_centres(2), {"plate": plate}) for plate in plates},
        estimates=dict.fromkeys(folders, pool),
        sample={**sample, "short": {each: [3, 4] for each in folders}},
        positive=[{"column": "intensity", "threshold": None, "controls": [],
                   "plates": {each: {"threshold": 9.5, "why": "valley"} for each in plates}}],
        flat_field=[{**light, "plate": each, "images": 1, "nuclei": 2, "error": 0.1, "darkest": 0.9,
                     "sample": "", "why": ""} for each in (None, *plates)],
    )  # fmt: skip
    assert len(provenance(run)["estimates"]) == 31
    export_run(run, "geojson", tmp_path / "out")
    text = (tmp_path / "out" / "P7" / "a.tif.geojson").read_text()
    document = json.loads(text)["provenance"]
    check(document)
    assert list(document["estimates"]) == list(document["sample"]["short"]) == ["/data/P7", ""]
    assert [list(each["plates"]) for each in document["positive"]] == [["P7"]]
    assert [each["plate"] for each in document["flat_field"]] == [None, "P7"]
    assert "P8" not in text


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_the_provenance_beside_it(name, hard, tmp_path):
    pytest.importorskip({"anndata": "h5py", "ome-zarr": "zarr", "parquet": "pyarrow",
                         "imagej": "roifile", "xlsx": "openpyxl"}.get(name, "json"))  # fmt: skip
    written = export_run(hard, name, tmp_path)
    check(json.loads(written[-1].read_text()))


def test_a_run_that_is_started_twice_keeps_both_starts(tmp_path):
    images = [tmp_path / "in" / f"{name}.tif" for name in "abc"]
    images[0].parent.mkdir()
    for path in images[:2]:
        tifffile.imwrite(path, np.zeros((40, 50), np.uint16))
    settings = Settings(threshold=300)
    census(tmp_path / "in", tmp_path / "run", settings).close()
    first = json.loads((tmp_path / "run" / "provenance.json").read_text())
    tifffile.imwrite(images[2], np.zeros((40, 50), np.uint16))
    with census(tmp_path / "in", tmp_path / "run", settings) as run:
        facts = run.facts
    second = json.loads((tmp_path / "run" / "provenance.json").read_text())
    check(second)
    assert [start["images"] for start in facts["starts"]] == [2, 1]
    assert facts["starts"][0]["started"] == facts["started"] < facts["starts"][1]["started"]
    assert facts["seconds"] == pytest.approx(sum(each["seconds"] for each in facts["starts"]))
    assert second["started"] == first["started"]
    assert second["starts"][0] == first["starts"][0]
    assert second["seconds"] == facts["seconds"]
    assert [start["seconds"] for start in second["starts"]] == [
        start["seconds"] for start in facts["starts"]
    ]


def test_the_speed_of_a_run_is_that_of_the_starts_that_did_its_images(tmp_path):
    starts = [{"started": 1.7e9 + n, "seconds": s, "images": i} for n, (s, i) in
              enumerate([(10.0, 90), (0.5, 0), (2.0, 30)])]  # fmt: skip
    run = write_run(tmp_path / "run", {"a.tif": some_centres(3)}, starts=starts, seconds=12.5)
    write_report(run, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "12.5 s, 10 images per second" in page
