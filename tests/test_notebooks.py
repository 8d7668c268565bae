"""The notebooks of the documentation run from the first cell to the last, in a short form."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
SHORT = {"five-methods.ipynb": "FIELDS = 4", "plate-heat-map.ipynb": "ROWS, COLUMNS = 2, 3"}
SHOWS = {
    "five-methods.ipynb": "the same points in every image",
    "plate-heat-map.ipynb": "text/html",
}


@pytest.fixture(scope="module")
def execute():
    pytest.importorskip("nbclient", reason="nbclient is not installed (uv sync --group notebooks)")
    specification = importlib.util.spec_from_file_location("execute", FOLDER / "execute.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.execute


def outputs(notebook):
    return "".join(
        output.get("text", "") or "".join(output.get("data", {}))
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )


@pytest.mark.filterwarnings("default")  # of Jupyter's own packages
@pytest.mark.parametrize("name", SHORT)
def test_a_notebook_runs_and_draws(execute, name):
    shown = outputs(execute(FOLDER / name, SHORT[name]))
    assert "image/svg+xml" in shown
    assert SHOWS[name] in shown


@pytest.mark.parametrize("name", SHORT)
def test_a_notebook_is_kept_with_small_outputs(name):
    size = (FOLDER / name).stat().st_size
    assert 20_000 < size < 150_000


def test_where_nucensus_is_not_installed_the_clone_beside_a_notebook_is(tmp_path, monkeypatch):
    (tmp_path / "nucensus" / "kernel").mkdir(parents=True)  # a module may be found in it, too
    (tmp_path / "nucensus" / "kernel" / "abi.h").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("importlib.metadata.distributions", list)
    cells = json.loads((FOLDER / "five-methods.ipynb").read_text("utf-8"))["cells"]
    code = next(text for cell in cells if "%pip" in (text := "".join(cell["source"])))
    names = {}
    exec(re.sub("%pip install --quiet ", "installed = f", code), names)
    assert names["installed"] == "./nucensus[bench]"
