"""A damaged or hostile member is a row with its reason, or counted as left out; the rest counts."""

import json
import os
import socket

import numpy as np
import pytest
import tifffile
from commands import detect, run, statuses
from fuzz_listing import check

from nucensus import Settings, census
from nucensus.discover import read_metadata, survey
from nucensus.discover.index import MOST_PROMISED
from nucensus.errors import InputError, ReadError, SettingsError
from nucensus.read import SUFFIXES, read
from nucensus.score.truth import read_truth
from nucensus.values.settings_file import read_settings

HTD = '"XWells", 12\n"YWells", 8\n"WellsSelection1", TRUE\n'
WELL = {"plate": {"wells": [{"path": "A/1"}]}}


def harmony(fields):
    return f"<Root><Image><URL>a.tif</URL>{fields}</Image></Root>"


def zarr(metadata, name="b.zarr/.zattrs"):
    return {name: metadata if isinstance(metadata, str) else json.dumps(metadata)}


MEMBERS = {
    "zarr cut": (zarr("{"), "cannot be read"),
    "zarr a list": (zarr("[]"), "no JSON object"),
    "zarr 3 a text": (zarr('"a"', "b.zarr/zarr.json"), "no JSON object"),
    "zarr attributes a number": (zarr({"attributes": 5}, "b.zarr/zarr.json"), "no JSON object"),
    "zarr not UTF-8": ({"b.zarr/.zattrs": b'{"a": "\xff"}'}, "cannot be read"),
    "zarr too deep": (zarr("[" * 100_000), "recursion"),
    "zarr a number too long": (zarr('{"plate": ' + "9" * 5000 + "}"), "4300 digits"),
    "zarr plate not a number": (zarr('{"plate": NaN}'), "no JSON object"),
    "zarr plate without wells": (zarr({"plate": {"wells": 5}}), "no list"),
    "zarr well a text": (zarr({"plate": {"wells": ["A/1"]}}), "no JSON object"),
    "zarr well without path": (zarr({"plate": {"wells": [{}]}}), "path of a well is None"),
    "zarr well a number": (zarr({"plate": {"wells": [{"path": 5}]}}), "not there"),
    "zarr well not there": (zarr(WELL), "not there"),
    "zarr well outside": (zarr({"plate": {"wells": [{"path": "../A"}]}}), "a folder below"),
    "zarr well at the root": (zarr({"plate": {"wells": [{"path": "/A"}]}}), "a folder below"),
    "zarr well with NUL": (zarr({"plate": {"wells": [{"path": "A\0"}]}}), "a folder below"),
    "zarr well half a character": (zarr('{"plate": {"wells": [{"path": "\\ud800"}]}}'), "a folder"),
    "zarr name half a character": (
        zarr('{"plate": {"name": "\\ud800", "wells": [{"path": "A/1"}]}}'), "not there"),
    "zarr many wells": (
        zarr({"plate": {"wells": [{"path": f"A/{i}"} for i in range(10_001)]}}), "10,001 wells"),
    "zarr well damaged": (zarr(WELL) | zarr("[", "b.zarr/A/1/.zattrs"), "of the well: '.zattrs'"),
    "zarr field without path": (
        zarr(WELL) | zarr({"well": {"images": [{}]}}, "b.zarr/A/1/.zattrs"), "path of a field"),
    "zarr metadata a folder": ({"b.zarr/.zattrs/x": ""}, "this is a folder"),
    "htd empty": ({"p.htd": ""}, "XWells"),
    "htd rows no number": ({"p.htd": '"XWells", 12\n"YWells", many\n'}, "YWells is 'many'"),
    "htd negative": ({"p.htd": f'{HTD}"TimePoints", -1\n'}, "TimePoints is '-1'"),
    "htd endless times": ({"p.htd": f'{HTD}"TimePoints", 2000000000\n'}, "TimePoints is"),
    "htd endless sites": ({"p.htd": f'{HTD}"YSites", 1000000000\n'}, "YSites is"),
    "htd a long number": ({"p.htd": f'{HTD}"YSites", {"9" * 5000}\n'}, "YSites is"),
    "htd much in all": (
        {"p.htd": f'{HTD}"TimePoints", 9999\n"NWavelengths", 9999\n'}, "promise more than"),
    "harmony row no number": ({"Index.xml": harmony("<Row>x</Row><Col>1</Col>")}, "'x'"),
    "harmony without row": ({"Index.idx.xml": harmony("<Col>1</Col>")}, "does not say 'Row'"),
    "harmony row too large": ({"Index.xml": harmony("<Row>55300</Row><Col>1</Col>")}, "row 55300"),
    "harmony without end": ({"Index.xml": "<a>" * 5000}, "tags in tags without end"),
    "harmony one tag": ({"Index.xml": f"<a b='{'x' * 10_000_000}'/>"}, "a tag without end"),
    "harmony entities": (
        {"Index.xml": '<!DOCTYPE a [<!ENTITY b "c">]>' + harmony("<Row>&b;</Row>")}, "entities"),
    "harmony odd encoding": ({"Index.xml": "<?xml version='1.0' encoding='hex'?><a/>"}, "encod"),
    "harmony empty": ({"Index.xml": ""}, "not well formed"),
    "harmony many channels": (
        {"Index.xml": "<R>" + "".join(f"<Entry ChannelID='{i}'/>" for i in range(1001)) + "</R>"},
        "more than 1000 channels"),
    "cellvoyager without row": (
        {"MeasurementData.mlf": '<R><MeasurementRecord Type="IMG">a.tif</MeasurementRecord></R>'},
        "does not say 'Row'"),
    "companion cut": ({"a.companion.ome": "<OME><Image>"}, "not well formed"),
}  # fmt: skip


def lay_out(folder, files):
    """Write files by path and content, and one good image beside them."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    folder.mkdir(exist_ok=True)
    y, x = np.mgrid[:64, :64]
    field = 200 + 3000 * ((y % 32 - 16) ** 2 + (x % 32 - 16) ** 2 < 60)
    tifffile.imwrite(folder / "good.tif", field.astype(np.uint16))  # 4 nuclei


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    """One run over a folder of each member; the rows by the name of the folder."""
    top = tmp_path_factory.mktemp("members")
    for name, (files, _) in MEMBERS.items():
        lay_out(top / name, files)
    taken = census(top, settings=Settings(threshold=1000, border="keep"))
    rows = {}
    for row in taken.images:
        folder, _, member = row["image"].partition("/")
        rows.setdefault(folder, {})[member] = row["count"], row["reason"] or ""
    return rows


@pytest.mark.parametrize("name", MEMBERS)
def test_a_bad_member_is_a_row_with_its_reason_and_the_good_one_counts(taken, name):
    rows = taken[name]
    assert rows.pop("good.tif") == (4, "")
    assert any(MEMBERS[name][1] in reason for _, reason in rows.values()), rows


def test_a_file_elsewhere_that_an_index_names_is_not_read(tmp_path):
    lay_out(tmp_path, {"secret.tif": "x"})
    index = harmony("<Row>1</Row><Col>1</Col>").replace("a.tif", "../secret.tif")
    lay_out(tmp_path / "in", {"Index.xml": index})
    found = {each.name: each.problem for each in survey([tmp_path / "in"], SUFFIXES).references}
    assert found["good.tif"] == ""
    assert "not there" in found["../secret.tif"]


@pytest.mark.parametrize(
    "name", ["Index.xml", "p.HTD", "a.companion.ome", "bad.ome.tif", "bad.tif", "bad.png"]
)
@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "loop"])
def test_a_pipe_a_socket_or_a_device_is_not_waited_for(tmp_path, name, kind):
    lay_out(tmp_path / "in", {})
    member = tmp_path / "in" / name
    if kind == "pipe":
        os.mkfifo(member)
    elif kind == "device":
        member.symlink_to("/dev/zero")
    elif kind == "loop":
        member.symlink_to(member)
    else:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(os.path.relpath(member))
    taken = census(tmp_path / "in", settings=Settings(threshold=1000, border="keep"))
    assert [row["count"] for row in taken.images if row["image"] == "good.tif"] == [4]
    assert [row["image"] for row in taken.failures] == [name]


@pytest.fixture
def deep(tmp_path, monkeypatch):
    """A folder with images beside and in a tree that is deeper than a path can name."""
    lay_out(tmp_path / "in", {"z/1.tif": "x"})
    names = ["d"] * 1100 + ["e" * 200] * 15
    monkeypatch.chdir(tmp_path / "in")
    for name in names:
        os.mkdir(name)
        os.chdir(name)
    yield tmp_path / "in"
    for name in reversed(names):
        os.chdir("..")
        os.rmdir(name)


def test_a_tree_deeper_than_a_path_can_name_is_counted_as_left_out(deep, tmp_path):
    found = survey([deep], SUFFIXES)
    assert [each.name for each in found.references] == ["good.tif", "z/1.tif"]
    (reason,) = found.left_out
    assert reason.endswith("cannot be listed (File name too long)")
    for _ in range(2):
        assert census(deep, tmp_path / "run").counts["images"] == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_may_not_be_listed_is_named_as_left_out(tmp_path):
    lay_out(tmp_path / "in", {})
    (tmp_path / "in" / "lost+found").mkdir(mode=0o000)
    done = detect(tmp_path / "in", tmp_path / "run")
    assert (done.returncode, statuses(tmp_path / "run")) == (0, {"good.tif": "found"})
    assert "1 left out: the folder cannot be listed (Permission denied)" in done.stdout
    assert "lost+found')" in done.stdout


def denied(monkeypatch, folder):
    """Let nobody list the folder, not even root."""
    scandir = os.scandir

    def scan(path):
        if os.fspath(path) == os.fspath(folder):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)


def test_a_folder_that_cannot_be_listed_is_an_error_where_it_was_named(tmp_path, monkeypatch):
    lay_out(tmp_path / "in", {})
    denied(monkeypatch, tmp_path / "in")
    with pytest.raises(InputError, match=r"in' cannot be listed: Permission denied"):
        survey([tmp_path / "in"], SUFFIXES)


def test_a_folder_that_cannot_be_listed_hides_nothing_beside_it(tmp_path, monkeypatch):
    lay_out(tmp_path / "in", {"locked/a.tif": "", "open/b.tif": ""})
    denied(monkeypatch, tmp_path / "in" / "locked")
    found = survey([tmp_path / "in"], SUFFIXES)
    assert [each.name for each in found.references] == ["good.tif", "open/b.tif"]
    (reason,) = found.left_out
    assert reason == "the folder cannot be listed (Permission denied)"


@pytest.mark.parametrize("pattern", ["**/*.tif", "**/**/*.tif", "**"])
def test_links_that_loop_lead_a_glob_nowhere(tmp_path, pattern):
    lay_out(tmp_path / "in", {"a/b/1.tif": "x"})
    for name in "pqrs":
        (tmp_path / "in" / "a" / name).symlink_to(tmp_path / "in")
    found = survey([tmp_path / "in" / pattern], SUFFIXES)
    assert {each.name.rpartition("/")[2] for each in found.references} == {"1.tif", "good.tif"}
    assert len({each.path for each in found.references}) == 2


def test_an_index_that_promises_nothing_beside_no_image_is_said(tmp_path):
    (tmp_path / "a.companion.ome").write_text("<OME/>")
    with pytest.raises(InputError, match="no image"):
        census(tmp_path)


def test_a_folder_with_the_name_of_an_index_is_a_folder(tmp_path):
    lay_out(tmp_path / "in", {"Index.xml/1.tif": "x"})
    names = [each.name for each in survey([tmp_path / "in"], SUFFIXES).references]
    assert names == ["good.tif", "Index.xml/1.tif"]


def test_of_many_index_files_so_many_are_read_as_a_plate_has(tmp_path):
    lay_out(tmp_path, {f"{i}.htd": "" for i in range(1005)})
    problems = [each.problem for each in survey([tmp_path], SUFFIXES).references if each.problem]
    assert len(problems) == 1005
    assert sum("more than 1,000 index files" in each for each in problems) == 5


def test_an_index_longer_than_any_of_an_instrument_is_not_read(tmp_path):
    lay_out(tmp_path, {})
    with open(tmp_path / "Index.xml", "wb") as file:
        file.truncate(2_000_000_000)
    problem = next(each.problem for each in survey([tmp_path], SUFFIXES).references if each.problem)
    assert "2,000 MB" in problem
    assert MOST_PROMISED < 1_000_000


@pytest.mark.parametrize(
    "name", ["a\0.tif", "a\ud800.tif", "x" * 300 + ".tif", "a/" * 3000 + "b.tif"]
)
def test_a_name_that_no_file_can_have_is_a_read_error(name):
    with pytest.raises(ReadError):
        read(name)


def test_a_manifest_with_names_that_no_file_can_have_counts_the_rest(tmp_path):
    lay_out(tmp_path, {"m.csv": "path\ngood.tif\na\0.tif\n../../../../etc/passwd\n/dev/zero\n"})
    done = run(
        "detect", "--manifest", tmp_path / "m.csv", "-o", tmp_path / "r", "--threshold", 1000
    )
    assert done.returncode == 3, done.stderr
    assert sorted(statuses(tmp_path / "r").values()) == ["failed", "failed", "failed", "found"]


@pytest.mark.parametrize("name", [".zgroup", ".zattrs", "0/.zarray", "0/0.0"])
@pytest.mark.parametrize("kind", ["pipe", "endless"])
def test_a_zarr_is_read_from_files_of_a_plausible_size(tmp_path, name, kind):
    zarr = pytest.importorskip("zarr", reason="zarr is not installed")
    group = zarr.create_group(tmp_path / "a.zarr", zarr_format=2)
    group.create_array("0", data=np.zeros((8, 8), np.uint8), fill_value=1)
    axes = [{"name": "y"}, {"name": "x"}]
    group.attrs["multiscales"] = [{"axes": axes, "datasets": [{"path": "0"}]}]
    assert read(tmp_path / "a.zarr").shape == (8, 8)
    (tmp_path / "a.zarr" / name).unlink()
    if kind == "pipe":
        os.mkfifo(tmp_path / "a.zarr" / name)
    else:
        (tmp_path / "a.zarr" / name).write_bytes(b"[" * 30_000_000)
    with pytest.raises(ReadError):
        read(tmp_path / "a.zarr")


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_in_index_files_the_good_image_is_listed(tmp_path, seed):
    for case in range(50):
        check(case, seed, tmp_path / str(case))


@pytest.mark.parametrize("device", ["pipe", "/dev/zero"])
@pytest.mark.parametrize("function", [read_settings, read_metadata, read_truth])
def test_a_table_or_settings_that_never_end_are_refused_at_once(tmp_path, device, function):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises((InputError, SettingsError), match=r"this is (a pipe|no file)|not exist"):
        function(str(tmp_path / device))
