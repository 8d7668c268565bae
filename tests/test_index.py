"""What index files of plates promise, also where they leave something out."""

import pytest

from nucensus.discover.index import Promise, read_index
from nucensus.errors import InputError
from nucensus.values import Place
from nucensus.values.pixel_size import PixelSize

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


HARMONY = """<EvaluationInputData><Plates><Plate><Name>Drugs 7</Name></Plate></Plates>
<Maps><Map><Entry ChannelID="2"><ChannelName>DAPI</ChannelName>
<ImageResolutionX Unit="m">6E-07</ImageResolutionX>
<ImageResolutionY Unit="m">4E-07</ImageResolutionY></Entry></Map></Maps>
<Images><Image><State>Ok</State><URL>a.tiff</URL><Row>2</Row><Col>11</Col><FieldID>5</FieldID>
<PlaneID>3</PlaneID><TimepointID>4</TimepointID><ChannelID>2</ChannelID></Image>
<Image><State>Missing</State><URL>b.tiff</URL><Row>1</Row><Col>2</Col><ChannelID>1</ChannelID>
<ChannelName>GFP</ChannelName><ImageResolutionX Unit="m">1E-06</ImageResolutionX>
<ImageResolutionY Unit="m">2E-06</ImageResolutionY></Image>
<Image><Row>1</Row><Col>1</Col></Image></Images></EvaluationInputData>"""


@pytest.mark.parametrize("name", ["Index.idx.xml", "Index.xml"])
def test_an_index_of_harmony_promises_files_with_their_places_and_pixels(tmp_path, name):
    (tmp_path / name).write_text(HARMONY)
    index = read_index(str(tmp_path / name))
    assert (index.kind, index.folder, index.series) == ("Harmony index", str(tmp_path), "")
    assert index.promises == (
        Promise(
            str(tmp_path / "a.tiff"), Place("Drugs 7", "B11", "5", "2", "3", "4", "DAPI"),
            PixelSize(y=0.4, x=0.6),
        ),
        Promise(
            str(tmp_path / "b.tiff"), Place("Drugs 7", "A02", "", "1", "", "", "GFP"),
            PixelSize(y=2, x=1), "the index says that its state is 'Missing'",
        ),
    )  # fmt: skip


CELL_VOYAGER = {
    "MeasurementData.mlf": """<M xmlns:b="x"><MeasurementRecord b:Type="IMG" b:Row="3"
b:Column="4" b:FieldIndex="2" b:Ch="1" b:ZIndex="6" b:TimePoint="5">a.tif</MeasurementRecord>
<MeasurementRecord b:Type="ERR" b:Row="3" b:Column="5" b:Ch="2">no focus</MeasurementRecord></M>""",
    "MeasurementDetail.mrf": """<M xmlns:b="x" b:MeasurementSettingFileName="how.mes">
<MeasurementSamplePlate b:Name="Drugs 8"/><MeasurementDetail
b:MeasurementSettingFileName="how.mes"/><MeasurementChannel b:Ch="1"
b:HorizontalPixelDimension="0.3" b:VerticalPixelDimension="0.2"/></M>""",
    "how.mes": """<M xmlns:b="x"><Channel b:Ch="1" b:Fluorophore="Hoechst" b:Target="nuclei"/>
<Channel b:Ch="2" b:Target="tubulin"/></M>""",
}


def test_an_index_of_a_cell_voyager_is_told_the_rest_by_the_files_beside_it(tmp_path):
    for name, text in CELL_VOYAGER.items():
        (tmp_path / name).write_text(text)
    found = Place("Drugs 8", "C04", "2", "1", "6", "5", "Hoechst")
    failed = Place("Drugs 8", "C05", "", "2", "", "", "tubulin")
    error = "the instrument recorded an error: no focus"
    promises = (
        Promise(str(tmp_path / "a.tif"), found, PixelSize(y=0.2, x=0.3)),
        Promise("", failed, problem=error),
    )
    assert read_index(str(tmp_path / "MeasurementData.mlf")).promises == promises
    for name in ("how.mes", "MeasurementDetail.mrf"):  # what is not there is not known
        (tmp_path / name).unlink()
    alone = read_index(str(tmp_path / "MeasurementData.mlf")).promises
    assert [each.place.stain for each in alone] == ["", ""]
    assert [each.pixel_size for each in alone] == [PixelSize(), PixelSize()]


@pytest.mark.parametrize(
    ("count", "is_taken"),
    [("750000", True), ("750001", False), ("1" * 10, False), ("-1", False), ("2x", False)],
)
def test_a_count_in_an_index_is_a_number_of_what_a_plate_may_have(tmp_path, count, is_taken):
    fields = {"XWells": "0", "YWells": "0", "TimePoints": count}
    if is_taken:
        assert promised(tmp_path, "p.HTD", fields) == []  # of no well
        return
    with pytest.raises(InputError, match=r"TimePoints is .* expected a number up to 750,000"):
        promised(tmp_path, "p.HTD", fields)


def test_more_channels_than_a_microscope_has_are_refused(tmp_path):
    entries = [f'<Entry ChannelID="{n}"><A>1</A></Entry>' for n in range(1001)]
    for count in (1000, 1001):
        text = "".join(entries[:count])
        (tmp_path / "index.xml").write_text(f"<E>{text}</E>")
        if count == 1000:
            assert read_index(str(tmp_path / "index.xml")).promises == ()
            continue
        with pytest.raises(InputError, match="more than 1000 channels"):
            read_index(str(tmp_path / "index.xml"))


def test_an_index_that_promises_more_than_may_be_is_refused_and_one_with_all_of_it_is_not(tmp_path):
    (tmp_path / "index.xml").write_text(HARMONY)
    assert len(read_index(str(tmp_path / "index.xml"), most=2).promises) == 2
    with pytest.raises(InputError, match="more than 1 images"):
        read_index(str(tmp_path / "index.xml"), most=1)
