"""What a listing finds is kept on disk: of a million names few are in memory."""

import tracemalloc
from itertools import count, product

import pytest

from nucensus.discover import KeptImages, view_plates
from nucensus.store import repeated_places
from nucensus.values import ImageRef, Place, Plane

HARD = Place("plate \udce9", "A01", "\udcff", stain="µ")


def images(how_many, plate="P"):
    """Yield as many images of a plate, each in a file of its own; one well lacks its last site."""
    for number in range(how_many):
        place = Place(plate, f"A{number // 9 + 1:02d}", str(number % 9 + 1), "1")
        yield ImageRef(
            f"{plate}/{number:07d}.tif", f"/data/{plate}/{number:07d}.tif", 1, 1, place=place
        )


@pytest.mark.parametrize("many", [0, 1, 255, 256, 257, 700])
def test_images_come_back_as_they_were_and_as_often_as_asked(many):
    listed = [*images(many), ImageRef("hard", "\udce9", plane=Plane(z=3), place=HARD)]
    kept = KeptImages(listed)
    assert len(kept) == many + 1
    assert list(kept) == list(kept) == listed


def test_two_may_go_through_kept_images_at_a_time():
    kept = KeptImages(images(600))
    assert [a == b for a, b in zip(kept, kept, strict=True)] == [True] * 600
    pairs = [(a, b) for a, b in product(kept, kept) if a.name > b.name]
    assert len(pairs) == 600 * 599 // 2


def peak(work, many):
    """Return the most bytes that are in memory at a time while `work` goes through images."""
    tracemalloc.start()
    try:
        work(images(many))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def in_plates(listed):
    """View them as plates of 10 wells with 300 sites."""
    places = (Place(f"{n // 3000}", f"A{n % 10 + 1:02d}", f"{n // 10 % 300}") for n in count())
    pairs = zip(listed, places, strict=False)
    view_plates(ImageRef(each.name, each.path, place=place) for each, place in pairs)


@pytest.mark.parametrize("work", [KeptImages, in_plates, lambda listed: repeated_places(listed)])
def test_ten_times_the_images_take_no_more_memory(work):
    peak(work, 300)  # what is imported and remembered once
    few, many = peak(work, 1500), peak(work, 15_000)
    assert many < few + 100 * 1024 + 13_500 * 20  # a name alone is more than 20 bytes


def test_holes_of_plates_are_those_of_each_alone():
    first, second = list(images(20, "P")), list(images(27, "Q"))
    both = [each for pair in zip(first, second, strict=False) for each in pair] + second[20:]
    p, q = view_plates(both)
    assert (p.name, p.missing_count, p.missing) == (
        "P", 7, {"A03": [f"site {site}" for site in range(3, 10)]}
    )  # fmt: skip
    assert (q.name, q.missing_count, q.wells) == ("Q", 0, {"A01": 9, "A02": 9, "A03": 9})


def test_a_place_that_is_no_text_is_seen_as_it_is():
    others = [ImageRef(str(n), str(n), place=Place("plate \udce9", f"A0{n}", "1")) for n in (1, 2)]
    (view,) = view_plates([ImageRef("x", "x", place=HARD), *others])
    assert view.missing == {"A01": [], "A02": ["site \udcff"]} or view.missing_count == 1
    assert view.values["site"] == ["1", "\udcff"]


def test_two_files_of_one_place_are_told_and_two_planes_of_one_file_are_not():
    place = Place("P", "A01", "1", "2")
    once = [ImageRef("a[z=0]", "a", plane=Plane(z=0), place=place), ImageRef("b", "b", place=place)]
    assert repeated_places(once) == (0, None)
    more = [*images(900), *once, ImageRef("c", "c", place=place), ImageRef("d", "d", place=place)]
    assert repeated_places(more) == (1, ("b", "d"))
