"""What index files of plates promise, also where they leave something out."""

import pytest

from nucensus.discover.index import read_index
from nucensus.errors import InputError

HTD = {
    "XWells": "3", "YWells": "2", "WellsSelection1": "TRUE, FALSE, TRUE",
    "WellsSelection2": "FALSE, TRUE, FALSE", "XSites": "2", "YSites": "2",
    "SiteSelection1": "TRUE, TRUE", "SiteSelection2": "FALSE, TRUE", "NWavelengths": "3",
    "WaveName1": '"DAPI"', "WaveName2": '"GFP"', "WaveName3": '"Cy5"', "WaveCollect2": "0",
    "WaveCollect3": "1", "TimePoints": "2", "ZSeries": "TRUE", "ZSteps": "3",
}  # fmt: skip


def promised(folder, name, fields):
    lines = [f'"{field}", {value}\n' for field, value in fields.items()]
    (folder / name).write_text("".join(lines))
    return [each.place for each in read_index(str(folder / name)).promises]


def without(*names, **changed):
    return {name: value for name, value in (HTD | changed).items() if name not in names}


def test_all_that_a_metaxpress_plate_was_told_to_image_is_promised(tmp_path):
    places = promised(tmp_path, "p.htd", HTD)
    assert len(places) == 3 * 3 * 2 * 2 * 3
    assert {each.well for each in places} == {"A01", "A03", "B02"}
    assert {each.site for each in places} == {"1", "2", "4"}
    assert {(each.channel, each.stain) for each in places} == {("1", "DAPI"), ("3", "Cy5")}
    assert {each.time for each in places} == {"1", "2"}
    assert {each.z for each in places} == {"1", "2", "3"}


@pytest.mark.parametrize(
    ("absent", "axis", "values", "count"),
    [
        (("TimePoints",), "time", {"1"}, 54),
        (("ZSeries",), "z", {""}, 36),
        (("ZSteps",), "z", {""}, 36),
        (("NWavelengths",), "channel", {"1"}, 54),
        (("WaveCollect2",), "channel", {"1", "2", "3"}, 162),
        (("WaveName1",), "stain", {"", "Cy5"}, 108),
        (("YSites",), "site", {"1", "2"}, 72),
        (("SiteSelection1", "SiteSelection2"), "site", {""}, 36),
        (("WellsSelection2",), "well", {"A01", "A03"}, 72),
        (("YWells",), "well", set(), 0),
    ],
)
def test_what_an_htd_file_does_not_say_is_one_or_none(tmp_path, absent, axis, values, count):
    places = promised(tmp_path, "p.htd", without(*absent))
    assert {getattr(each, axis) for each in places} == values
    assert len(places) == count


def test_sites_of_a_row_are_numbered_on_where_the_row_before_ends(tmp_path):
    places = promised(tmp_path, "p.htd", without("XSites"))
    assert {each.site for each in places} == {"1", "2", "3"}


def test_planes_are_promised_only_of_a_series(tmp_path):
    assert {each.z for each in promised(tmp_path, "p.htd", without(ZSeries="FALSE"))} == {""}


def test_an_index_without_its_first_field_is_not_one(tmp_path):
    with pytest.raises(InputError, match="does not say XWells"):
        promised(tmp_path, "p.htd", without("XWells"))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"NTimePoints": "2", "DoTimelapse": "TRUE"}, [("", "", "1"), ("", "", "2")]),
        ({"NTimePoints": "2"}, [("", "", "")]),
        (
            {"NWavelengths": "2", "DoWave": "TRUE", "WaveName1": '"w1 DAPI"'},
            [("", "1", ""), ("", "2", "")],
        ),
        (
            {"NStagePositions": "2", "DoStage": "TRUE", "NWavelengths": "1"},
            [("1", "", ""), ("2", "", "")],
        ),
    ],
)
def test_a_metamorph_series_promises_what_was_done(tmp_path, fields, expected):
    places = promised(tmp_path, "s.nd", fields)
    assert [(each.site, each.channel, each.time) for each in places] == expected


def test_waves_that_were_not_taken_at_every_time_are_promised_where_they_were(tmp_path):
    series = {"DoTimelapse": "TRUE", "NTimePoints": "3", "DoWave": "TRUE", "NWavelengths": "2"}
    places = promised(tmp_path, "s.nd", series | {"WavePointsCollected2": "1, 3"})
    assert [(each.channel, each.time) for each in places] == [
        ("1", "1"), ("1", "2"), ("1", "3"), ("2", "1"), ("2", "3")
    ]  # fmt: skip
