"""The command line explains itself: groups, examples, slips, JSON, options in a file."""

import importlib
import json
import os
import re
import shlex

import click
import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from commands import run

import nucensus
from nucensus.cli import _COMMANDS, _nucensus, commands
from nucensus.values.settings_file import settings_as_toml
from nucensus.values.synthetic import write_plate


def invoke(*arguments):
    return CliRunner().invoke(_nucensus, list(map(str, arguments)), prog_name="nucensus")


@pytest.fixture(scope="module")
def plate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plate")
    write_plate(folder, fields=2, corrupt=False)
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_option_of_detect_is_in_one_group_with_an_example_that_is_right():
    text = invoke("detect", "--help").output
    command = importlib.import_module("nucensus.cli.detect").command
    groups = re.split(r"\n(?=\S[^\n]*:\n)", text)[1:]
    assert len(groups) >= 5
    for option in command.params:
        if isinstance(option, click.Option):
            name = max(option.opts, key=len)
            defined = re.compile(rf"^  (-\w, |--[\w-]+, |--[\w-]+ / )*{name}\b(?!-)", re.MULTILINE)
            assert sum(len(defined.findall(each)) for each in groups) == 1, name
            (group,) = (each for each in commands._GROUPS if (option.name or "") in each.options)
            (own,) = (each for each in groups if defined.search(each))
            assert own.startswith(f"{group.title}:"), name
    examples = re.findall(r"^ +(nucensus detect .*)$", text, re.MULTILINE)
    assert len(examples) == len(groups)
    for example in examples:
        _, _, *arguments = shlex.split(example)
        command.make_parser(click.Context(command)).parse_args(list(arguments))


@pytest.mark.parametrize("name", _COMMANDS)
def test_every_option_of_every_command_is_in_its_help(name):
    text = invoke(name, "--help").output
    assert "\\b" not in text
    assert "\nMore:" not in text  # what no group has
    for option in _nucensus.get_command(None, name).params:
        if isinstance(option, click.Option):
            assert re.search(rf"^ +.*{max(option.opts, key=len)}\b", text, re.MULTILINE), option


@pytest.mark.parametrize("name", _COMMANDS)
def test_no_help_has_words_of_programs_for_values(name):
    text = invoke(name, "--help").output
    assert "RANGE" not in text
    assert "x>" not in text
    assert not re.search(r"--[\w-]+ TEXT", text)


def test_a_mistyped_command_brings_the_one_that_was_meant():
    done = invoke("detct", "plate")
    assert done.exit_code == 2
    assert "'detct'; did you mean detect?" in done.output
    assert "did you mean" not in invoke("xyzzy").output


def test_the_version_has_a_short_form():
    assert invoke("-V").output == invoke("--version").output != ""


def test_scan_info_evaluate_and_diff_speak_json(plate, here):
    assert invoke("detect", plate, "-o", here / "a").exit_code == 0
    assert invoke("detect", plate, "-o", here / "b", "--sigma", "3", "-q").output == ""
    scanned = json.loads(invoke("scan", plate, "--json").stdout)
    assert (scanned["images"], scanned["to_count"]) == (2, 2)
    assert scanned["plates"][0]["wells"]
    assert json.loads(invoke("info", "--json").stdout)["usable_cores"] >= 1
    scores = json.loads(invoke("evaluate", here / "a", plate / "truth.csv", "--json").stdout)
    assert scores["f1"]["low"] <= scores["f1"]["value"] <= scores["f1"]["high"]
    assert {each["image"] for each in scores["fields"]}
    done = invoke("diff", here / "a", here / "b", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["settings"]["sigma"]["after"] == 3
    done = invoke("diff", here / "a", here / "a", "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"settings": {}, "images": []})


def test_a_plate_that_leaves_a_choice_is_scanned_as_json_with_the_question(here):
    for channel in ("w1", "w2"):
        tifffile.imwrite(here / f"p_A01_s1_{channel}.tif", np.zeros((8, 8), np.uint16))
    assert "channel" in json.loads(invoke("scan", here, "--json").stdout)["to_choose"]


def test_options_may_stand_in_a_file_and_are_told(plate, here):
    (here / "nucensus.toml").write_text('[detect]\nsigma = [3, 4]\nborder = "keep"\n')
    done = invoke("detect", plate, "-o", "run", "--border", "drop")
    assert done.exit_code == 0, done.output
    assert "Taken from nucensus.toml: --sigma" in done.stderr
    assert "--border" not in done.stderr  # what is typed goes before it
    settings = json.loads((here / "run" / "provenance.json").read_text())["settings"]
    assert (settings["sigma"], settings["border"]) == ([3, 4], "drop")
    assert "detect --sigma [3, 4] --border keep" in invoke("info").output


def test_the_settings_that_the_tuner_saves_are_taken_where_they_lie(plate, here):
    text = settings_as_toml(nucensus.Settings(sigma=3, border="keep"))
    (here / "nucensus.toml").write_text(f"{text}[detect]\nborder = 'drop'\n")
    done = invoke("detect", plate, "-o", "run")
    assert "--settings nucensus.toml" in done.stderr
    settings = json.loads((here / "run" / "provenance.json").read_text())["settings"]
    assert (settings["sigma"], settings["border"]) == (3, "drop")
    assert invoke("scan", plate).exit_code == 0
    assert invoke("detect", plate, "-o", "run", "--settings", "nucensus.toml").exit_code == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[detect]\nboder = "keep"\n', "'boder' below [detect]; expected an option"),
        ('boder = "keep"\n', "in the settings 'nucensus.toml': "),
        ('[detct]\nborder = "keep"\n', "a table [detct]; expected the name of a command"),
        ("[detect\n", "cannot be read"),
    ],
)
def test_what_is_wrong_in_a_file_of_options_is_refused(here, text, says):
    (here / "nucensus.toml").write_text(text)
    done = invoke("detect", here, "-o", "run")
    assert done.exit_code != 0
    assert says in str(done.exception)
    assert not (here / "run").exists()


def test_the_shell_completes_commands():
    words = {"COMP_WORDS": "nucensus det", "COMP_CWORD": "1"}
    done = run(env={**os.environ, **words, "_NUCENSUS_COMPLETE": "bash_complete"})
    assert done.stdout.split() == ["plain,detect"], done.stderr
