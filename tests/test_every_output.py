"""Every table and export, computed again from the run file without our code.

The run file is read with sqlite3 and NumPy, what follows from it is computed with pandas and SciPy,
and each format is read by its own reader.
"""

import json
import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy.spatial import cKDTree
from stated_runs import HARD_NAMES, some_centres, write_run

from nucensus import Plane, Settings, Shard, census, diff_images, export_run, merge_runs
from nucensus.export import FORMATS
from nucensus.report import write_report
from nucensus.score.agreement import evaluate, score_run
from nucensus.store import Run
from nucensus.text.names import safe_path, unescape
from nucensus.values import Centres, Failed

pytestmark = pytest.mark.filterwarnings("ignore:The 'float_precision' argument")  # a default to be
READERS = {
    "parquet": "pyarrow", "imagej": "roifile", "ome-zarr": "zarr", "anndata": "anndata",
    "xlsx": "openpyxl",
}  # fmt: skip
FLAT = np.dtype([("y", "<i4"), ("x", "<i4"), ("intensity", "<f8")])
DEEP = np.dtype([*FLAT.descr, ("z", "<i4")])
MEASURES = ("area_px", "mean", "integrated", "std", "major_px", "minor_px", "orientation",
            "solidity", "touches_edge")  # fmt: skip
IN_WELLS = {
    "AreaPx": "area_px", "OutlineMean": "mean", "OutlineIntegrated": "integrated",
    "MajorPx": "major_px", "MinorPx": "minor_px", "Solidity": "solidity", "AreaUm2": "area_um2",
    "MajorUm": "major_um", "MinorUm": "minor_um",
}  # fmt: skip
JUDGED = np.dtype([
    *FLAT.descr,
    *((name, {"area_px": "<i4", "touches_edge": "<i1"}.get(name, "<f4")) for name in MEASURES),
    ("confidence", "<i2"),
])  # fmt: skip
NUMBERS = ("count", "height", "width", "read_ms", "detect_ms", "z", "time", "pixel_size_um",
           "pixel_y_um", "pixel_x_um", "area_px", "level", "downsample_y",
           "downsample_x")  # fmt: skip
TEXTS = (
    "status",
    "dtype",
    "stage",
    "reason",
    "plate",
    "well",
    "site",
    "flag",
    "pool",
    "channel",
    "note",
    "extra",
    "unmeasured",
)
WELL_KEYS = ["plate", "well", "channel", "z", "time"]


def plates(folder):
    """Plates with channels, planes, times, treatments, oblong pixels, refined centres, failures."""
    rng, images, hard = np.random.default_rng(0), {}, iter(HARD_NAMES)
    places = [(p, w, c, z, t) for p in ("P1", "P, 2") for w in ("A02", "A10", "B01")
              for c in ("DAPI", "GFP") for z in (0, 1) for t in (0, 3)]  # fmt: skip
    for number, (plate, well, channel, z, time) in enumerate(places):
        stated = {"plate": plate, "well": well, "site": "1", "channel": channel, "z": z,
                  "time": time, "area_px": 12_000 - 100 * (number % 5),
                  "plane": {"channel": 1, "z": z, "time": time},
                  "extra": {"Time": "24h", "dose": number % 3, 'a "b", c': "x; y"}}  # fmt: skip
        if plate == "P1":
            stated |= {"pixel_y_um": 0.5, "pixel_x_um": 0.4}
        centres = some_centres(int(rng.integers(0, 3) * rng.integers(1, 30)), seed=number)
        finer = centres.points + rng.uniform(-0.5, 0.5, centres.points.shape)
        outcome = Centres(centres.points, centres.intensities, finer, "blank")
        if number % 11 == 5:
            outcome, stated["area_px"] = Failed("read", 'cut "off",\nsee above'), None
        images[next(hard, f"field {number}.tif")] = (outcome, stated)
    return write_run(folder, images)


def volumes(folder):
    """Volumes and planes, with and without the size of pixels and the distance of planes."""
    sizes = [{}, {"pixel_y_um": 0.5, "pixel_x_um": 0.5}, {"depth_um": 2.0},
             {"pixel_y_um": 0.5, "pixel_x_um": 0.4, "depth_um": 2.0}]  # fmt: skip
    images = {"flat.tif": some_centres(9), "none.tif": some_centres(0)}
    for number, stated in enumerate(sizes):
        rng = np.random.default_rng(number)
        flat = some_centres(25, seed=number)
        points = np.column_stack((rng.integers(0, 7, 25), flat.points))
        images[f"v{number}.tif"] = (
            Centres(points, flat.intensities), {"depth": 7, "time": 1, **stated}
        )  # fmt: skip
    return write_run(folder, images)


def counted(folder):
    """Images with hard names, a margin and nothing in them, counted in shards and merged."""
    (folder / "in").mkdir(parents=True)
    for number, name in enumerate(
        ("a, b.tif", 'q"q.tif', "new\nline.tif", "=1+1.tif", "\udce9.tif", "blank.tif", "cut.tif")
    ):
        image = np.random.default_rng(number).normal(200, 5, (150, 180))
        y, x = np.mgrid[:150, :180]
        for cy, cx in () if name == "blank.tif" else [(30, 40), (90, 60), (60, 140), (110, 120)]:
            image += 900 / (1 + np.exp((np.hypot(y - cy - number, x - cx) - 9) * 1.5))
        image[:, :10] = 0
        tifffile.imwrite(folder / "in" / name, image.astype(np.uint16), resolution=(2e4, 2e4),
                         resolutionunit="CENTIMETER")  # fmt: skip
    (folder / "in" / "cut.tif").write_bytes(b"II*\0")
    for index in (1, 2):
        out = folder / f"shard{index}"
        census(folder / "in", out, Settings(border="drop"), shard=Shard(index, 2)).close()
    return merge_runs([folder / "shard1", folder / "shard2"], folder / "merged")


def stack(folder):
    """The planes of one stack, a nucleus in each, as images of their own."""
    folder.mkdir()
    y, x = np.mgrid[:60, :70]
    planes = [900 * np.exp(-((y - 20 - z) ** 2 + (x - 30) ** 2) / 30) + 100 for z in range(3)]
    tifffile.imwrite(folder / "stack.tif", np.array(planes, np.uint16), imagej=True,
                     metadata={"axes": "ZYX"})  # fmt: skip
    settings = Settings(sigma=2, threshold=300, border="keep", subpixel=True)
    return census(folder, folder / "run", settings, plane=Plane(z="each"))


@pytest.fixture(scope="module", params=[plates, volumes, counted, stack], ids=lambda f: f.__name__)
def run(request, tmp_path_factory):
    opened = request.param(tmp_path_factory.mktemp("runs") / "run")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def known(run):
    """Return (row, nuclei) of each image as the run file holds them."""
    file = run._database.execute("PRAGMA database_list").fetchone()[2]
    with closing(sqlite3.connect(file)) as database:
        database.row_factory = sqlite3.Row
        rows = [dict(row) for row in database.execute("SELECT * FROM images ORDER BY id")]
    return [(row, nuclei_in(row)) for row in rows]


def nuclei_in(row):
    if isinstance(row["name"], bytes):
        row["name"] = row["name"].decode("utf-8", "surrogateescape")
    packed, count = row["centres"] or b"", row["count"] or 0
    record_of = {each.itemsize * count: each for each in (DEEP, JUDGED, FLAT)}
    records = np.frombuffer(packed, record_of[len(packed)])
    nuclei = pd.DataFrame({name: records[name] for name in records.dtype.names})
    finer = np.frombuffer(row["subpixel"], "<f8").reshape(-1, 2) if row["subpixel"] else None
    for place, axis in enumerate("yx"):
        nuclei[f"{axis}_subpixel"] = np.nan if finer is None else finer[:, place]
        nuclei[f"{axis}_at"] = nuclei[axis] if finer is None else finer[:, place]
        nuclei[f"{axis}_um"] = nuclei[f"{axis}_at"] * (row[f"pixel_{axis}_um"] or np.nan)
    if "z" in nuclei:
        nuclei["z_at"], nuclei["z_um"] = nuclei["z"], nuclei["z"] * (row["depth_um"] or np.nan)
    if "area_px" in nuclei:
        size_um = row["pixel_size_um"] or np.nan
        nuclei["area_um2"] = (nuclei["area_px"] * size_um**2).astype("f4")
        for name in ("major", "minor"):
            nuclei[f"{name}_um"] = (nuclei[f"{name}_px"].astype(float) * size_um).astype("f4")
    nuclei.insert(0, "image", row["name"])
    return nuclei


def axes_of(nuclei):
    return [axis for axis in ("z_at", "y_at", "x_at") if axis in nuclei]


@pytest.fixture(scope="module")
def found(known):
    done = [(row, nuclei) for row, nuclei in known if row["status"] == "found"]
    assert sum(len(nuclei) for _, nuclei in done) > 0
    return done


@pytest.fixture(scope="module")
def expected(found):
    """Return the table of nuclei that all of a run make together."""
    table = pd.concat([nuclei for _, nuclei in found], ignore_index=True)
    if "z" in table:
        table["z"] = table["z"].fillna(-1)
    columns = (
        "image", "y", "x", "intensity", "z", *MEASURES, "confidence", "y_subpixel", "x_subpixel",
        "y_um", "x_um", "z_um", "area_um2", "major_um", "minor_um",
    )  # fmt: skip
    return table[[name for name in columns if name in table and table[name].notna().any()]]


@pytest.fixture(scope="module")
def written(run, tmp_path_factory):
    """Return a function that writes a format, once, and says where."""
    folders = {}

    def write(name):
        pytest.importorskip(READERS.get(name, "json"))
        if name not in folders:
            folders[name] = tmp_path_factory.mktemp("out")
            export_run(run, name, folders[name], **({"radius": 2} if FORMATS[name].draws else {}))
        return folders[name]

    return write


def assert_same(table, expected):
    """Compare two tables column by column; a missing number is NaN in both."""
    assert list(table) == list(expected)
    for name in expected:
        ours, theirs = table[name].to_numpy(), expected[name].to_numpy()
        if theirs.dtype.kind in "OTU":
            assert ours.tolist() == theirs.tolist(), name
        else:
            kind = np.float32 if theirs.dtype == np.float32 else np.float64
            np.testing.assert_array_equal(ours.astype(kind), theirs.astype(kind), name)


def read_csv(path, **options):
    return pd.read_csv(path, encoding_errors="surrogateescape", float_precision="round_trip",
                       **options)  # fmt: skip


def images_of(known, names):
    """Return the table of images that a run makes, texts empty where nothing is known."""
    columns = {name: [value_of(row, name) for row, _ in known] for name in names}
    return pd.DataFrame({
        name: pd.Series(["" if v is None else as_text(v) for v in values], dtype=object)
        if name in TEXTS or name == "image" or name.startswith("Metadata_")
        else pd.to_numeric(pd.Series(values, dtype=object), errors="raise")
        for name, values in columns.items()
    })  # fmt: skip


def value_of(row, name):
    """Return what a column of the table of images says of one, a number of its metadata as text."""
    if name.startswith("Metadata_"):
        value = json.loads(row["extra"] or "{}").get(name.removeprefix("Metadata_"))
        return None if value is None else str(value)
    return row["name" if name == "image" else name]


def as_text(value):
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def test_csv(written, known, expected):
    folder = written("csv")
    table = read_csv(folder / "nuclei.csv", dtype={"image": object}, keep_default_na=False,
                     na_values={name: [""] for name in expected if name != "image"})  # fmt: skip
    assert_same(table, expected)
    texts = dict.fromkeys((*TEXTS, "image"), object)
    names = read_csv(folder / "images.csv", nrows=0).columns
    texts |= {name: object for name in names if name.startswith("Metadata_")}
    table = read_csv(folder / "images.csv", dtype=texts, keep_default_na=False,
                     na_values={name: [""] for name in NUMBERS})  # fmt: skip
    assert_same(table, images_of(known, list(table)))


def test_parquet(written, known, expected):
    folder = written("parquet")
    table = pd.read_parquet(folder / "nuclei.parquet")
    table["image"] = [unescape(name) for name in table["image"]]
    assert_same(table, expected)
    table = pd.read_parquet(folder / "images.parquet").drop(columns=["path", "changed"])
    sizes = table.pop("size_bytes")
    np.testing.assert_array_equal(sizes, [row["size_bytes"] for row, _ in known])
    for name in table:
        if name in TEXTS or name == "image":
            table[name] = ["" if v is None else unescape(v) for v in table[name]]
    assert_same(table, images_of(known, list(table)))


def test_arrays_and_data_frames(run, known, expected):
    frame = run.nuclei.to_pandas()
    assert_same(frame, expected)
    frame = run.images.to_pandas()
    assert_same(frame.astype({n: float for n in NUMBERS if n in frame}), images_of(known, frame))
    assert frame["count"].sum() == np.nansum(run.images["count"]) == len(expected)


def test_geojson(written, found):
    folder = written("geojson")
    for row, nuclei in found:
        text = (folder / f"{safe_path(row['name'])}.geojson").read_text("utf-8")
        document = json.loads(text)
        assert unescape(document["image"]) == row["name"]
        geometries = [each["geometry"] for each in document["features"]]
        np.testing.assert_array_equal(
            np.reshape([each["coordinates"] for each in geometries], (-1, 2)),
            nuclei[["x_at", "y_at"]] + 0.5,
        )
        plane = json.loads(row["plane"] or "{}")
        chosen = [plane[axis] for axis in ("channel", "z", "time") if plane.get(axis) is not None]
        z_of = nuclei.get("z", [plane.get("z")] * len(nuclei))
        for geometry, z in zip(geometries, z_of, strict=True):
            assert ("plane" in geometry) == bool(chosen or "z" in nuclei)
            if "plane" in geometry:
                c, t = plane.get("channel"), plane.get("time")
                assert geometry["plane"] == {"c": -1 if c is None else c, "z": z, "t": t or 0}
        measured = pd.DataFrame([each["properties"]["measurements"] for each in
                                 document["features"]])  # fmt: skip
        for name in measured:
            known = nuclei[name.replace("I", "i")]
            np.testing.assert_array_equal(measured[name].astype(known.dtype), known)


def test_napari(written, found):
    folder = written("napari")
    for row, nuclei in found:
        path = folder / f"{safe_path(row['name'])}.csv"
        assert path.exists() == bool(len(nuclei))
        if len(nuclei):
            table = read_csv(path)
            axes = axes_of(nuclei)
            np.testing.assert_array_equal(table[[f"axis-{k}" for k in range(len(axes))]],
                                          nuclei[axes])  # fmt: skip
            np.testing.assert_array_equal(table["intensity"], nuclei["intensity"])


def test_imagej(written, found):
    folder = written("imagej")
    roifile = pytest.importorskip("roifile")
    for row, nuclei in found:
        path = folder / f"{safe_path(row['name'])}.zip"
        assert path.exists() == bool(len(nuclei))
        if len(nuclei):
            [roi] = roifile.roiread(path)
            np.testing.assert_allclose(roi.coordinates(), nuclei[["x_at", "y_at"]], atol=1e-4)
            plane = json.loads(row["plane"] or "{}")
            if "z" in nuclei:
                np.testing.assert_array_equal(roi.counter_positions, nuclei["z"] + 1)
            elif plane.get("z") is not None:
                assert roi.z_position == plane["z"] + 1


@pytest.mark.parametrize("name", ["labels", "ome-zarr"])
def test_label_images(written, found, name):
    folder = written(name)
    for row, nuclei in found:
        if name == "labels":
            labels = tifffile.imread(folder / f"{safe_path(row['name'])}.labels.tif")
        else:
            zarr = pytest.importorskip("zarr")
            group = zarr.open_group(folder / f"{safe_path(row['name'])}.ome.zarr", mode="r")
            labels = group["0"][:]
            [scales] = group.attrs["multiscales"]
            [scale] = scales["datasets"][0]["coordinateTransformations"]
            sizes = [row["depth_um"], row["pixel_y_um"], row["pixel_x_um"]][-labels.ndim :]
            assert scale["scale"] == [size or 1 for size in sizes]
        assert labels.shape[-2:] == (row["height"], row["width"])
        assert labels.ndim == 2 + (row["depth"] is not None)
        numbers = labels[tuple(nuclei[axis] for axis in "zyx" if axis in nuclei)]
        assert (numbers == np.arange(1, len(nuclei) + 1)).all()
        assert labels.max(initial=0) == len(nuclei)


def test_anndata(written, found, expected):
    path = written("anndata") / "nuclei.h5ad"
    data = pytest.importorskip("anndata").read_h5ad(path)
    table = pd.concat([nuclei for _, nuclei in found], ignore_index=True)
    assert [unescape(name) for name in data.obs["image"]] == expected["image"].tolist()
    np.testing.assert_array_equal(data.X[:, 0], expected["intensity"])
    np.testing.assert_array_equal(data.obsm["spatial"], table[["x_at", "y_at"]])
    if "y_um" in expected:
        np.testing.assert_array_equal(data.obsm["spatial_um"], table[["x_um", "y_um"]])
    if "z" in expected:
        np.testing.assert_array_equal(data.obs["z"], expected["z"])
    lengths = [len(nuclei) for _, nuclei in found]
    for name in ("plate", "well", "channel", "time"):
        values = np.repeat([str(row[name]) for row, _ in found], lengths).tolist()
        if name in data.obs:
            texts = data.obs[name].astype(object).where(data.obs[name].notna(), "None")
            assert texts.map(str).tolist() == values


def distances(nuclei, scale):
    """Return the distance of each nucleus to the nearest other one of its image."""
    points = nuclei[axes_of(nuclei)].to_numpy(float) * scale
    if len(points) < 2:
        return np.empty(0)
    return cKDTree(points).query(points, k=2)[0][:, 1]


def expected_wells(known):
    """Return what the well table is to say of each well, by its names."""
    wells = {}
    for row, nuclei in known:
        wells.setdefault(tuple(row[name] for name in WELL_KEYS), []).append((row, nuclei))
    return {key: expected_well(members) for key, members in wells.items()}


def expected_well(members):
    done = [(row, nuclei) for row, nuclei in members if row["status"] == "found"]
    sized = [(row, nuclei) for row, nuclei in done if row["pixel_y_um"]]
    sides = {id(row): [row["depth_um"], row["pixel_y_um"], row["pixel_x_um"]] for row, _ in sized}
    scales = [(nuclei, sides[id(row)][-len(axes_of(nuclei)) :]) for row, nuclei in sized]
    count = sum(len(nuclei) for _, nuclei in done)
    square_um = sum(r["area_px"] * r["pixel_y_um"] * r["pixel_x_um"] for r, _ in sized)
    spreads = {
        "Intensity": [nuclei["intensity"] for _, nuclei in done],
        "NeighbourDistancePx": [distances(nuclei, 1) for _, nuclei in done],
        "NeighbourDistanceUm": [distances(n, scale) for n, scale in scales if None not in scale],
    }
    values = {
        "Metadata_Images": len(members),
        "Metadata_Failed": len([row for row, _ in members if row["status"] == "failed"]),
        "Nuclei_Count": count if done else np.nan,
        "Nuclei_PerImage": count / len(done) if done else np.nan,
        "Nuclei_PerMegapixel": 1e6 * count / sum(row["area_px"] for row, _ in done)
        if done
        else np.nan,
        "Nuclei_PerMm2": 1e6 * sum(len(nuclei) for _, nuclei in sized) / square_um
        if sized
        else np.nan,
    }
    for name, parts in spreads.items():
        all_values = pd.Series(np.concatenate([np.empty(0), *parts]))
        values[f"Nuclei_{name}_Mean"] = all_values.mean()
        values[f"Nuclei_{name}_SD"] = all_values.std(ddof=1)
    for column, name in IN_WELLS.items():
        parts = [nuclei[name] for _, nuclei in done if name in nuclei]
        numbers = pd.Series(np.concatenate([np.empty(0), *parts]))
        if numbers.notna().any():
            known = (numbers.mean(), numbers.std(ddof=1), *numbers.quantile([0.25, 0.5, 0.75]))
            for of, value in zip(("Mean", "SD", "Q1", "Median", "Q3"), known, strict=True):
                values[f"Nuclei_{column}_{of}"] = value
    for name in {name for row, _ in members for name in json.loads(row["extra"] or "{}")}:
        column = {"Time": "Metadata_Extra_Time"}.get(name, f"Metadata_{name}")
        given = [json.loads(row["extra"])[name] for row, _ in members]
        values[column] = "; ".join(map(str, dict.fromkeys(given)))
    return values


@pytest.mark.parametrize("name", ["wells", "xlsx"])
def test_wells(written, known, name):
    if name == "wells":
        table = read_csv(written(name) / "wells.csv", dtype=object, keep_default_na=False)
        rows = table.to_dict("records")
    else:
        sheet = pytest.importorskip("openpyxl").load_workbook(written(name) / "wells.xlsx")["wells"]
        header, *cells = sheet.iter_rows(values_only=True)
        rows = [dict(zip(header, row, strict=True)) for row in cells]
    wells = expected_wells(known)
    assert len(rows) == len(wells)
    for row in rows:
        stated = [row.get(f"Metadata_{name.title()}", "") for name in WELL_KEYS]
        places = [None if place == "" else place for place in stated]
        key = tuple(
            int(place) if name in ("z", "time") and place is not None else place
            for name, place in zip(WELL_KEYS, places, strict=True)
        )
        for column, value in wells[key].items():
            if isinstance(row[column], int | float) and isinstance(value, str):
                assert row[column] == float(value)  # doses are numbers in a workbook
            elif isinstance(value, str):
                assert (row[column] or "") == value
            elif np.isnan(value):
                assert row[column] in ("", None), column
            else:
                assert float(row[column]) == pytest.approx(value, rel=1e-9), column
    said = {f"Metadata_{name.title()}" for name in WELL_KEYS} | set().union(*wells.values())
    assert set(rows[0]) <= said


def test_a_copy_of_the_run_is_the_run(written, run):
    with Run(written("run")) as copy:
        assert list(diff_images(run, copy)) == []
        assert copy.counts == run.counts


def test_every_format_tells_where_it_comes_from(written, known):
    for name in FORMATS.keys() - {"cellprofiler"}:  # which refuses planes and volumes
        if name in READERS:
            pytest.importorskip(READERS[name])
        document = json.loads((written(name) / "provenance.json").read_text())
        statuses = [row["status"] for row, _ in known]
        assert document["counts"]["found"] == statuses.count("found")
        assert document["counts"]["failed"] == statuses.count("failed")
        names = [unescape(each["image"]) for each in document["inputs"]["files"]]
        assert names == [row["name"] for row, _ in known]


def test_the_tables_of_a_run_are_its_truth(written, run, found):
    scores = evaluate(score_run(run, written("csv") / "nuclei.csv", radius_px=0.1))
    assert scores.f1.value == 1
    assert len(scores.fields) == sum(len(nuclei) > 0 for _, nuclei in found)


def test_the_report_says_the_numbers(run, known, expected, tmp_path):
    write_report(run, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert f"<dt>nuclei</dt><dd>{len(expected):,}</dd>" in page
    assert f"<dt>images</dt><dd>{len(known)}</dd>" in page
    for (plate, *_), values in expected_wells(known).items():
        if plate and values["Nuclei_Count"] > 0:
            density = f"{values['Nuclei_PerMegapixel']:,.0f} per megapixel"
            assert f"; {values['Nuclei_Count']} in 1 of 1 field; {density}" in page


def test_what_is_counted_is_what_scikit_image_finds_and_what_was_drawn(tmp_path):
    from skimage.feature import peak_local_max
    from skimage.filters import gaussian

    with counted(tmp_path / "counted") as run:
        done = run.images[run.images["status"] == "found"]
        assert dict(zip(done["image"], done["count"], strict=True)) == {
            name: 0 if name == "blank.tif" else 4 for name in done["image"]
        }
        radius = run.facts["estimates"][""]["radius_px"]
        edge = int(np.ceil(radius))  # the margin of ten pixels is less wide
        assert set(done["area_px"]) == {(150 - 2 * edge) * (180 - 2 * edge)}
    with stack(tmp_path / "stack") as run:
        for row, nuclei in run.found_images():
            plane = tifffile.imread(tmp_path / "stack" / "stack.tif")[row["z"]]
            smooth = gaussian(plane, sigma=2, preserve_range=True)
            points = peak_local_max(smooth, min_distance=6, threshold_abs=300, exclude_border=False)
            assert np.column_stack((nuclei["y"], nuclei["x"])).tolist() == points.tolist()
