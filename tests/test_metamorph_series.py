"""The ND file of MetaMorph is read as the index of a series of files."""

import pytest
from commands import run_here as command

from nucensus.discover import discover, survey
from nucensus.errors import InputError
from nucensus.read import SUFFIXES
from nucensus.values import Plane

ND = """"NDInfoFile", Version 1.0
"Description", File recreated from images.
"DoTimelapse", {timelapse}
"NTimePoints", 2
"DoStage", {stage}
"NStagePositions", 2
"Stage1", "{stages[0]}"
"Stage2", "{stages[1]}"
"DoWave", {wave}
"NWavelengths", 2
"WaveName1", "DAPI"
"WaveName2", "GFP 488/520"
"WaveInFileName", TRUE
"EndFile"
"""


def write_nd(path, *, timelapse="TRUE", stage="TRUE", wave="TRUE", stages=("Position1", "x")):
    path.write_text(ND.format(timelapse=timelapse, stage=stage, wave=wave, stages=stages))


def touch(folder, *names):
    for name in names:
        (folder / name).write_bytes(name.encode())


ALL = [f"exp_w{w}_s{s}_t{t}.TIF" for w in ("1DAPI", "2GFP 488-520") for s in (1, 2) for t in (1, 2)]


def test_waves_stage_positions_and_times_come_from_the_index(tmp_path):
    write_nd(tmp_path / "exp.nd")
    touch(tmp_path, *ALL)
    found = discover([tmp_path], SUFFIXES, plane=Plane(channel="GFP", time=2))
    assert [(each.name, each.channel, each.place.site) for each in found] == [
        ("exp_w2GFP 488-520_s1_t2.TIF", "GFP 488/520", "1"),
        ("exp_w2GFP 488-520_s2_t2.TIF", "GFP 488/520", "2"),
    ]
    shown = command("scan", tmp_path).stdout
    assert "channels: 1 (DAPI), 2 (GFP 488/520)" in shown
    assert "8 images promised by" in shown
    assert "To choose: the plate 'exp' holds the channels 1 (DAPI), 2 (GFP 488/520)" in shown


def test_a_file_that_the_index_promises_and_that_is_not_there_is_a_row(tmp_path):
    write_nd(tmp_path / "exp.nd")
    touch(tmp_path, *ALL[:-1])
    (lost,) = [each for each in survey([tmp_path], SUFFIXES).references if each.problem]
    assert (lost.place.channel, lost.place.site, lost.place.time) == ("2", "2", "2")
    assert "exp.nd promises this image, and it is not there" in lost.problem


def test_each_series_of_a_folder_has_its_own_index(tmp_path):
    write_nd(tmp_path / "a.nd", timelapse="FALSE")
    write_nd(tmp_path / "b.nd", timelapse="FALSE", stage="FALSE")
    touch(tmp_path, *(f"a_w{w}_s{s}.stk" for w in ("1DAPI", "2x") for s in (1, 2)))
    touch(tmp_path, "b_w1DAPI.TIF", "b_w2x.TIF", "unrelated.tif")
    found = survey([tmp_path], SUFFIXES).references
    assert not [each.problem for each in found if each.problem]
    assert [each.place.plate for each in found] == ["a"] * 4 + ["b"] * 2 + [""]


def test_names_without_a_wave_are_understood_beside_their_index(tmp_path):
    write_nd(tmp_path / "exp.nd", wave="FALSE")
    touch(tmp_path, *(f"exp_s{s}_t{t}.stk" for s in (1, 2) for t in (1, 2)))
    found = discover([tmp_path], SUFFIXES, plane=Plane(time=1))
    assert [(each.place.site, each.place.time, each.channel) for each in found] == [
        ("1", "1", ""), ("2", "1", ""),
    ]  # fmt: skip


def test_stage_positions_that_are_called_by_wells_are_wells(tmp_path):
    write_nd(tmp_path / "exp.nd", stages=("A01 - 1", "H12 - 1"))
    touch(tmp_path, *ALL)
    found = discover([tmp_path], SUFFIXES, plane=Plane(channel=1, time=1))
    assert [each.place.well for each in found] == ["A01", "H12"]


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "does not say NWavelengths"), ("\0\xff", "does not say NWavelengths"),
     (ND.replace('"NTimePoints", 2', '"NTimePoints", many'), "NTimePoints is 'many'"),
     (ND.replace("Points\", 2", "Points\", 99999").replace("s\", 2", "s\", 99999"), "more than")],
)  # fmt: skip
def test_a_damaged_index_is_a_row_with_its_reason(tmp_path, text, says):
    text = text.replace("{timelapse}", "TRUE").replace("{stage}", "TRUE").replace("{wave}", "TRUE")
    (tmp_path / "exp.nd").write_text(text, encoding="latin-1")
    touch(tmp_path, *ALL)
    (row,) = [each for each in survey([tmp_path], SUFFIXES).references if each.problem]
    assert (row.name, says in row.problem) == ("exp.nd", True)
    with pytest.raises(InputError, match="channels 1"):
        discover([tmp_path], SUFFIXES)


def test_an_index_below_a_series_is_read_too(tmp_path):
    write_nd(tmp_path / "exp.nd")
    (tmp_path / "other").mkdir()
    touch(tmp_path, *ALL, "other/b.tif")
    (tmp_path / "other" / "MeasurementData.mlf").write_text(
        '<Data><MeasurementRecord Type="IMG" Row="2" Column="3">b.tif</MeasurementRecord></Data>'
    )
    wells = {each.name: each.place.well for each in survey([tmp_path], SUFFIXES).references}
    assert wells["other/b.tif"] == "B03"
