"""What a run records about itself: one value, of a version that readers know."""

import json

import pytest

import nucensus
from nucensus.errors import RunError
from nucensus.store import FACTS_VERSION, Facts, Run, RunWriter
from nucensus.store.facts import FACT_NAMES, is_fact
from nucensus.values import Settings


def test_facts_come_back_as_they_were_recorded(tmp_path):
    settings = Settings.published().as_dict()
    starts = [{"started": 1.5, "seconds": 2.0, "images": 3}]
    with RunWriter(tmp_path) as writer:
        writer.record_facts(settings=settings, starts=starts, is_learning=True)
        assert writer.about.is_learning
        writer.record_facts(is_learning=False)
    with Run(tmp_path) as run:
        about = run.about
        assert (about.settings, about.starts) == (settings, starts)
        assert not about.is_learning
        assert about == Facts.from_dict(json.loads(json.dumps(run.facts)))


def test_what_was_not_recorded_is_empty(tmp_path):
    with RunWriter(tmp_path) as writer:
        about = writer.about
    assert (about.listing, about.started, about.version) == (None, None, None)
    assert (about.strategy, about.estimates, about.starts, about.vanished) == ({}, {}, [], 0)


def test_facts_of_a_later_version_are_not_read_as_ours(tmp_path):
    with RunWriter(tmp_path) as writer:
        writer.record_facts(settings=Settings().as_dict(), facts_version=FACTS_VERSION + 1)
    with Run(tmp_path) as run, pytest.raises(RunError, match=f"version {FACTS_VERSION + 1}"):
        _ = run.about


def test_every_fact_of_a_census_has_its_type(tmp_path, plate):
    with nucensus.census(plate, tmp_path / "run", Settings.published()) as run:
        facts = run.facts
    assert facts["facts_version"] == FACTS_VERSION
    assert set(facts) <= set(FACT_NAMES)
    assert {"settings", "strategy", "machine", "starts", "listing", "tables"} <= set(facts)
    for name, value in facts.items():
        assert is_fact(name, json.dumps(value)), name


@pytest.mark.parametrize(
    ("name", "size", "is_one"),
    [
        ("bottleneck", 999_998, True),
        ("bottleneck", 999_999, False),  # with its quotes it has more than a megabyte
        ("places", 2_000_000, True),  # of many images it is long
    ],
)
def test_what_is_always_short_is_no_fact_where_it_is_long(name, size, is_one):
    assert is_fact(name, json.dumps("x" * size)) == is_one


@pytest.mark.parametrize(
    ("name", "value", "is_one"),
    [
        ("starts", [{"started": 1.5, "seconds": 2, "images": 3}], True),
        ("starts", [{"started": 1.5, "seconds": 2}], False),
        ("starts", [{"started": 1.5, "seconds": 2, "images": "3"}], False),
        ("starts", [{"started": 1.5, "seconds": 2, "images": 3, "more": "said"}], True),
        ("starts", {"started": 1.5}, False),
        ("starts", [], True),
        ("wells", [{"well": "A01", "drug": "X"}], True),
        ("wells", [{"well": "A01", "drug": 3}], False),
        ("wells", [{"drug": "X"}], False),
        ("left_out", ["a", 1], False),
        ("is_learning", "yes", False),
        ("vanished", 3, True),
        ("vanished", "3", False),
        ("settings", {"detector": 5}, False),
        ("settings", Settings().as_dict(), True),
        ("unknown", [1], True),
    ],
)
def test_a_fact_has_the_shape_that_is_told_of_it(name, value, is_one):
    assert is_fact(name, json.dumps(value)) == is_one
