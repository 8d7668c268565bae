"""The studio looks at a folder, counts it as the command does, and hands out the tables."""

import http.client
import io
import json
import os
import subprocess
import sys
import urllib.parse
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from gate import wait_for
from runs import write_fields

import nucensus
from nucensus.errors import InputError, RunError
from nucensus.studio import Studio
from nucensus.text.page import STYLE
from nucensus.values.synthetic import make_field


@pytest.fixture(scope="module")
def address():
    command = [sys.executable, "-m", "nucensus", "studio", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield urllib.parse.urlsplit(process.stdout.readline().strip())
        process.terminate()


def ask(address, path, body=None, method="POST", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", address.port)
    connection.request(method, address.path + path, json.dumps(body or {}), headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def said(address, path, body=None):
    answer, content = ask(address, path, body)
    assert answer.status == 200, content
    return json.loads(content)


def finished(studio):
    wait_for(lambda: not studio.state()["is_running"])
    return studio.state()


def write_wells(folder, channels=("",)):
    folder.mkdir()
    for number, well in enumerate(("A01", "A02", "B01")):
        for channel in channels:
            image = make_field(number, shape=(200, 240), nuclei=12).image
            tifffile.imwrite(folder / f"plate1_{well}_s1{channel}.tif", image)


def test_without_the_token_nothing_is_served(address):
    connection = http.client.HTTPConnection("127.0.0.1", address.port)
    connection.request("POST", "/count", "{}")
    answer = connection.getresponse()
    assert answer.status == 403
    assert b"nucensus studio printed" in answer.read()
    connection.close()


def test_another_site_can_start_nothing(address):
    assert ask(address, "count", Origin="http://example.org")[0].status == 403
    assert ask(address, "count", Host="example.org")[0].status == 403


def test_nothing_is_started_by_an_address_alone(address):
    assert ask(address, "count", method="GET")[0].status == 405


def test_the_page_looks_as_all_pages_do(address):
    page = ask(address, "", method="GET")[1]
    assert page.index(b"page.css") < page.index(b"studio.css")
    assert ask(address, "page.css", method="GET")[1] == STYLE.read_bytes()


def test_folders_are_listed_with_the_images_in_them(address, tmp_path):
    (tmp_path / "plates").mkdir()
    (tmp_path / ".hidden").mkdir()
    write_fields(tmp_path, count=2)
    shown = said(address, "folder", {"folder": str(tmp_path)})
    assert (shown["folders"], shown["images"]) == (["plates"], 2)
    assert shown["parent"] == str(tmp_path.parent)


@pytest.mark.parametrize("path", ["folder", "look", "count"])
def test_a_folder_that_is_not_there_is_said(address, path, tmp_path):
    answer, content = ask(address, path, {"folder": str(tmp_path / "nowhere")})
    assert answer.status == 422
    assert b"nowhere" in content
    assert b"choose" in content


def test_files_of_this_machine_are_not_served(address):
    for name in ("run.sqlite", "..%2F..%2Fetc%2Fpasswd", "passwd"):
        answer, _ = ask(address, f"run/{name}", method="GET")
        assert answer.status in (404, 422)


def test_a_look_tells_the_wells_and_the_images_to_count(tmp_path):
    write_wells(tmp_path / "plate")
    seen = Studio().look({"folder": str(tmp_path / "plate")})
    assert seen["count"] == 3
    assert list(seen["plates"][0]["wells"]) == ["A01", "A02", "B01"]
    assert (seen["question"], seen["choices"]) == ("", {})


def test_what_is_left_to_choose_is_offered(tmp_path):
    write_wells(tmp_path / "plate", channels=("_w1", "_w2"))
    studio, folder = Studio(), str(tmp_path / "plate")
    seen = studio.look({"folder": folder})
    assert (seen["count"], seen["missing"]) == (0, 0)
    assert "channel" in seen["question"]
    assert set(seen["choices"]["channel"]) == {"1", "2", "each"}
    seen = studio.look({"folder": folder, "channel": "2"})
    assert (seen["count"], seen["question"]) == (3, "")
    assert "--channel=2" in studio.images.spell(nucensus.Settings())["command"]


def write_named(folder, *names):
    folder.mkdir()
    for number, name in enumerate(names):
        image = make_field(number, shape=(200, 240), nuclei=12).image
        (folder / name).parent.mkdir(exist_ok=True)
        tifffile.imwrite(folder / name, image)


@pytest.mark.parametrize(
    ("names", "axis", "offered", "left"),
    [
        (("a blue.tif", "a red.tif", "b blue.tif", "b red.tif"), "channel", {"blue", "red"}, 2),
        (("a_z1.tif", "a_z2.tif", "a_z3.tif"), "z", {"1", "2", "3"}, 1),
        (("raw/a.tif", "masks/a.tif", "raw/b.tif", "masks/b.tif"), "scene", {"masks"}, 2),
    ],
)
def test_what_names_without_a_well_leave_to_choose_is_offered(tmp_path, names, axis, offered, left):
    write_named(tmp_path / "images", *names)
    studio, folder = Studio(), str(tmp_path / "images")
    seen = studio.look({"folder": folder})
    assert seen["question"]
    assert seen["count"] == 0
    choices = seen["choices"][axis]
    assert offered | {"each"} <= set(choices)
    for choice in choices:
        seen = studio.look({"folder": folder, axis: choice})
        assert seen["question"] == ""
        expected = {"each": len(names), "max": 1}.get(choice, left)
        assert seen["count"] == expected


def test_what_is_left_after_a_choice_is_offered_too(tmp_path):
    write_named(tmp_path / "images", *(f"a_{c}_z{z}.tif" for c in ("blue", "red") for z in (1, 2)))
    studio, folder = Studio(), str(tmp_path / "images")
    seen, asked = studio.look({"folder": folder}), {"folder": folder}
    for _ in range(2):
        assert seen["question"]
        axis = next(axis for axis in seen["choices"] if axis not in asked)
        asked[axis] = next(iter(seen["choices"][axis]))
        seen = studio.look(asked)
    assert (seen["question"], seen["count"]) == ("", 1)
    assert {"channel", "z"} < set(asked)


def test_what_a_file_leaves_to_choose_is_offered(tmp_path):
    stack = np.stack([make_field(n, shape=(64, 80), nuclei=3).image for n in range(3)])
    tifffile.imwrite(tmp_path / "stack.ome.tif", stack, metadata={"axes": "ZYX"})
    studio, folder = Studio(), str(tmp_path)
    seen = studio.look({"folder": folder})
    assert "z" in seen["question"]
    assert set(seen["choices"]) == {"z"}
    assert set(seen["choices"]["z"]) == {"0", "1", "2", "max", "each"}
    seen = studio.look({"folder": folder, "z": "max"})
    assert (seen["count"], seen["question"]) == (1, "")


def test_a_count_is_that_of_the_command_and_its_tables_are_handed_out(tmp_path):
    write_wells(tmp_path / "plate")
    (tmp_path / "layout.csv").write_text("well,drug\nA01,none\nA02,much\nB01,much\n")
    studio, folder = Studio(), str(tmp_path / "plate")
    treated = {"metadata": str(tmp_path / "layout.csv"), "control": "none"}
    studio.count({"folder": folder, **treated})
    state = finished(studio)
    assert state["is_whole"], state
    run = nucensus.census(folder, tmp_path / "by-hand")
    assert state["nuclei"] == run.counts["nuclei"] > 0
    nuclei = studio.file("nuclei.csv")
    assert nuclei.read_bytes() == (tmp_path / "by-hand" / "nuclei.csv").read_bytes()
    assert "drug" in studio.file("images.csv").read_text()
    assert "none (control)" in studio.file("report.html").read_text("utf-8")
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.load_workbook(io.BytesIO(studio.file("wells.xlsx").read_bytes()))
    assert book["wells"].max_row == 4


def test_a_control_without_treatments_is_refused_before_anything_is_counted(tmp_path):
    write_wells(tmp_path / "plate")
    with pytest.raises(InputError, match="no file says what the wells were treated with"):
        Studio().count({"folder": str(tmp_path / "plate"), "control": "DMSO"})


def test_what_was_tuned_is_what_is_counted(tmp_path):
    write_wells(tmp_path / "plate")
    studio, asked = Studio(), {"folder": str(tmp_path / "plate")}
    studio.look(asked)
    assert studio.settings() == {"options": ""}
    tuned = nucensus.Settings(sigma=2.5, min_distance=5, threshold=900, border="keep")
    studio.images.spell(tuned)
    studio.look(asked)
    assert "--sigma=2.5" in studio.settings()["options"]
    studio.count({**asked, "tuned": "yes"})
    assert "--threshold=900" in finished(studio)["command"]
    run = nucensus.Run(tmp_path / "plate" / "nucensus-run")
    assert run.settings == tuned
    studio.count({**asked, "out": str(tmp_path / "plain")})
    finished(studio)
    assert nucensus.Run(tmp_path / "plain").settings == nucensus.Settings()


def test_what_was_corrected_by_eye_is_in_the_tables(tmp_path):
    write_wells(tmp_path / "plate")
    studio, folder = Studio(), str(tmp_path / "plate")
    studio.look({"folder": folder})
    studio.count({"folder": folder})
    finished(studio)
    counted = studio.file("images.csv").read_text("utf-8")
    studio.images.marks.keep(0, [(20.0, 30.0)])
    corrected = studio.file("images.csv").read_text("utf-8")
    rows = [dict(zip(*(line.split(",") for line in (text.splitlines()[0], text.splitlines()[1])),
                     strict=False)) for text in (counted, corrected)]  # fmt: skip
    assert [int(row["count"]) > 1 for row in rows] == [True, False]
    assert "corrected" in studio.file("report.html").read_text("utf-8")
    assert (tmp_path / "plate" / "nucensus-run" / "images.csv").read_text("utf-8") == counted


def test_what_the_command_refuses_is_shown(tmp_path):
    write_wells(tmp_path / "plate", channels=("_w1", "_w2"))
    studio = Studio()
    studio.count({"folder": str(tmp_path / "plate")})
    state = finished(studio)
    assert not state["is_whole"]
    wait_for(lambda: studio.state()["said"])
    assert "--channel" in " ".join(studio.state()["said"])
    with pytest.raises(InputError, match="count the images first"):
        studio.file("nuclei.csv")


@pytest.fixture
def gated(tmp_path, fields, gate, monkeypatch):
    """A folder of images behind the gate, which every program keeps that is started."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("import planted\n")
    paths = map(str, (tmp_path / "site", Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    (tmp_path / "gated").mkdir()
    for index, field in enumerate(fields):
        shut = gate.shut(imagecodecs.png_encode(field.image))
        (tmp_path / "gated" / f"{index}.png").write_bytes(shut)
    return tmp_path / "gated"


def test_a_count_that_was_stopped_carries_on(gated, gate, tmp_path):
    studio, asked = Studio(), {"folder": str(gated), "out": str(tmp_path / "run")}
    studio.count(asked)
    wait_for(gate.waiting)
    with pytest.raises(RunError, match="goes on already"):
        studio.count(asked)
    studio.stop()
    gate.open()
    state = finished(studio)
    assert (state["is_whole"], state["pending"]) == (False, 5)
    studio.count(asked)
    state = finished(studio)
    assert (state["is_whole"], state["found"]) == (True, 5)
