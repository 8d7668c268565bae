"""What may be typed behind a command stays: scripts and workflows rest on it.

python tests/test_command_options.py   writes the options as they are now
"""

import json
from pathlib import Path

import click
import pytest

from nucensus.cli import _COMMANDS, _nucensus

OPTIONS = Path(__file__).parent / "expected" / "options.json"


def options_of(command):
    """Return each argument and option of a command, with how it is typed."""
    return {each.name: typed(each) for each in _nucensus.get_command(None, command).params}


def typed(parameter):
    """Return how a parameter is spelled, how often it comes, and what it is without it."""
    about = parameter.to_info_dict()
    kind = about["type"]
    default = about["default"]
    plain = isinstance(default, bool | int | float | str | list | tuple)
    return {
        "spelled": [*about["opts"], *about["secondary_opts"]],
        "kind": [kind["name"], *map(str, kind.get("choices") or ())],
        "range": [kind.get("min"), kind.get("max"), bool(kind.get("min_open"))],
        "times": [about["nargs"], about["multiple"], about["required"]],
        "is_flag": about.get("is_flag", False),
        "default": default or None if plain and isinstance(parameter, click.Option) else None,
    }


@pytest.mark.parametrize("command", json.loads(OPTIONS.read_text("utf-8")))
def test_an_option_that_there_was_is_there_and_means_the_same(command):
    expected = json.loads(OPTIONS.read_text("utf-8"))[command]
    now = json.loads(json.dumps(options_of(command)))
    assert {name: now.get(name) for name in expected} == expected


def main():
    """Write the options of every command, a line for each."""
    commands = {
        command: ",\n".join(f"  {json.dumps(name)}: {json.dumps(each)}"
                            for name, each in options_of(command).items())
        for command in _COMMANDS
    }  # fmt: skip
    texts = (f" {json.dumps(command)}: {{\n{lines}\n }}" for command, lines in commands.items())
    OPTIONS.write_text("{\n" + ",\n".join(texts) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()
