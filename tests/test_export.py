import csv
import json
import sqlite3
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest
from click.testing import CliRunner
from stated_runs import HARD_NAMES, hard_run, plate_run, some_centres, write_run

from nucensus import export_run
from nucensus.cli import _nucensus
from nucensus.errors import InputError, MissingPackageError, RunError
from nucensus.export import FORMATS
from nucensus.export.categories import Categories
from nucensus.export.labels import band_rows, draw_labels
from nucensus.export.place import numbered_paths
from nucensus.export.rows import comma_line
from nucensus.kernel import format_rows
from nucensus.store import NUCLEUS_RECORD, VOLUME_RECORD, Run
from nucensus.text.names import escape, safe_path, unescape
from nucensus.values import Centres, Failed, Found, Outlines

NEEDS = {
    "parquet": "pyarrow",
    "imagej": "roifile",
    "ome-zarr": "zarr",
    "anndata": "h5py",
    "xlsx": "openpyxl",
}
ROIS = {"napari", "imagej"}  # formats whose readers cannot open a file without nuclei


@pytest.fixture(scope="module")
def hard(tmp_path_factory):
    run = hard_run(tmp_path_factory.mktemp("hard"))
    assert [row["name"] for row, _ in run.found_images()] == list(HARD_NAMES)
    return run


@pytest.fixture(scope="module")
def plate(tmp_path_factory):
    run = plate_run(tmp_path_factory.mktemp("plate"))
    assert [len(nuclei) for _, nuclei in run.found_images()] == [30, 20, 10]
    return run


def rows_of(path):
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def micrometres(row, axis, pixels):
    size_um = row[f"pixel_{axis}_um"]
    return None if size_um is None else pixels * size_um


def test_numbers_are_written_as_python_writes_them():
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**64, 20_000, dtype=np.uint64).view(np.float64)
    ordinary = rng.uniform(0, 5000, 20_000)
    special = [0.0, -0.0, np.inf, -np.inf, 1e16, 9999999999999998.0, 1e-4, 9.999e-5, 5e-324]
    values = np.concatenate(
        [bits[~np.isnan(bits)], ordinary, special, 10.0 ** np.arange(-320, 309)]
    )
    text = bytes(format_rows(values[:, None], b"d", [b"", b"\n"])).decode()
    assert text.split() == list(map(repr, values.tolist()))


def test_numbers_of_single_precision_are_written_as_short_as_they_read_back():
    bits = np.random.default_rng(1).integers(0, 2**32, 20_000, dtype=np.uint32).view(np.float32)
    ordinary = np.random.default_rng(2).uniform(-8, 18, 20_000)
    ordinary = np.append(np.exp(ordinary), 2.0 ** np.arange(-9, 26)).astype(np.float32)
    values = np.concatenate([ordinary, bits[~np.isnan(bits)], np.float32([0.1, -0.0, np.inf])])
    text = bytes(format_rows(values[:, None].astype(np.float64), b"f", [b"", b"\n"])).split()
    assert np.array_equal(np.array(text).astype(np.float32), values)
    shortest = [np.format_float_positional(each, trim="0") for each in ordinary]
    assert list(map(len, text[: len(ordinary)])) == list(map(len, shortest))
    assert text[-3:] == [b"0.1", b"-0.0", b"inf"]


def test_json_numbers_read_back_even_when_they_are_infinite():
    values = np.array([[1.5, np.inf, -np.inf, 2.0]])
    text = bytes(format_rows(values, b"DFFD", [b"[", b",", b",", b",", b"]"]))
    assert json.loads(text) == [1.5, np.inf, -np.inf, 2.0]


def test_rows_need_a_literal_on_either_side_of_each_number():
    with pytest.raises(ValueError, match="one literal more"):
        format_rows(np.zeros((1, 2)), b"dd", [b"", b","])


def test_rows_stand_behind_the_name_of_their_group():
    values, counts = np.array([[1, 0.5], [2, np.nan], [3, np.inf]]), np.array([2, 0, 1])
    names = [b"a,", b"none,", "\u00b5,".encode()]
    text = bytes(format_rows(values, b"iO", [b"", b",", b"\n"], names, counts)).decode()
    assert text == "a,1,0.5\na,2,\n\u00b5,3,inf\n"
    for wrong in (counts[:2], counts + 1, np.array([4, 0, -1])):
        with pytest.raises(ValueError, match="all rows counted"):
            format_rows(values, b"iO", [b"", b",", b"\n"], names, wrong)


@pytest.mark.parametrize("name", [*HARD_NAMES, "\\", "\\\\x41", "a\\xe9", "tab\t\udc80"])
def test_an_escaped_name_is_unicode_and_comes_back(name):
    for also in ("", r"\x00-\x1f"):
        escaped = escape(name, also=also)
        escaped.encode()
        assert unescape(escaped) == name


def test_an_ordinary_name_is_not_escaped():
    assert escape("plate/µm \U0001f52c, 'x'.tif") == "plate/µm \U0001f52c, 'x'.tif"


def test_files_stay_below_their_folder_and_apart():
    names = ["/abs.tif", "../a", "./a", "a", "%2E%2E/a", "a//b", "a/b", "x" * 255, "x" * 254 + "y"]
    paths = [safe_path(name) for name in names]
    assert len(set(paths)) == len(names)
    for path in paths:
        assert not path.startswith("/")
        assert not {"", ".", ".."} & set(path.split("/"))
        assert max(map(len, path.split("/"))) <= 200


def test_names_that_a_folder_takes_for_one_are_numbered(tmp_path):
    path_of = numbered_paths(tmp_path)
    paths = [path_of(name) for name in ("p/a.csv", "p/A.csv", "b.csv", "P/a.csv")]
    names = ["p/a.csv", "p/%2~A.csv", "b.csv", "P/%3~a.csv"]
    assert paths == [tmp_path / name for name in names]


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("wells/aux.tif", "wells/%61ux.tif"),
        ("COM1", "%43OM1"),
        ("console.tif", "console.tif"),
        ("a:b/c?.tif", "a%3Ab/c%3F.tif"),
        ("ends. /so.", "ends.%20/so%2E"),
        ("back\\slash", "back%5Cslash"),
        ("µm é.tif", "µm é.tif"),
    ],
)
def test_a_name_that_windows_takes_for_none_is_spelled_out_there(name, there):
    assert safe_path(name, on_windows=True) == there
    assert safe_path(name, on_windows=False) == name


def test_csv_holds_every_nucleus_and_every_name(hard, tmp_path):
    export_run(hard, "csv", tmp_path)
    expected = [
        (row["name"], str(y), str(x), repr(intensity))
        for row, nuclei in hard.found_images()
        for y, x, intensity in nuclei.tolist()
    ]
    nuclei = rows_of(tmp_path / "nuclei.csv")
    assert [tuple(row.values())[:4] for row in nuclei] == expected
    images = rows_of(tmp_path / "images.csv")
    assert [row["image"] for row in images] == [*HARD_NAMES, "broken.tif"]
    assert images[-1]["reason"] == 'the file is "cut off",\nsee above'


def test_csv_has_micrometres_where_an_image_states_its_pixel_size(hard, tmp_path):
    export_run(hard, "csv", tmp_path)
    stated = {row["name"]: row for row, _ in hard.found_images()}
    rows = rows_of(tmp_path / "nuclei.csv")
    assert len(rows) == sum(len(nuclei) for _, nuclei in hard.found_images()) > 0
    for row in rows:
        for axis in "yx":
            expected = micrometres(stated[row["image"]], axis, int(row[axis]))
            assert row[f"{axis}_um"] == ("" if expected is None else repr(expected))


def test_csv_has_each_nucleus_once_however_many_an_image_has(tmp_path):
    counts = {"a.tif": 3, "many.tif": 140_000, "none.tif": 0, "z.tif": 2}
    counts |= {f"{n}.tif": 2000 + n for n in range(20)}  # several are turned into text at a time
    rng = np.random.default_rng(0)
    images = {
        name: Centres(rng.integers(0, 100, (count, 2)), np.ones(count))
        for name, count in counts.items()
    }
    run = write_run(tmp_path, images)
    export_run(run, "csv", tmp_path)
    nuclei, table = run.nuclei, rows_of(tmp_path / "nuclei.csv")
    for name in ("image", "y", "x"):
        assert [row[name] for row in table] == list(map(str, nuclei[name].tolist()))


def test_csv_has_no_micrometres_where_no_image_states_a_pixel_size(tmp_path):
    run = write_run(tmp_path, {"a.tif": some_centres(3)})
    export_run(run, "csv", tmp_path)
    header = (tmp_path / "nuclei.csv").read_text().splitlines()[0]
    assert header == "image,y,x,intensity"


@pytest.mark.filterwarnings("ignore:The 'float_precision' argument")  # the default, one day
def test_csv_reads_back_equal_in_pandas(hard, tmp_path):
    import pandas

    export_run(hard, "csv", tmp_path)
    table = pandas.read_csv(
        tmp_path / "nuclei.csv",
        dtype={"image": object},
        encoding_errors="surrogateescape",
        float_precision="round_trip",
    )
    expected = hard.nuclei.to_pandas()
    pandas.testing.assert_frame_equal(table[list(expected.columns)], expected, check_exact=True)


def test_a_table_may_be_named_as_a_file(plate, tmp_path):
    written = export_run(plate, "csv", tmp_path / "mine.csv")
    names = ["mine.csv", "mine_images.csv", "mine.csv.provenance.json"]
    assert written == [tmp_path / name for name in names]
    assert len(rows_of(tmp_path / "mine.csv")) == 60
    assert len(rows_of(tmp_path / "mine_images.csv")) == 4


def test_parquet_reads_back_equal(hard, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    export_run(hard, "parquet", tmp_path)
    table = parquet.read_table(tmp_path / "nuclei.parquet").to_pydict()
    nuclei = hard.nuclei
    assert list(map(unescape, table["image"])) == nuclei["image"].tolist()
    for name in ("y", "x", "intensity"):
        assert table[name] == nuclei[name].tolist()
    sizes = {row["name"]: row for row, _ in hard.found_images()}
    for axis in "yx":
        for name, pixels, um in zip(nuclei["image"], table[axis], table[f"{axis}_um"], strict=True):
            expected = micrometres(sizes[name], axis, pixels)
            assert np.isnan(um) if expected is None else um == expected


def test_parquet_tells_of_every_image(hard, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    export_run(hard, "parquet", tmp_path)
    images = parquet.read_table(tmp_path / "images.parquet")
    assert list(map(unescape, images["image"].to_pylist())) == [*HARD_NAMES, "broken.tif"]
    assert images["status"].to_pylist() == ["found"] * len(HARD_NAMES) + ["failed"]
    assert images["size_bytes"].to_pylist() == [240] * (len(HARD_NAMES) + 1)
    assert images["changed"][0].value == 1_600_000_000_123_456_789


def test_parquet_opens_in_pandas(plate, tmp_path):
    pytest.importorskip("pyarrow")
    import pandas

    export_run(plate, "parquet", tmp_path)
    table = pandas.read_parquet(tmp_path / "nuclei.parquet")
    assert table.groupby("image", observed=True).size().to_dict() == {
        "a.tif": 30, "b.tif": 20, "c.tif": 10
    }  # fmt: skip


def check_geojson(document):
    """Hold a FeatureCollection of points against RFC 7946, sections 3 and 7."""
    assert document["type"] == "FeatureCollection"
    assert isinstance(document["features"], list)
    assert not {"coordinates", "geometries", "geometry", "properties"} & set(document)
    for feature in document["features"]:
        assert feature["type"] == "Feature"
        assert isinstance(feature["properties"], dict)
        assert not {"coordinates", "geometries", "features"} & set(feature)
        geometry = feature["geometry"]
        assert set(geometry) == {"type", "coordinates"}
        assert geometry["type"] == "Point"
        assert len(geometry["coordinates"]) == 2
        assert all(type(each) is float for each in geometry["coordinates"])


def test_geojson_is_valid_and_holds_detections_for_qupath(hard, tmp_path):
    export_run(hard, "geojson", tmp_path)
    for row, nuclei in hard.found_images():
        text = (tmp_path / f"{safe_path(row['name'])}.geojson").read_bytes().decode("utf-8")
        document = json.loads(text, parse_constant=pytest.fail)
        check_geojson(document)
        assert unescape(document["image"]) == row["name"]
        assert len(document["features"]) == len(nuclei)
        for feature, (y, x, intensity) in zip(document["features"], nuclei.tolist(), strict=True):
            # The centre of a pixel is half a pixel from its corner, QuPath's origin.
            assert feature["geometry"]["coordinates"] == [x + 0.5, y + 0.5]
            properties = feature["properties"]
            assert properties["objectType"] == "detection"
            assert properties["classification"]["name"] == "Nucleus"
            measured = {"Intensity": intensity}
            if row["pixel_y_um"] is not None:
                measured |= {"y_um": micrometres(row, "y", y), "x_um": micrometres(row, "x", x)}
            assert properties["measurements"] == measured


def test_napari_points_follow_the_rules_of_its_reader(hard, tmp_path):
    # napari_builtins.io._read: points if axis-0 and axis-1 are there; all cells numbers.
    export_run(hard, "napari", tmp_path)
    for row, nuclei in hard.found_images():
        path = tmp_path / f"{safe_path(row['name'])}.csv"
        assert path.exists() == (len(nuclei) > 0)
        if len(nuclei):
            with open(path, newline="") as file:
                header, *rows = csv.reader(file)
            assert header[:4] == ["index", "axis-0", "axis-1", "intensity"]
            table = np.array(rows).astype(float)
            assert (table[:, 0] == np.arange(len(nuclei))).all()
            for place, name in enumerate(("y", "x", "intensity"), start=1):
                assert (table[:, place] == nuclei[name]).all()


@pytest.mark.filterwarnings("ignore")
def test_napari_itself_takes_the_points(plate, tmp_path):
    io = pytest.importorskip("napari_builtins.io")
    export_run(plate, "napari", tmp_path)
    path = str(tmp_path / "a.tif.csv")
    [(points, meta, kind)] = io.napari_get_reader(path)(path)
    _, nuclei = plate.find_image("a.tif")
    assert kind == "points"
    assert (points == np.column_stack((nuclei["y"], nuclei["x"]))).all()
    assert (meta["properties"]["intensity"] == nuclei["intensity"]).all()


def test_the_roi_zip_opens_in_roifile(hard, tmp_path):
    roifile = pytest.importorskip("roifile")
    export_run(hard, "imagej", tmp_path)
    for row, nuclei in hard.found_images():
        path = tmp_path / f"{safe_path(row['name'])}.zip"
        assert path.exists() == (len(nuclei) > 0)
        if len(nuclei):
            [roi] = roifile.roiread(path)
            assert roi.roitype == roifile.ROI_TYPE.POINT
            assert (
                roi.coordinates().tolist() == np.column_stack((nuclei["x"], nuclei["y"])).tolist()
            )
            properties = dict(line.split(": ", 1) for line in roi.props.strip().split("\n"))
            assert unescape(json.loads(properties["image"])) == row["name"]


@pytest.mark.parametrize("outlined", [False, True])
def test_bands_of_a_label_image_are_those_of_the_whole(outlined):
    centres = some_centres(40, shape=(70, 50))
    nuclei = {"y": centres.points[:, 0], "x": centres.points[:, 1]}
    nuclei = np.rec.fromarrays([*nuclei.values()], names=[*nuclei])
    row = {"depth": None, "height": 70, "width": 50}
    (whole,) = draw_labels(row, nuclei, 5)
    outlines = Outlines.from_labels(whole, 40) if outlined else None
    bands = list(draw_labels(row, nuclei, 5, outlines, rows=16))
    assert [len(band) for band in bands] == [16, 16, 16, 16, 6]
    np.testing.assert_array_equal(np.concatenate(bands), whole)


@pytest.mark.parametrize("shape", [(2100, 8000), (2, 1040, 16200)])
def test_a_label_image_that_is_drawn_in_bands_is_written_whole(tmp_path, shape):
    import tifffile

    places = some_centres(99, shape=shape[-2:])
    points = np.insert(places.points, 0, 1, axis=1) if len(shape) == 3 else places.points
    found = Found(Centres(points, places.intensities), shape, "uint16", 1, 1)
    with write_run(tmp_path / "run", {"a.tif": found}) as run:
        ((row, nuclei),) = run.found_images()
        assert band_rows(row) < shape[-2]
        expected = np.stack(list(draw_labels(row, nuclei, 2)))
        export_run(run, "labels", tmp_path / "labels", radius=2)
        labels = tifffile.imread(tmp_path / "labels" / "a.tif.labels.tif")
        np.testing.assert_array_equal(labels, expected if len(shape) == 3 else expected[0])
        zarr = pytest.importorskip("zarr")
        export_run(run, "ome-zarr", tmp_path / "zarr", radius=2)
        labels = zarr.open(tmp_path / "zarr" / "a.tif.ome.zarr" / "0", mode="r")[:]
        np.testing.assert_array_equal(labels, expected if len(shape) == 3 else expected[0])


@pytest.mark.parametrize("radius", [0, 3, 15])
def test_labels_count_the_same(hard, radius):
    for row, nuclei in hard.found_images():
        (labels,) = draw_labels(row, nuclei, radius)
        assert labels.shape == (row["height"], row["width"])
        assert set(np.unique(labels)) - {0} == set(range(1, len(nuclei) + 1))
        assert (labels[nuclei["y"], nuclei["x"]] == np.arange(1, len(nuclei) + 1)).all()


def test_a_disc_has_its_radius():
    row, nuclei = {"depth": None, "height": 21, "width": 21}, np.array([(10, 10, 1.0)], "i4,i4,f8")
    nuclei.dtype.names = ("y", "x", "intensity")
    rows, columns = np.indices((21, 21)) - 10
    (labels,) = draw_labels(row, nuclei, 5)
    assert ((labels > 0) == (rows**2 + columns**2 <= 25)).all()


@pytest.mark.parametrize("depth", [None, 5])
def test_of_nuclei_in_one_place_the_brightest_is_drawn_and_others_keep_their_own_pixel(depth):
    nuclei = np.zeros(3, VOLUME_RECORD if depth else NUCLEUS_RECORD)
    nuclei["y"], nuclei["x"] = 6, [9, 5, 9]
    if depth:
        nuclei["z"] = 2
    row = {"height": 13, "width": 15, "depth": depth}
    planes = list(draw_labels(row, nuclei, 3))
    assert len(planes) == (depth or 1)
    middle = planes[2 if depth else 0][6].tolist()
    assert middle[:7] == [0, 0, 2, 2, 2, 2, 2]
    assert middle[8:] == [1, 1, 1, 1, 1, 0, 0]
    assert planes[-1].any()


def test_label_tiffs_open_with_the_scale_of_their_images(hard, tmp_path):
    import tifffile

    export_run(hard, "labels", tmp_path, radius=2)
    for row, nuclei in hard.found_images():
        with tifffile.TiffFile(tmp_path / f"{safe_path(row['name'])}.labels.tif") as file:
            page = file.pages[0]
            assert len(np.unique(page.asarray())) == len(nuclei) + 1
            for axis in "yx" if row["pixel_y_um"] is not None else "":
                pixels, centimetres = page.tags[f"{axis.upper()}Resolution"].value
                size_um = 1e4 * centimetres / pixels
                assert size_um == pytest.approx(row[f"pixel_{axis}_um"], rel=1e-6)


def test_ome_zarr_labels_count_the_same_and_are_valid(plate, tmp_path):
    zarr = pytest.importorskip("zarr")
    export_run(plate, "ome-zarr", tmp_path)
    for row, nuclei in plate.found_images():
        group = zarr.open_group(tmp_path / f"{row['name']}.ome.zarr", mode="r")
        [scales] = group.attrs["multiscales"]
        assert len(np.unique(group[scales["datasets"][0]["path"]])) == len(nuclei) + 1
        assert scales["axes"][0]["unit"] == "micrometer"
        [scale] = scales["datasets"][0]["coordinateTransformations"]
        assert scale["scale"] == [0.5, 0.5]
    attributes = json.loads((tmp_path / "a.tif.ome.zarr" / ".zattrs").read_text())
    v04 = pytest.importorskip("yaozarrs").v04
    v04.Image.model_validate(attributes)
    v04.ImageLabel.model_validate(attributes["image-label"])


def test_anndata_reads_back(hard, tmp_path):
    pytest.importorskip("h5py")
    anndata = pytest.importorskip("anndata")
    export_run(hard, "anndata", tmp_path)
    data = anndata.read_h5ad(tmp_path / "nuclei.h5ad")
    nuclei = hard.nuclei
    assert list(map(unescape, data.obs["image"])) == nuclei["image"].tolist()
    assert (data.X[:, 0] == nuclei["intensity"]).all()
    assert (data.obsm["spatial"] == np.column_stack((nuclei["x"], nuclei["y"]))).all()
    assert data.var_names.tolist() == ["intensity"]
    assert data.obs_names.tolist() == list(map(str, range(len(nuclei))))
    data.write_h5ad(tmp_path / "again.h5ad")


def test_texts_are_numbered_as_they_come_and_take_no_memory():
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(4)
    texts = [f"{number:060d}" for number in rng.integers(0, 40_000, 60_000)]
    texts[5::7] = [None] * len(texts[5::7])
    expected, known = pandas.factorize(np.array(texts, object))
    tracemalloc.start()
    try:
        categories = Categories()
        codes = [categories.codes(texts[start : start + 100]) for start in range(0, 60_000, 100)]
        assert tracemalloc.get_traced_memory()[1] < 60_000 * 10  # the texts alone are 3 MB
    finally:
        tracemalloc.stop()
    assert np.concatenate(codes).tolist() == expected.tolist()
    told = list(categories.parts(999))
    assert [start for start, _ in told] == [*range(0, len(categories), 999)]
    assert [text for _, some in told for text in some] == known.tolist()


def test_texts_may_be_forgotten_in_another_thread():
    held = [Categories()]
    held[0].codes(["a", "b"])
    with ThreadPoolExecutor(1) as pool:
        pool.submit(held.clear).result()  # a failure there is a warning, which is an error here
    assert not held


def test_anndata_states_wells_and_micrometres(plate, tmp_path):
    pytest.importorskip("h5py")
    anndata = pytest.importorskip("anndata")
    export_run(plate, "anndata", tmp_path / "mine.h5ad")
    data = anndata.read_h5ad(tmp_path / "mine.h5ad")
    assert data.obs.groupby("well", observed=True).size().to_dict() == {"A10": 30, "A02": 30}
    assert (data.obsm["spatial_um"] == 0.5 * data.obsm["spatial"]).all()


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ([1, "a", None], b"1,a,\n"),
        (["a,b", 2], b'"a,b",2\n'),
        (['say "x"', 2], b'"say ""x""",2\n'),
        (["x\ny", "z"], b'"x\ny",z\n'),
        (["x\ry"], b'"x\ry"\n'),
        ([float("nan"), "b"], b",b\n"),
        (["banana", 1.0, float("inf")], b"banana,1.0,inf\n"),
        (["\udce9"], b"\xe9\n"),
    ],
)
def test_a_line_of_a_table_is_quoted_where_it_has_to_be(row, line):
    assert comma_line(row) == line


def test_a_workbook_holds_wells_and_provenance(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    name = '=1+1, "quoted"\n\x07\udce9'
    run = write_run(
        tmp_path, {"a.tif": (some_centres(5), {"plate": "P1", "extra": {"drug": name}})}
    )
    export_run(run, "xlsx", tmp_path)
    book = openpyxl.load_workbook(tmp_path / "wells.xlsx")
    assert book.sheetnames == ["wells", "plates", "provenance"]
    header, *rows = book["wells"].iter_rows(values_only=True)
    [well] = [dict(zip(header, row, strict=True)) for row in rows]
    assert well["Nuclei_Count"] == 5
    assert unescape(well["Metadata_drug"]) == name
    assert well["Nuclei_PerMm2"] is None
    facts = dict(book["provenance"].iter_rows(values_only=True))
    assert facts["settings.sigma"] == 4
    assert facts["machine.processor"] == "made up"


@pytest.mark.parametrize("name", FORMATS)
def test_a_run_without_nuclei_can_be_written(name, tmp_path):
    pytest.importorskip(NEEDS.get(name, "numpy"))
    run = write_run(tmp_path / "run", {"a.tif": some_centres(0), "b.tif": None})
    written = export_run(run, name, tmp_path / "out")
    assert len(written) >= 2  # the last is the provenance
    assert all(path.exists() for path in written)


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "run"])
def test_nothing_partial_is_left_and_earlier_files_are_replaced(name, hard, tmp_path):
    pytest.importorskip(NEEDS.get(name, "numpy"))
    for _ in range(2):
        export_run(hard, name, tmp_path)
    assert not list(tmp_path.rglob("*.partial"))


def test_an_export_that_fails_leaves_the_earlier_file(tmp_path):
    run = write_run(tmp_path, {"a.tif": some_centres(3)})
    export_run(run, "csv", tmp_path)
    before = (tmp_path / "nuclei.csv").read_bytes()
    with closing(sqlite3.connect(tmp_path / "run.sqlite")) as database, database:
        database.execute("UPDATE journal SET centres = x'00'")
    with pytest.raises(RunError, match=r"'a\.tif' in it cannot be believed"):
        export_run(run, "csv", tmp_path)
    assert (tmp_path / "nuclei.csv").read_bytes() == before
    assert not list(tmp_path.glob("*.partial"))


def test_an_image_that_is_to_be_done_again_has_no_nuclei(tmp_path):
    write_run(tmp_path, {"a.tif": some_centres(3), "b.tif": some_centres(2)})
    with closing(sqlite3.connect(tmp_path / "run.sqlite")) as database, database:
        database.execute("UPDATE journal SET status = 'pending' WHERE name = 'a.tif'")
    run = Run(tmp_path)
    assert run.counts["nuclei"] == 2
    assert [len(nuclei) for _, nuclei in run.all_images()] == [0, 2]


def test_sums_over_images_leave_out_those_that_failed(tmp_path):
    images = {"a.tif": some_centres(3), "b.tif": Failed("read", "empty"), "c.tif": None}
    run = write_run(tmp_path, images)
    table = run.images
    assert np.nansum(table["count"]) == 3
    assert np.isnan(table["count"]).tolist() == [False, True, True]
    frame = table.to_pandas()
    assert frame["count"].sum() == 3
    assert frame["count"].isna().tolist() == [False, True, True]
    assert frame["count"].dtype == "Int64"
    assert (frame["height"].mean(), frame["z"].count()) == (100, 0)


def test_a_format_that_does_not_exist_is_an_input_error(plate, tmp_path):
    with pytest.raises(InputError, match="expected one of csv, parquet"):
        export_run(plate, "pdf", tmp_path)


def test_a_radius_is_for_formats_that_draw(plate, tmp_path):
    with pytest.raises(InputError, match="labels, ome-zarr, cellprofiler"):
        export_run(plate, "csv", tmp_path, radius=3)


def test_a_place_that_cannot_be_written_is_an_input_error(plate, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        export_run(plate, "geojson", tmp_path / "file")


@pytest.mark.parametrize("name", NEEDS)
def test_a_missing_package_is_named_with_what_installs_it(name, plate, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, NEEDS[name], None)
    with pytest.raises(MissingPackageError, match=f"pip install .*{NEEDS[name]}"):
        export_run(plate, name, tmp_path)


def test_the_command_writes_into_the_run_by_default(tmp_path):
    plate_run(tmp_path)
    result = CliRunner().invoke(_nucensus, ["export", str(tmp_path), "--to", "geojson"])
    assert result.exit_code == 0, result.output
    assert str(tmp_path / "geojson") in result.output
    assert len(list(tmp_path.glob("geojson/*.geojson"))) == 3


SUBPIXEL = np.array([[10.25, 20.75], [30.5, 40.0], [5.0, 6.125]])


@pytest.fixture(scope="module")
def refined(tmp_path_factory):
    """A run with centres to a fraction of a pixel, and pixels of 0.5 x 0.25 micrometres."""
    points = np.rint(SUBPIXEL).astype(np.int64)
    centres = Centres(points, np.array([30.0, 20.0, 10.0]), subpixel=SUBPIXEL)
    images = {"a.tif": (centres, {"pixel_y_um": 0.5, "pixel_x_um": 0.25})}
    return write_run(tmp_path_factory.mktemp("refined"), images)


def test_tables_hold_refined_centres_beside_the_pixels(refined, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    export_run(refined, "csv", tmp_path)
    export_run(refined, "parquet", tmp_path)
    table = parquet.read_table(tmp_path / "nuclei.parquet").to_pydict()
    rows = rows_of(tmp_path / "nuclei.csv")
    for axis, expected, size_um in zip("yx", SUBPIXEL.T, (0.5, 0.25), strict=True):
        for name, values in ((f"{axis}_subpixel", expected), (f"{axis}_um", expected * size_um)):
            assert table[name] == values.tolist()
            assert [float(row[name]) for row in rows] == values.tolist()
        assert table[axis] == refined.nuclei[axis].tolist()


def test_formats_with_one_place_for_a_centre_hold_the_refined_one(refined, tmp_path):
    for name in ("geojson", "napari", "imagej", "anndata"):
        pytest.importorskip(NEEDS.get(name, "numpy"))
        export_run(refined, name, tmp_path)
    features = json.loads((tmp_path / "a.tif.geojson").read_text())["features"]
    found = [each["geometry"]["coordinates"] for each in features]
    assert found == (SUBPIXEL[:, ::-1] + 0.5).tolist()
    points = rows_of(tmp_path / "a.tif.csv")
    assert [[float(row["axis-0"]), float(row["axis-1"])] for row in points] == SUBPIXEL.tolist()
    [roi] = pytest.importorskip("roifile").roiread(tmp_path / "a.tif.zip")
    np.testing.assert_array_equal(roi.coordinates(), SUBPIXEL[:, ::-1])
    data = pytest.importorskip("anndata").read_h5ad(tmp_path / "nuclei.h5ad")
    np.testing.assert_array_equal(data.obsm["spatial"], SUBPIXEL[:, ::-1])
    np.testing.assert_array_equal(data.obsm["spatial_um"], SUBPIXEL[:, ::-1] * (0.25, 0.5))


def test_cellprofiler_finds_each_image_with_its_nuclei_as_objects(plate, tmp_path):
    tifffile = pytest.importorskip("tifffile")
    export_run(plate, "cellprofiler", tmp_path / "out", radius=2)
    rows = rows_of(tmp_path / "out/load_data.csv")
    found = list(plate.found_images())
    for line, (row, nuclei) in zip(rows, found, strict=True):
        assert f"{line['PathName_DNA']}/{line['FileName_DNA']}" == row["path"]
        assert line["Metadata_Well"] == row["well"]
        labels = f"{line['ObjectsPathName_Nuclei']}/{line['ObjectsFileName_Nuclei']}"
        assert tifffile.imread(labels).max() == len(nuclei)
    assert "Metadata_Z" not in rows[0]


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        ({"plane": '{"channel": 1}'}, "one plane of a larger file"),
        ({"depth": 3}, "a volume"),
        ({"path": "s3://bucket/a.tif"}, "in a bucket"),
    ],
)
def test_what_cellprofiler_would_read_as_another_image_is_refused(stated, reason, tmp_path):
    run = write_run(tmp_path, {"a.tif": (some_centres(0), stated)})
    with pytest.raises(InputError, match=f"'a.tif' is {reason}"):
        export_run(run, "cellprofiler", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_files_that_name_each_other_do_not_go_to_a_bucket(plate):
    with pytest.raises(InputError, match="a folder of this machine"):
        export_run(plate, "cellprofiler", "s3://bucket/out")


def test_what_each_format_is_like_is_what_others_ask_it_for():
    like = {
        name: (each.suffix, each.extra, *(
            what for what in ("per_image", "draws", "is_local") if getattr(each, what)
        ))
        for name, each in FORMATS.items()
    }  # fmt: skip
    assert like == {
        "csv": (".csv", ""),
        "parquet": (".parquet", "parquet"),
        "geojson": (".geojson", "", "per_image"),
        "napari": (".csv", "", "per_image"),
        "imagej": (".zip", "imagej", "per_image"),
        "labels": (".tif", "", "per_image", "draws"),
        "ome-zarr": (".zarr", "ome-zarr", "per_image", "draws"),
        "cellprofiler": (".csv", "", "per_image", "draws", "is_local"),
        "anndata": (".h5ad", "anndata"),
        "wells": (".csv", ""),
        "xlsx": (".xlsx", "xlsx"),
        "truth": (".csv", ""),
        "run": (".sqlite", ""),
    }
