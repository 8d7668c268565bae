"""Settings go into a TOML file and come back as they were."""

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from nucensus import Run, Settings
from nucensus.cli.detect import command
from nucensus.errors import SettingsError
from nucensus.values.settings_file import read_settings, settings_as_toml, settings_from_toml

SIGMAS = st.floats(0, 1e6)


@given(
    st.builds(
        Settings,
        sigma=SIGMAS | st.tuples(SIGMAS, SIGMAS),
        min_distance=st.integers(0, 10**6),
        threshold=st.none() | st.floats(allow_nan=False, allow_infinity=False),
        border=st.sampled_from(["drop", "keep"]),
    )
)
def test_settings_come_back_as_they_were(settings):
    import tomllib

    assert settings_from_toml(tomllib.loads(settings_as_toml(settings))) == settings


def test_what_the_file_does_not_name_keeps_its_default(tmp_path):
    (tmp_path / "s.toml").write_text("threshold = 300\n")
    assert read_settings(tmp_path / "s.toml") == Settings(threshold=300)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("treshold = 300", "'treshold' is not a setting; .*; did you mean threshold?"),
        ("sigma = -1", "sigma is -1; expected a number of pixels"),
        ('sigma = "wide"', "sigma is 'wide'; expected a number of pixels"),
        ("sigma = [4]", r"sigma is \[4\]; expected a number of pixels"),
        ('min_distance = "6"', "min_distance is '6'; expected a whole number"),
        ("min_distance = 1979-05-27", "min_distance is .*1979.*; expected a whole number"),
        ('threshold = "high"', "s.toml': threshold is 'high'; expected a finite number"),
        ("threshold = nan", "threshold is nan; expected a finite number"),
        ("subpixel = 1", "subpixel is 1; expected true or false"),
        ("[detector]", "detector is {}; expected the name"),
        ("sigma == 1", "expected a TOML file"),
        ("sigma = " + "[" * 9999, "expected a TOML file"),
    ],
)
def test_a_wrong_file_is_refused_with_its_reason(tmp_path, text, expected):
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(SettingsError, match=expected):
        read_settings(tmp_path / "s.toml")


def test_a_file_may_begin_with_the_mark_of_notepad(tmp_path):
    (tmp_path / "s.toml").write_text("threshold = 300\n", encoding="utf-8-sig")
    assert read_settings(tmp_path / "s.toml") == Settings(threshold=300)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        read_settings(tmp_path / "nowhere.toml")


def test_a_typed_option_goes_before_the_file(plate, tmp_path):
    file = tmp_path / "s.toml"
    file.write_text(settings_as_toml(Settings(sigma=3, threshold=500, border="keep")))
    options = ["-o", str(tmp_path / "run"), "--settings", str(file), "--threshold", "600"]
    result = CliRunner().invoke(command, [str(plate), *options])
    assert result.exit_code == 0
    with Run(tmp_path / "run") as run:
        assert run.settings == Settings(sigma=3, threshold=600, border="keep")
