"""Which requests are made again: those that nobody answered, or that the server failed."""

import pytest

from nucensus.remote.faults import is_lasting, may_pass

_OF_REQUESTS = [
    ("the server returned status code: 503, SlowDown", True, False),
    ("the server returned status code: 500", True, False),
    ("the server returned status code: 429", True, False),
    ("the server returned status code: 404", False, False),
    ("the server returned status code: 403, certificate", False, False),
    ("the server returned status code: 416", False, False),
    ("response: 502, bad gateway", True, False),
    ("status: 400", False, False),
    ("tcp connect error: Connection refused (os error 111)", True, False),
    ("operation timed out", True, False),
    ("error sending request for url (https://host/a.tif)", True, False),
    ("error sending request: invalid peer certificate: UnknownIssuer", False, True),
    ("error sending request: dns error: failed to lookup address", False, True),
    ("error sending request for url (https://host/dns error/a.tif)", True, False),
    ("received corrupt message of type InvalidContentType", False, True),
    ("it is not an image", False, False),
    # What is only in an address says nothing.
    ("it is not an image: https://host/timed/Connection", False, False),
    ("it is not an image: s3://bucket/Expired.tif", False, False),
]  # fmt: skip


@pytest.mark.parametrize(("said", "passes", "lasts"), _OF_REQUESTS)
def test_a_request_is_made_again_only_where_the_answer_may_be_another(said, passes, lasts):
    error = OSError(said)
    assert (may_pass(error), is_lasting(error)) == (passes, lasts)
