"""The code in README and documentation runs as it stands, page by page, in order."""

import os
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner

from nucensus.cli import _nucensus
from nucensus.values import Settings
from nucensus.values.settings_file import settings_as_toml
from nucensus.values.synthetic import make_field

TOP = Path(__file__).parent.parent
PAGES = {
    path.relative_to(TOP).as_posix(): path
    for path in (TOP / "README.md", *sorted((TOP / "docs").glob("*.md")))
}
NOT_HERE = {
    "docs/cluster.md": "needs sixteen machines; tests/test_cluster.py and test_shards.py have it",
    "docs/dask.md": "needs clusters; tests/test_dask.py has them",
    "docs/exact-kernel.md": "one line of scikit-image, which is a definition",
    "docs/formats.md": "needs an ND2 file; tests/test_nd2.py has some",
    "docs/how-counts-are-made.md": "part of a module that registers a detector",
    "docs/napari.md": "opens a window",
    "docs/object-storage.md": "needs a bucket; tests/test_object_storage.py has one",
    "docs/plates.md": "needs plates of instruments; tests/test_plates.py has them",
    "docs/python-3-14.md": "starts workers in ways that are explained there",
    "docs/workflows.md": "needs QuPath, CellProfiler and napari",
    "docs/worth.md": "takes long; tests/test_worth.py compares functions",
    "docs/commands.md": "is generated",
}
BEFORE = {
    "README.md": ("detect nucensus-demo/plate -o nucensus-demo/run",),
    "docs/outputs.md": (
        "detect plate/ -o run --metadata wells.csv", "export run --to parquet",
        "export run --to wells", "export run --to anndata", "detect plate/ -o monday",
        "detect plate/ -o tuesday --sigma 3",
    ),
    "docs/report.md": ("detect plate/ -o run",),
}  # fmt: skip
"""What was run before the page begins."""
NEEDS = {"docs/outputs.md": ("anndata", "pyarrow")}
MAYBE = {"pycytominer"}
"""Packages of others that a page uses and that need not be there."""
OF_OTHERS = ("pip", "uv", "python3", "source", "ssh")
"""What commands begin with that install something, or hand work to another program."""
WAITS = ("tune", "studio")
"""Commands of ours that wait for a browser."""
LONG = ("bench", "demo", "tune-parameters")
"""Commands that take long: run with NUCENSUS_DOCS=full."""
BLOCK = re.compile(r"^( *)```(\w+)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


def blocks(path):
    """Return the language and the text of each block of code of a page."""
    found = BLOCK.findall(path.read_text("utf-8"))
    return [(language, re.sub(rf"(?m)^{indent}", "", text)) for indent, language, text in found]


def write_place(folder, *, has_channels):
    """Write what the pages name: plates, a truth, a layout, a field."""
    centres = []
    for name in ("plate", "plate1", "plate2", "fields", "nucensus-demo/plate"):
        for well, seed in (("A01", 1), ("A02", 2)):
            field = make_field(seed, shape=(220, 260), nuclei=14)
            is_many = has_channels or name in ("plate1", "plate2")
            file = folder / name / f"{well}_s1.{'ome.tif' if is_many else 'tif'}"
            file.parent.mkdir(parents=True, exist_ok=True)
            planes = np.stack([field.image, field.image]) if is_many else field.image
            more = {"axes": "CYX", "Channel": {"Name": ["DAPI", "FITC"]}} if is_many else None
            tifffile.imwrite(file, planes, metadata=more)
            if name == "fields":
                centres += [f"{file.name},{y:.1f},{x:.1f}\n" for y, x in field.centres]
    tifffile.imwrite(folder / "field.tif", make_field(3, shape=(220, 260), nuclei=14).image)
    tifffile.imwrite(folder / "light.tif", np.ones((220, 260), np.float32))
    (folder / "truth").mkdir()
    for file in sorted((folder / "fields").iterdir()):
        labels = np.zeros((220, 260), np.uint16)
        for number, line in enumerate(each for each in centres if each.startswith(file.name)):
            y, x = (int(float(part)) for part in line.split(",")[1:])
            labels[max(0, y - 4) : y + 5, max(0, x - 4) : x + 5] = number + 1
        tifffile.imwrite(folder / "truth" / file.name, labels)
    for table in ("layout.csv", "wells.csv"):
        (folder / table).write_text("well,compound\nA01,DMSO\nA02,X\n")


def run_shell(text):
    """Run the commands of nucensus in a block; everything else has to be of others."""
    for line in re.sub(r"\\\n", " ", text).splitlines():
        words = shlex.split(line, comments=True)
        if not words or words[0] in OF_OTHERS:
            continue
        assert words[0] == "nucensus", line
        if words[1] in WAITS or (words[1] in LONG and os.environ.get("NUCENSUS_DOCS") != "full"):
            continue
        done = CliRunner().invoke(_nucensus, words[1:], prog_name="nucensus")
        expected = (0, 1) if words[1] == "diff" else (0,)
        assert done.exit_code in expected, f"{line}\n{done.output}\n{done.exception!r}"


@pytest.mark.parametrize("page", [page for page in PAGES if page not in NOT_HERE])
def test_the_code_of_a_page_runs_as_it_stands(page, tmp_path, monkeypatch):
    code = blocks(PAGES[page])
    if not any(language in ("sh", "python") for language, _ in code):
        pytest.skip("has no code")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    for package in NEEDS.get(page, ()):
        pytest.importorskip(package)
    write_place(tmp_path, has_channels=any("--channel DAPI" in text for _, text in code))
    if any("--settings nucensus.toml" in text for _, text in code):
        Path("nucensus.toml").write_text(settings_as_toml(Settings()))
    run_shell("\n".join(f"nucensus {command}" for command in BEFORE.get(page, ())))
    names = {
        "__name__": "page",
        "image": make_field(4, shape=(220, 260), nuclei=14).image,
        "paths": sorted((tmp_path / "plate").iterdir()),
        "my_function": lambda image: int(image.max()),
        "load_my_model": lambda: None,
    }
    for language, text in code:
        if language == "sh":
            run_shell(text)
        elif language == "python":
            try:
                exec(compile(text, page, "exec"), names)
            except ModuleNotFoundError as error:
                if error.name not in MAYBE:
                    raise


def test_every_page_that_is_not_run_is_there_and_says_why():
    assert {page for page in NOT_HERE if page != "docs/commands.md"} <= PAGES.keys()
