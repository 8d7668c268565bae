"""A channel is the one whose name was given; a number is an index only where no name says so."""

import numpy as np
import pytest
import tifffile

from nucensus.errors import NotAPlaneError
from nucensus.read import read
from nucensus.values import Plane
from nucensus.values.channels import find_channel, find_token, list_channels


def numbered(*names):
    return {str(index): name for index, name in enumerate(names)}


@pytest.mark.parametrize(
    ("wanted", "names", "found"),
    [
        ("Ch1", ("Ch1-T1", "Ch2-T2"), "0"),
        ("C1", ("C1 DAPI", "C2 GFP"), "0"),
        ("w2", ("w1DAPI", "w2Cy5"), "1"),
        ("Ch1", ("Ch10", "Ch2", "Ch1"), "2"),
        ("C1", ("C10 GFP", "C1 DAPI"), "1"),
        ("dapi", ("DAPI", "dapi"), "1"),
        ("2", ("01", "02"), "1"),
        ("\u00e9toile", ("e\u0301toile", "DAPI"), "0"),
        ("488", ("405", "488"), "1"),
        ("405", ("Alexa 488", "405 nm"), "1"),
        ("0", ("DAPI", "Alexa 405"), "0"),
        ("1", ("DAPI", "GFP"), "1"),
        ("1", ("488", "405"), "1"),
        ("1", ("2", "1", "0"), "1"),
        ("dapi", ("DAPI", "DAPI wide"), "0"),
        (1, ("1", "0"), "1"),
        (405, ("488", "405"), "1"),
    ],
)
def test_a_name_comes_first_then_a_part_of_one_name_then_an_index(wanted, names, found):
    assert find_channel(wanted, numbered(*names)) == found


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("alexa", ("Alexa 488", "Alexa 568")),
        ("DAPI", ("DAPI", "DAPI")),
        ("48", ("405", "488")),
        ("1", ("Ch1-T1", "Ch2-T2")),
        ("1", ("01", "02")),
        ("Dapi", ("DAPI", "dapi")),
        ("w1", ("DAPI", "FITC")),
        ("", ("DAPI", "FITC")),
        (-1, ("DAPI-1", "FITC")),
        ("9" * 5000, ("DAPI", "FITC")),
    ],
)
def test_what_does_not_say_which_channel_names_none(wanted, names):
    assert find_channel(wanted, numbered(*names)) is None


@pytest.mark.parametrize("wanted", ["w1", "ch1", "C01", "wv1", "1", 1])
def test_of_a_plate_the_number_with_its_letter_is_a_key_unless_a_name_has_it(wanted):
    assert find_token(wanted, {"1": "DAPI", "2": "FITC"}) == "1"
    if wanted in ("w1", "ch1"):
        assert find_token(wanted, {"1": "A", "2": f"{wanted} B"}) == "2"


@pytest.mark.parametrize(
    ("names", "wanted"), [(("Ch1-T1", "Ch2-T2"), "Ch1"), (("405", "488"), "405")]
)
def test_a_channel_of_a_file_is_read_by_a_name_that_holds_a_number(tmp_path, names, wanted):
    stack = np.random.default_rng(0).integers(0, 255, (2, 9, 11), np.uint8)
    metadata = {"axes": "CYX", "Channel": {"Name": list(names)}}
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata=metadata)
    np.testing.assert_array_equal(read(tmp_path / "a.ome.tif", Plane(channel=wanted)), stack[0])
    metadata["Channel"]["Name"][1] = ""
    tifffile.imwrite(tmp_path / "b.ome.tif", stack, metadata=metadata)
    with pytest.raises(NotAPlaneError, match=rf"2 channels: 0 \({names[0]}\), 1; expected"):
        read(tmp_path / "b.ome.tif")
    with pytest.raises(NotAPlaneError, match=rf"'4' does not name one.*{names[0]}.*{names[1]}"):
        read(tmp_path / "a.ome.tif", Plane(channel="4"))


def test_channels_are_listed_by_key_with_the_name_that_says_more_and_of_many_the_first():
    assert list_channels({"1": "", "405": "405", "2": "DAPI"}) == "1, 405, 2 (DAPI)"
    listed = list_channels({str(number): "" for number in range(1200)})
    assert listed.startswith("0, 1, 2, ")
    assert listed.endswith(", ... (1,200 in all)")
