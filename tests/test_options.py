"""The options of a run: as values, or as the keywords that stand for their fields."""

import threading
from dataclasses import fields

import numpy as np
import pytest
import tifffile

import nucensus
from nucensus import Execution, Limits, Plane, Resume, Selection, Settings, Shard, Watcher
from nucensus.batch import retry
from nucensus.discover import discover
from nucensus.values import (
    CensusOptions,
    ExecutionOptions,
    ProcessOptions,
    RetryOptions,
    SelectionOptions,
)

SETTINGS = Settings(threshold=300)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    for index in range(4):
        pixels = np.zeros((2, 40, 40), np.uint16)
        pixels[index % 2, 20, 20] = 60_000
        tifffile.imwrite(
            tmp_path / "in" / f"A01_s{index}.tif", pixels, imagej=True, metadata={"axes": "CYX"}
        )
    return tmp_path / "in"


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        (CensusOptions, (Settings, Selection, Execution, Watcher, Resume)),
        (RetryOptions, (Execution, Watcher)),
        (ExecutionOptions, (Execution,)),
        (SelectionOptions, (Selection,)),
        (ProcessOptions, (Selection, Execution)),
    ],
)
def test_the_keywords_are_the_fields_of_the_values(options, kinds):
    named = [each.name for kind in kinds for each in fields(kind)]
    assert sorted(options.__annotations__) == sorted(named)


def test_a_keyword_does_what_the_field_of_its_value_does(folder):
    heard, told = [], []
    one = nucensus.census(
        folder, settings=SETTINGS, plane=Plane(channel=1), pattern=r"s(?P<site>\d)",
        shard=Shard(1, 1), strategy="threads", workers=2, limits=Limits(max_pixels=10_000),
        on_plan=heard.append, on_outcome=told.append, stop=threading.Event(),
    )  # fmt: skip
    other = nucensus.census(
        folder,
        settings=SETTINGS,
        selection=Selection(Plane(channel=1), r"s(?P<site>\d)", shard=Shard(1, 1)),
        execution=Execution("threads", 2, limits=Limits(max_pixels=10_000)),
        watcher=Watcher(on_plan=heard.append, on_outcome=told.append),
    )
    assert one.facts["selection"] == other.facts["selection"]
    assert one.facts["strategy"]["name"] == other.facts["strategy"]["name"] == "threads"
    assert one.images["count"].tolist() == other.images["count"].tolist() == [0, 1, 0, 1]
    assert (heard, len(told)) == ([4, 4], 8)


def test_none_stands_for_a_keyword_that_is_left_out(folder):
    with pytest.raises(nucensus.errors.InputError, match="the file holds 2 channels"):
        nucensus.census(
            folder, settings=SETTINGS, plane=None, shard=None, limits=None, on_plan=None, stop=None,
            strategy="list-disk",
        )  # fmt: skip


def test_a_value_and_a_keyword_for_its_field_are_refused(folder):
    with pytest.raises(TypeError, match=r"selection was given, and pattern.*Selection"):
        nucensus.census(folder, selection=Selection(), pattern="x")
    with pytest.raises(TypeError, match="execution was given, and workers"):
        nucensus.process_images([], np.sum, execution=Execution(), workers=2)


def test_a_keyword_that_no_value_has_is_refused_as_python_does(folder, tmp_path):
    for function in (nucensus.census, discover, nucensus.tune_parameters):
        with pytest.raises(TypeError, match=r"\w\(\) got an unexpected keyword argument 'colour'"):
            function(folder, ".tif", colour=1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'overwrite'"):
        retry(tmp_path, overwrite=True)


def test_the_limits_of_an_execution_hold_for_any_function():
    images = [np.ones((4, 5))]
    with pytest.raises(nucensus.errors.StrategyError, match="time limit"):
        nucensus.process_images(
            images, np.sum, execution=Execution("threads", limits=Limits(timeout_s=1))
        )
    one = nucensus.process_images(images, np.sum, execution=Execution("list-memory"))
    assert one == nucensus.process_images(images, np.sum, strategy="list-memory") == [20]


def test_a_list_of_images_may_be_one_shard(folder):
    parts = [
        each.name
        for index in (1, 2, 3)
        for each in discover([folder], (".tif",), Selection(shard=Shard(index, 3)))
    ]
    assert sorted(parts) == [each.name for each in discover([folder], (".tif",))]
    assert len(discover([folder], (".tif",), shard=Shard(1, 3))) < len(parts)
