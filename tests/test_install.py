"""An error that wants a package says what installs it, however nucensus was installed."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from email import message_from_string
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import nucensus
from nucensus._shell import how_to_add
from nucensus.errors import MissingPackageError

TOP = Path(__file__).parent.parent


def command_of(error):
    return shlex.split(str(error).partition("install it with: ")[2])


def test_the_hint_installs_packages_into_the_python_that_runs_and_never_nucensus_by_its_name():
    command = command_of(MissingPackageError("czifile", "Reading CZI", "formats"))
    assert sys.executable in command
    wanted = command[command.index("install") + 1 :]
    names = {Requirement(each).name for each in wanted if "=" in each}
    assert {"czifile", "liffile", "nd2", "zarr"} == names


def test_two_packages_are_missing_and_one_is():
    one = MissingPackageError("nd2", "Reading ND2", "nd2")
    two = MissingPackageError("starlette and uvicorn", "nucensus tune", "tune")
    assert "needs nd2, which is not installed; " in str(one)
    assert "needs starlette and uvicorn, which are not installed; " in str(two)


def test_an_extra_that_is_not_known_names_the_package_alone():
    command = command_of(MissingPackageError("somepackage", "Doing it", "no-such-extra"))
    assert command[-1] == "somepackage"


@pytest.mark.parametrize("has_pip", [True, False])
def test_the_hint_takes_pip_where_it_is_and_uv_where_not(monkeypatch, has_pip):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: has_pip or None)
    command = command_of(MissingPackageError("nd2", "Reading ND2", "nd2"))
    start = [sys.executable, "-m", "pip"] if has_pip else ["uv", "pip"]
    assert command[: len(start)] == start


def test_on_windows_the_hint_is_quoted_for_its_shell(monkeypatch):
    monkeypatch.setattr("sys.platform", "win32")
    assert '"nd2>=' in how_to_add("nd2", "nd2")


@pytest.mark.skipif(shutil.which("cmake") is None, reason="there is no cmake")
def test_without_a_compiler_the_build_says_what_to_install(tmp_path):
    compiler = {**os.environ, "CXX": "/no/such/compiler"}
    command = ["cmake", "-S", TOP, "-B", tmp_path]
    done = subprocess.run(command, env=compiler, capture_output=True, text=True, check=False)
    assert done.returncode
    assert "apt install g++" in done.stderr
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr  # once there is one, the same command goes on


def test_the_version_to_cite_and_that_of_the_recipe_are_those_of_the_package():
    for file in ("CITATION.cff", "release/conda/recipe.yaml"):
        assert f"version: {nucensus.__version__}\n" in (TOP / file).read_text("utf-8"), file


def test_the_conda_package_needs_what_the_project_needs():
    project = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = map(Requirement, project["dependencies"])
    recipe = (TOP / "release/conda/recipe.yaml").read_text("utf-8")
    _, _, run = recipe.partition("  run:\n")
    for each in wanted:
        assert re.search(rf"(- |then: ){each.name} {each.specifier}\n", run), each


@pytest.fixture
def description(tmp_path, monkeypatch):
    """Return a function that builds the metadata, and returns the page an index makes of them."""
    build = pytest.importorskip("scikit_build_core.build")
    renderer = pytest.importorskip("readme_renderer.markdown")
    names = ("LICENSE", "README.md", "release/long_description.py", "src/nucensus/_version.py")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TOP / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)

    def build_with(urls=""):
        project = (TOP / "pyproject.toml").read_text("utf-8")
        Path("pyproject.toml").write_text(project + urls, "utf-8")
        monkeypatch.delitem(sys.modules, "long_description", raising=False)
        folder = build.prepare_metadata_for_build_wheel(str(tmp_path))
        metadata = message_from_string(Path(folder, "METADATA").read_text("utf-8"))
        assert metadata["Description-Content-Type"] == "text/markdown"
        return renderer.render(metadata.get_payload())

    return build_with


def test_on_an_index_pictures_and_pages_come_from_the_one_address(description):
    address = "https://example.org/lab/nucensus"
    shown = description(f'[project.urls]\nRepository = "{address}/"\n')
    pictures = re.findall(r'<img src="([^"]*)"', shown)
    assert len(pictures) == (TOP / "README.md").read_text("utf-8").count("![")
    links = [each for each in re.findall(r'href="([^"]*)"', shown) if each[0] != "#"]
    kinds = {f"{address}/raw/HEAD/": pictures, f"{address}/blob/HEAD/": links}
    for start, found in kinds.items():
        assert found
        for link in found:
            assert link.startswith(start), link
            assert (TOP / link.removeprefix(start).partition("#")[0]).exists(), link


def test_without_an_address_the_page_of_an_index_has_no_link_that_leads_nowhere(description):
    shown = description()
    assert "<img" not in shown
    headings = set(re.findall(r'id="([^"]*)"', shown))
    assert {each[1:] for each in re.findall(r'href="([^"]*)"', shown)} <= headings
    assert "(<code>docs/install.md</code>)" in shown


def test_an_address_by_another_name_is_refused_before_pictures_are_lost(description):
    with pytest.raises(ValueError, match="has Homepage; expected Repository, too"):
        description('[project.urls]\nHomepage = "https://example.org"\n')
