"""By its header an image is read whole, or part by part, or refused before it takes memory."""

import pytest

from nucensus.batch.admission import Admission, DividedError
from nucensus.batch.budget import Budget
from nucensus.errors import TooLargeError
from nucensus.values import Header

WHOLE_BYTES = 128 << 20
MB = 10**6


def admit(header, *, most_pixels=10**9, most_bytes=10**9, why="", beside=0, budget=None):
    admission = Admission(
        most_pixels, most_bytes, budget, bytes_of=lambda each: 3 * each.pixels,
        why_whole=lambda: why, beside=beside,
    )  # fmt: skip
    admission(header)
    return admission


def header_of(pixels, size_bytes, *, has_parts=True):
    return Header(pixels, size_bytes, "LZW", lambda: has_parts)


@pytest.mark.parametrize(
    ("header", "more", "is_divided"),
    [
        (header_of(10, WHOLE_BYTES), {}, False),
        (header_of(10, WHOLE_BYTES + 1), {}, True),
        (header_of(10, WHOLE_BYTES + 1, has_parts=False), {}, False),
        (header_of(10, WHOLE_BYTES + 1), {"why": "; it is outlined"}, False),
        (header_of(10, 50 * MB + 1), {"most_bytes": 50 * MB}, True),
        (header_of(5 * MB, 10 * MB), {"most_bytes": 25 * MB}, False),  # with what the work takes
        (header_of(5 * MB, 10 * MB), {"most_bytes": 25 * MB - 1}, True),
        (header_of(1000, WHOLE_BYTES + 1), {"most_pixels": 10}, True),  # a hundred times as many
    ],
)
def test_what_is_large_is_read_part_by_part_where_that_can_be_done(header, more, is_divided):
    if not is_divided:
        assert admit(header, **more).compression == "LZW"
        return
    with pytest.raises(DividedError):
        admit(header, **more)


WHOLE = header_of(5 * MB, 10 * MB, has_parts=False)


@pytest.mark.parametrize(
    ("header", "more", "said"),
    [
        (header_of(10**9, 9), {"most_bytes": 10**12}, None),
        (
            header_of(10**9 + 1, 9, has_parts=False),
            {},
            "claims 1,000,000,001 pixels; expected at most 1,000,000,000",
        ),
        (header_of(1001, WHOLE_BYTES + 1), {"most_pixels": 10}, "--max-pixels"),
        (
            header_of(99, WHOLE_BYTES + 1),
            {"most_pixels": 10, "why": "; for Y"},
            "max-pixels; for Y",
        ),
        (header_of(5 * MB, 10 * MB), {"most_bytes": 25 * MB}, None),
        (WHOLE, {"most_bytes": 25 * MB - 1}, "needs 25.0 MB of memory"),
        (header_of(MB, 10 * MB), {"most_bytes": 77 * MB, "beside": 2}, None),
        (
            header_of(MB, 10 * MB, has_parts=False),
            {"most_bytes": 77 * MB - 1, "beside": 2},
            "raise --max-memory",
        ),
        (header_of(MB, 60 * MB), {"most_bytes": 50 * MB, "why": "; for Y"}, "--workers; for Y"),
    ],
)
def test_what_claims_too_much_is_refused_with_what_would_let_it_in(header, more, said):
    if said is None:
        admit(header, **more)
        return
    with pytest.raises(TooLargeError, match=said):
        admit(header, **more)


def test_memory_is_taken_for_the_image_its_work_and_channels_and_given_back_once():
    budget, left = Budget(100 * MB), Budget(100 * MB)
    admission = admit(header_of(MB, 10 * MB), budget=budget, beside=1)
    assert admission.taken_bytes == (10 + 3 + 32) * MB
    budget.take(55 * MB)  # all that is left
    budget.give_back(55 * MB)
    admission(header_of(2 * MB, 10 * MB))  # it changed, and is read again
    assert admission.taken_bytes == (10 + 6 + 64) * MB
    admission.give_back()
    admission.give_back()
    assert (admission.taken_bytes, vars(budget)["_left"]) == (0, vars(left)["_left"])


def test_a_channel_beside_takes_no_more_than_was_taken_for_it():
    admission = admit(header_of(10, 20), beside=1)
    admission.of_partner(header_of(10, 320))
    with pytest.raises(TooLargeError, match="it has 99 pixels, and the image of the nuclei 10;"):
        admission.of_partner(header_of(99, 321))
