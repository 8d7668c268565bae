"""Settings are checked where they are made, and before an image is read."""

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner

from nucensus import Plane, Settings, census, find_nuclei
from nucensus.cli.detect import command as detect
from nucensus.detect import DETECTORS
from nucensus.errors import SettingsError
from nucensus.values.check_settings import OUR_DETECTORS
from nucensus.values.synthetic import make_field

NAN, INF = float("nan"), float("inf")


@pytest.fixture(scope="module")
def image():
    """A field of 12 nuclei that are 200 above a ground of 20, 8 bits."""
    return (
        make_field(5, shape=(200, 240), nuclei=12, brightness=200, background=20)
        .image.clip(0, 255)
        .astype(np.uint8)
    )


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("detector", ["nope", 3, None, ["log"], ""]),
        ("sigma", ["abc", "4", None, True, -1, NAN, INF, (), (4,), (1, 2, 3, 4), (4, -1), (4, "4"),
                   1e9, 10**400, {}, [[1, 2], [3, 4]]]),
        ("min_distance", ["6", None, True, -1, 2.5, NAN, INF, (6,), [6], 10**5000]),
        ("threshold", ["high", True, NAN, INF, -INF, (1,), [300], b"300"]),
        ("border", ["side", None, True, 3, ["keep"]]),
        ("subpixel", [1, 0, "yes", None]),
        ("sigma_um", ["2", "auto", True, 0, -2, NAN, INF, (1, 2)]),
        ("invert", [1, "no", None]),
    ],
)  # fmt: skip
def test_a_value_that_is_none_of_its_setting_is_refused_by_name(name, values):
    for value in values:
        with pytest.raises(SettingsError, match=rf"{name} .*; expected "):
            Settings(**{name: value})


def test_numbers_of_numpy_and_lists_become_plain_values():
    settings = Settings(
        sigma=np.array([2, 3.5]), min_distance=np.float64(6), threshold=np.int16(9),
        subpixel=np.True_,
    )  # fmt: skip
    assert settings == Settings(sigma=[2, 3.5], min_distance=6, threshold=9, subpixel=True)
    assert [type(each) for each in (*settings.sigma, settings.threshold)] == [float, float, int]


@pytest.mark.parametrize("sigma", [0, (8, 3), (2, 4, 4), (0, 3)])
def test_scales_of_blobs_are_positive_and_the_least_is_first(sigma):
    with pytest.raises(SettingsError, match="the least first"):
        Settings("log", sigma=sigma)


def test_the_detectors_that_settings_know_are_those_there_are():
    assert tuple(DETECTORS) == OUR_DETECTORS


def test_settings_of_a_run_need_no_detector_that_is_not_installed_here():
    values = {**Settings(threshold=300).as_dict(), "detector": "of-another-machine"}
    assert Settings.of_run(values).detector == "of-another-machine"
    with pytest.raises(SettingsError, match="there is no detector"):
        Settings.from_dict(values)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--sigma=abc", "sigma is 'abc'; expected a number"),
        ("--sigma=nan", "sigma is nan; expected a number"),
        ("--sigma=2,3,4,5", "sigma is (2.0, 3.0, 4.0, 5.0); expected"),
        ("--sigma-um=0", "sigma_um is 0.0; expected a number of micrometres above 0"),
        ("--min-distance=2.5", "min_distance is '2.5'; expected a whole number"),
        ("--threshold=high", "threshold is 'high'; expected a finite number"),
        ("--sigma=2,3,4", "sigma has 3 numbers"),
    ],
)
def test_the_command_line_says_what_python_says(tmp_path, option, said):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((9, 9), np.uint16))
    done = CliRunner().invoke(detect, [str(tmp_path), "-o", str(tmp_path / "run"), option])
    assert said in str(done.exception)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings("auto@2"), "planes only"),
        (Settings(outlines=True), "planes only"),
        (Settings("log"), "planes only"),
        (Settings(threshold=300, border="count"), "two of four edges"),
        (Settings(threshold=300, subpixel=True), "refined"),
        (Settings(sigma=(2, 3)), "sigma has 2 numbers"),
    ],
)
def test_what_volumes_cannot_have_is_refused_before_a_run_is_made(tmp_path, settings, said):
    with pytest.raises(SettingsError, match=said):
        census(tmp_path, tmp_path / "run", settings, plane=Plane(z="volume"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "like",
    [
        lambda image: image,
        lambda image: image.astype(np.int8),
        lambda image: image > 100,
        lambda image: (image / 255).astype(np.float32),
        lambda image: image / 127.5 - 1,
        np.zeros_like,
    ],
)
@pytest.mark.parametrize("settings", [Settings(sigma=3), Settings("log", threshold=1000)])
def test_a_threshold_that_no_pixel_of_the_type_can_be_above_is_refused(image, like, settings):
    of_a_mask = "a mask; expected grey levels"
    said = rf"1000 grey levels, .* nothing can be above it|{of_a_mask}"
    with pytest.raises(SettingsError, match=said):
        find_nuclei(like(image), settings)


def test_images_of_other_types_are_counted_beside_one_that_is_refused(tmp_path, image):
    tifffile.imwrite(tmp_path / "eight.tif", image)
    tifffile.imwrite(tmp_path / "sixteen.tif", image.astype(np.uint16) * 100)
    run = census(tmp_path, settings=Settings(sigma=3, border="keep"))
    assert run.images["status"].tolist() == ["failed", "found"]
    assert run.images["count"][1] >= 10
    assert "--detector maxima" in run.failures["reason"][0]


def test_a_dark_field_under_a_threshold_is_no_error():
    dark = np.random.default_rng(1).normal(100, 3, (90, 90))
    assert len(find_nuclei(dark.astype(np.uint16), Settings.published())) == 0
    assert len(find_nuclei(dark.astype(np.float32), Settings.published())) == 0


def test_a_run_that_found_nothing_above_its_threshold_says_so(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.full((90, 90), 200, np.uint16))
    options = ["-o", str(tmp_path / "run"), "--sigma", "3"]
    done = CliRunner().invoke(detect, [str(tmp_path / "a.tif"), *options])
    assert done.exit_code == 0
    assert "nothing in any image is above the threshold, 1000 grey levels" in done.stderr
