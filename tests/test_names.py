"""The names that instruments give say where on a plate an image was taken."""

import random
import re

import pytest

from nucensus.discover.names import (
    PATTERNS,
    compile_pattern,
    parse_name,
    place_of,
    row_name,
    well_name,
)
from nucensus.errors import InputError
from nucensus.values import Place

GUID = "9577918A-4973-4A87-BA73-A168AA755527"

NAMES = {
    # BBBC039 and BBBC021, from the Broad Bioimage Benchmark Collection
    f"images/IXMtest_A06_s6_w1{GUID}.tif": Place("IXMtest", "A06", "6", "1"),
    "IXMtest_A16_s2_w15AF20A10-82AE-48FA-AC50-7AE8AC3AA544.tif": Place("IXMtest", "A16", "2", "1"),
    f"Week4_27481/G10_s1_w2{GUID}.tif": Place("Week4_27481", "G10", "1", "2"),
    f"Week1_22123/Week1_150607_B02_s4_w4{GUID}.tif": Place("Week1_150607", "B02", "4", "4"),
    f"mcf-z-stacks-03212011_k06_s2_w1{GUID}.tif": Place("mcf-z-stacks-03212011", "K06", "2", "1"),
    # MetaXpress exports: the real files of 9987_Plate_3434
    "x/9987_Plate_3434/TimePoint_1/ZStep_2/9987_B03_s2_w3.TIF": Place(
        "9987_Plate_3434", "B03", "2", "3", "2", "1"
    ),
    "9987_Plate_3420/TimePoint_1/9987_B02.TIF": Place("9987_Plate_3420", "B02", time="1"),
    "demo_A01_s1_w1.tif": Place("demo", "A01", "1", "1"),
    "plate_A01_s1_w1DAPI.TIF": Place("plate", "A01", "1", "1", stain="DAPI"),
    "Plate 1_B12_s3_w12 Texas Red_t4.tif": Place(
        "Plate 1", "B12", "3", "12", time="4", stain="Texas Red"
    ),
    "P1_B12_s3_w2_t4.TIF": Place("P1", "B12", "3", "2", time="4"),
    "P1_B12_s3_w2.stk": Place("P1", "B12", "3", "2"),
    "p/TimePoint_2/ZStep_3/P1_A01_w2Cy5.TIF": Place("p", "A01", "", "2", "3", "2", "Cy5"),
    "p_AB47_s1_w1.tif": Place("p", "AB47", "1", "1"),
    # Harmony exports
    "BR001__2021-03-29T16_51_44-Measurement 1/Images/r02c11f03p04-ch5sk2fk1fl1.tiff": Place(
        "BR001", "B11", "3", "5", "4", "2"
    ),
    "p/r02c11f03p04-ch05t02.tiff": Place("p", "B11", "3", "5", "4", "2"),
    "p/r02c11f03p04rc1-ch5sk2fk1fl1.tiff": Place("p", "B11", "3", "5", "4", "2"),
    "r01c01f01p01-ch1sk1fk1fl1.tiff": Place("", "A01", "1", "1", "1", "1"),
    "plate/r27c01f01p01-ch1sk1fk1fl1.tiff": Place("plate", "AA01", "1", "1", "1", "1"),
    # CellVoyager
    "AssayPlate_D08_T0001F002L01A01Z04C02.tif": Place("AssayPlate", "D08", "2", "2", "4", "1"),
    # InCell, as in the manual of the InCell Analyzer
    "plate 7/B - 02(fld 03 wv DAPI - DAPI).tif": Place("plate 7", "B02", "3", "DAPI - DAPI"),
    "A - 1(fld 1 wv UV - DAPI z 12 time 3).tif": Place(
        "", "A01", "1", "UV - DAPI", "12", "3"
    ),
    "A - 10(fld 01 z 2 time 1 wv Blue - FITC).tif": Place("", "A10", "1", "Blue - FITC", "2", "1"),
    "x/2024-05-03_plate-B_P - 24(fld 1 wv DAPI - DAPI).tif": Place(
        "2024-05-03_plate-B", "P24", "1", "DAPI - DAPI"
    ),
    # Incucyte: minutes since the first scan, or the date
    "VID12_A1_3_01d02h30m.tif": Place("VID12", "A01", "3", time="1590"),
    "VID12_H12_1_2020y01m02d_03h04m.tif": Place("VID12", "H12", "1", time="202001020304"),
    # Harmony 3: row, column, field, plane, time, channel
    "002011-5-003001002.tif": Place("", "B11", "5", "2", "3", "1"),
    "B3--W00015--P00002--Z00001--T00000--DAPI.tif": Place("", "B03", "2", "DAPI", "1", "0"),
    # BioTek: a tile, and fields that were stitched
    "p/A1_-1_1_4_DAPI 377,447_001.tif": Place("p", "A01", "4", "DAPI 377,447", time="1"),
    "p/A1_-1_1_Stitched[DAPI 377,447]_001.tif": Place(
        "p", "A01", "", "Stitched[DAPI 377,447]", time="1"
    ),
    # Leica's Matrix Screener: U and V are column and row, from 0, and LAS X
    "image--L0000--S00--U02--V01--J08--E00--O00--X01--Y00--T0003--Z04--C01.ome.tif": Place(
        "", "B03", "X1Y0", "J08 C01", "4", "3"
    ),
    "exp/TileScan 1_B_3_R2_Merging_z04_ch01.tif": Place("", "B03", "2", "1", "4"),
    "exp_B_12_Pos01_ch00.tif": Place("", "B12", "1", "0"),
    # Micro-Manager's plate of positions, and quarters of wells of CellVoyager
    "x/B2-Site_3/img_000000001_DAPI_004.tif": Place("", "B02", "3", "DAPI", "4", "1"),
    "AssayPlate_P24.b2_T0001F002L01A01Z04C02.tif": Place(
        "AssayPlate", "AF48", "2", "2", "4", "1"
    ),
    # CQ1 numbers the wells, whatever the plate
    "plate 7/Image/W0013F0002T0001Z010C3.tif": Place("", "13", "2", "3", "10", "1"),
    # BBBC005: how many cells, and how far out of focus, stand between well and site
    "SIMCEPImages_C18_C80_F17_s08_w2.TIF": Place("SIMCEPImages", "C18", "8", "2"),
    # Row, column and field of Columbus
    "R01_C02_F03_Ch1.tif": Place("", "A02", "3", "1"),
    "x/plate 1_R16_C24_F12_P2_Ch4_T7.tif": Place("plate 1", "P24", "12", "4", "2", "7"),
    "plate_R02_C01_F02.tif": Place("plate", "B01", "2"),
    "R01-C01-F1.tif": Place("", "A01", "1"),
    "R08_C12_Ch2.tif": Place("", "H12", "", "2"),
    # JOBS of Nikon: of a list of channels the file tells
    "WellB02_PointB02_0003_ChannelDAPI_Seq0011.nd2": Place("", "B02", "3", "DAPI"),
    "run 1_WellH12_Point0000_Channel405 nm,488 nm_Seq0001.tif": Place("run 1", "H12", "0"),
    "A1-Site_2/img_channel001_position002_time000000000_z000.tif": Place(
        "", "A01", "2", "1", "0", "0"
    ),
    # EVOS: raw channels, and pictures as they are displayed, or merged
    "x/scan 1_Plate_R_p00_0_A01f03d2.TIF": Place("scan 1", "A01", "3", "2", time="0"),
    "s_Plate_R_p02_z11_0_H12f25d4.tif": Place("s", "H12", "25", "4", "11", "2"),
    "s_Plate_D_p00_0_A01f00d1.png": Place("s", "A01", "0", "D1", time="0"),
    "s_Plate_M_p00_0_A01f00.tif": Place("s", "A01", "0", "M", time="0"),
    # CV1000, which numbers wells, too; regions of interest of BioTek; a treatment in scanR
    "p/W12F003T0001Z02C4.tif": Place("", "12", "3", "4", "2", "1"),
    "p/B2ROI3_01_1_4_DAPI_001.tif": Place("p", "B02", "ROI3 4", "DAPI", time="1"),
    "B3 - 5 nM--W00015--P00002--Z00001--T00000--DAPI.tif": Place(
        "", "B03", "2", "DAPI", "1", "0"
    ),
    # Matrix Screener before it had lasers and orientations
    "image--L0000--S00--U02--V01--J08--X01--Y00--T0003--Z04--C01.tif": Place(
        "", "B03", "X1Y0", "J08 C01", "4", "3"
    ),
    # VisiView: a channel that is called by its wavelength, and the site behind it
    "exp_B02_w2488_s3_t4.TIF": Place("exp", "B02", "3", "2", time="4", stain="488"),
    "exp_w12DAPI_s3.stk": Place("exp", "", "3", "12", stain="DAPI"),
    "exp_s3_w2DAPI.tif": Place("exp", "", "3", "2", stain="DAPI"),
    # ZEN, of a plate whose scenes are files of their own
    "P7-Scene-12-P2-B10.czi": Place("P7", "B10", "2"),
    "P7-Scene-12-P2-B10_c3.tif": Place("P7", "B10", "2", "3"),
    # Squid: a folder for each time point; well, field and plane; grids of fields, and regions
    "x/3/B12_4_2_Fluorescence_405_nm_Ex.tiff": Place(
        "x", "B12", "4", "Fluorescence_405_nm_Ex", "2", "3"
    ),
    "B12_0_1_2_BF_LED_matrix_full.tiff": Place("", "B12", "0_1", "BF_LED_matrix_full", "2"),
    "x/0/manual0_4_2_Fluorescence_488_nm_Ex.tiff": Place(
        "x", "", "manual0 4", "Fluorescence_488_nm_Ex", "2", "0"
    ),
    # Pathway of BD, InCell 3000 (BBBC013), OMERO
    "plate/Well B012/Hoechst - n000003.tif": Place("plate", "B12", "", "Hoechst", time="3"),
    "Channel2-16-B-04.tif": Place("", "B04", "", "2"),
    "plate [Well B-4; Field #2].ome.tif": Place("plate", "B04", "2"),
    # Prairie View: planes of a stack, frames of a series, and of one of several series
    "ZSeries-1-002_Cycle00001_Ch2_000005.ome.tif": Place("ZSeries-1", "", "2", "2", "5", "1"),
    "TSeries-1-002_Cycle00001_Ch2_000005.ome.tif": Place("TSeries-1", "", "2", "2", time="5"),
    "TSeries-1-002_Cycle00003_Ch2_000005.ome.tif": Place(
        "TSeries-1", "", "2", "2", time="3-5"
    ),
    # Well, field and channel in one word
    "P_B12F03W2.tif": Place("P", "B12", "3", "2"),
    "H3xy4z5c1.tif": Place("", "H03", "4", "1", "5"),
    # Cellomics and CellInsight, and what was found in an image
    "MFGTMP_170525090001_B02f05o1.tif": Place("MFGTMP_170525090001", "B02", "5", "o1"),
    "MFGTMPcx7_170525090001_B02f05d1.tif": Place("MFGTMPcx7_170525090001", "B02", "5", "1"),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_ready_patterns_understand_the_names_of_instruments(name):
    assert parse_name(name)[1] == NAMES[name]


@pytest.mark.parametrize(
    "name",
    [
        "A01_Z02_C01.tif",
        "x_A01_F02.tif",
        "img_t01.tif",
        "scan_Z05.tif",
        "series_T0003.tif",
        "c01.tif",
        "A01_s1.txt",
        "rock.tif",
    ],
)
def test_names_that_are_no_names_of_a_plate_say_nothing(name):
    assert parse_name(name) == ("", Place())


@pytest.mark.parametrize("digits", ["0123456789", "123456789"])
@pytest.mark.parametrize("name", NAMES)
def test_other_digits_in_a_name_are_understood_by_the_first_pattern_that_fits(name, digits):
    rng = random.Random(name)
    for _ in range(20):
        other = re.sub(r"\d", lambda _: rng.choice(digits), name)
        end = "/".join(other.split("/")[-4:])
        patterns = {
            kind: re.compile(r"^(?:|.*?/)" + pattern, re.IGNORECASE)
            for kind, pattern in PATTERNS.items()
        }
        first = next((kind for kind, pattern in patterns.items() if pattern.match(end)), "")
        place = parse_name(end, patterns[first])[1] if first else Place()
        assert parse_name(other) == (first, place)


def test_the_user_may_give_a_pattern_with_row_and_column_or_with_a_well():
    own = compile_pattern(r"p(?P<plate>\d+)/(?P<row>[a-h])(?P<column>\d+)-(?P<channel>\w+)\.tif")
    assert parse_name("p12/b7-dapi.tif", own) == ("--pattern", Place("12", "B07", channel="dapi"))
    own = compile_pattern(r"well(?P<well>..?.)_(?P<time>\d+)h")
    assert parse_name("wellB3_048h.tif", own) == ("--pattern", Place("", "B03", time="48"))
    assert parse_name("A01_s1_w1.tif", own) == ("", Place())


@pytest.mark.parametrize(
    ("row", "column", "well"),
    [
        (1, 1, "A01"), (26, 24, "Z24"), (27, "1", "AA01"), (28, 2, "AB02"), (32, 48, "AF48"),
        (52, 1, "AZ01"), (53, 1, "BA01"), (702, 1, "ZZ01"), ("h", "012", "H12"), ("ab", 3, "AB03"),
    ],
)  # fmt: skip
def test_wells_are_named_by_row_and_column_and_found_again_where_they_are(row, column, well):
    assert well_name(row, column) == well
    if row in range(1, 33):
        assert place_of(well) == (row - 1, int(column) - 1)
        assert row_name(row - 1) == well[:-2]


@pytest.mark.parametrize("row", [-1, 703])
def test_rows_that_no_plate_has_have_no_name(row):
    with pytest.raises(ValueError, match=r"expected one from 1 to 702 \(A to ZZ\)"):
        well_name(row, 1)


@pytest.mark.parametrize("pattern", ["(", "no groups", "(?P<hole>x)"])
def test_a_pattern_that_cannot_work_is_refused(pattern):
    with pytest.raises(InputError, match=re.escape(repr(pattern))):
        compile_pattern(pattern)
