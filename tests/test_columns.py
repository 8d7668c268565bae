"""One table of columns makes the run file, its readers, the exports and the documentation."""

import csv
import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from stated_runs import some_centres

from nucensus.detect import find_nuclei
from nucensus.errors import RunError
from nucensus.export import export_run
from nucensus.store import (
    IMAGES,
    NUCLEUS_COLUMNS,
    SCHEMA_VERSION,
    Column,
    NucleusColumn,
    Run,
    RunWriter,
)
from nucensus.store.database import schema_of
from nucensus.store.nucleus_columns import Records
from nucensus.values import Failed, Found, ImageRef, Settings

DOCS = Path(__file__).parents[1] / "docs"
BRIGHTEST = Column(
    "brightest", "REAL", "intensity of the brightest nucleus", "grey levels",
    found=lambda counted: float(counted.found.centres.intensities[0]),
)  # fmt: skip
FOLDER = Column(
    "folder", "TEXT", "where the file lies", listed=lambda image: image.path.rpartition("/")[0]
)
LARGEST = Column(
    "row_of_brightest", "INTEGER", "its row", "pixels", after="site",
    found=lambda counted: int(counted.found.centres.points[0, 0]),
)  # fmt: skip
CENTRES = some_centres(20)


def with_more_columns():
    return IMAGES.with_column(BRIGHTEST).with_column(FOLDER).with_column(LARGEST)


def listing(*paths, changed=""):
    names = {path: path.rpartition("/")[2] for path in paths}
    return [ImageRef(names[path], path, 240, int(names[path] == changed)) for path in paths]


def write(folder, columns):
    with RunWriter(folder, columns=columns) as writer:
        writer.record_facts(settings=Settings.published().as_dict(), version="1")
        writer.plan(listing("/data/a.tif", "/else/b.tif"))
        writer.record_all([(1, Found(CENTRES, (100, 120), "uint16", 1.0, 1.0), None)])
        writer.record_all([(2, Failed("read", "it is cut off"), None)])
        writer.commit()


@pytest.fixture
def run(tmp_path):
    write(tmp_path / "run", with_more_columns())
    with Run(tmp_path / "run", columns=with_more_columns()) as opened:
        yield opened


def test_a_column_more_is_in_the_records_of_images(run):
    a, b = run.images
    assert (a["brightest"], a["folder"]) == (CENTRES.intensities[0], "/data")
    assert np.isnan(b["brightest"])
    assert b["folder"] == "/else"
    assert a["row_of_brightest"] == CENTRES.points[0, 0]
    (row, _), _ = run.all_images()
    assert row["brightest"] == CENTRES.intensities[0]


def test_a_column_more_is_in_data_frames(run):
    pytest.importorskip("pandas")
    frame = run.images.to_pandas()
    assert str(frame.dtypes["row_of_brightest"]) == "Int64"
    assert str(run.images[:1].to_pandas().dtypes["row_of_brightest"]) == "Int64"
    assert str(frame.dtypes["brightest"]) == "float64"


def test_a_column_more_is_in_images_csv(run, tmp_path):
    _, images, *_ = export_run(run, "csv", tmp_path / "tables")
    with open(images, newline="") as file:
        a, b = csv.DictReader(file)
    assert float(a["brightest"]) == CENTRES.intensities[0]
    assert (b["brightest"], b["folder"]) == ("", "/else")
    names = list(a)
    assert names[-2:] == ["brightest", "folder"]
    assert names[names.index("site") + 1] == "row_of_brightest"


def test_a_column_more_is_in_parquet(run, tmp_path):
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    _, images, *_ = export_run(run, "parquet", tmp_path / "tables")
    table = parquet.read_table(images)
    kinds = {name: str(table.schema.field(name).type) for name in table.schema.names}
    assert kinds["brightest"] == "double"
    assert (kinds["folder"], kinds["row_of_brightest"]) == ("string", "int64")
    assert table["brightest"].to_pylist() == [CENTRES.intensities[0], None]


def test_a_column_more_is_carried_on_and_done_again_with_the_others(tmp_path):
    write(tmp_path, with_more_columns())
    with RunWriter(tmp_path, columns=with_more_columns()) as writer:
        writer.plan(listing("/data/a.tif", "/data/b.tif", changed="a.tif"))
        a, b = writer.view().images
        assert (a["status"], b["status"]) == ("pending", "failed")
        assert np.isnan(a["brightest"])
        assert b["folder"] == "/data"


def test_a_run_file_of_other_columns_is_refused(tmp_path):
    write(tmp_path, with_more_columns())
    with pytest.raises(RunError, match="tables are not those"):
        Run(tmp_path)


def test_the_tables_of_a_schema_stay_as_they_are():
    digest = hashlib.sha256(schema_of(IMAGES).encode()).hexdigest()[:16]
    assert (SCHEMA_VERSION, digest) == (10, "ed70f6933d7a46a0"), "raise SCHEMA_VERSION"


def test_nuclei_whose_records_could_not_be_told_apart_are_refused():
    other = NucleusColumn("spread", "<f8", "", only="sometimes", of=lambda each: each.contrasts)
    with pytest.raises(ValueError, match="one size"):
        Records.of((*NUCLEUS_COLUMNS, other))
    short = NucleusColumn("class", "<i1", "", only="sometimes", of=lambda each: each.contrasts)
    sizes = Records.of((*NUCLEUS_COLUMNS, short)).by_size
    alone = [*range(16, 32)]
    assert sorted(sizes) == [*alone, *(33 + size for size in alone)]  # with what is measured
    assert sizes[17].names == ("y", "x", "intensity", "class")


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("tables", DOCS / "tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_documentation_has_the_tables_of_the_software(tables):
    for path in tables.PAGES:
        page = path.read_text(encoding="utf-8")
        assert "docs/tables.py" in page
        assert tables.written(page) == page, "run python docs/tables.py"


def test_the_documentation_names_every_column(tables):
    page = (DOCS / "outputs.md").read_text(encoding="utf-8")
    more = tables.written(page, IMAGES.with_column(BRIGHTEST))
    line = "| `brightest` | float64 | grey levels | intensity of the brightest nucleus |\n"
    assert more.replace(line, "") == page != more


def test_of_what_is_not_known_of_a_nucleus_whole_numbers_say_minus_one_and_others_nothing(
    fields, tmp_path
):
    measured = find_nuclei(fields[0].image, outlines=True)
    with RunWriter(tmp_path) as writer:
        writer.record_facts(settings=Settings().as_dict(), version="1")
        writer.plan(listing("/data/a.tif", "/data/b.tif"))
        writer.record_all([(1, Found(measured, (160, 200), "uint16", 1.0, 1.0), None)])
        writer.record_all([(2, Found(some_centres(2), (160, 200), "uint16", 1.0, 1.0), None)])
        writer.commit()
    with Run(tmp_path) as run:
        nuclei = run.nuclei[run.nuclei["image"] == "b.tif"]
    names = set(nuclei.dtype.names) - {"image", "y", "x", "intensity"}
    assert {"area_px", "touches_edge", "confidence", "mean", "solidity"} <= names
    for name in names:
        is_whole = nuclei.dtype[name].kind == "i"
        np.testing.assert_array_equal(nuclei[name], [-1 if is_whole else np.nan] * 2, name)
