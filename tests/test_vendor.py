"""Whatever a package makes of a file that it does not expect is said in words."""

import pytest

from nucensus.errors import NotAPlaneError, ReadError
from nucensus.read.vendor import explained


class CodecError(Exception):
    pass


class _ObstoreError(Exception):
    __module__ = "obstore.exceptions"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (MemoryError(), "claims more than memory holds"),
        (NotImplementedError("mosaics"), r"of a kind that is not read \(mosaics\)"),
        (CodecError("no JPEG XR"), r"a way that CZI is not read in here \(no JPEG XR\); install"),
        (ValueError("codec not available: 'zstd'"), "compressed in a way that CZI is not read in"),
        (ValueError("bad length"), r"does not decode as CZI \(ValueError: bad length\); it is dam"),
        (KeyError(), r"does not decode as CZI \(KeyError\); it is damaged"),
    ],
)
def test_an_error_of_a_package_is_one_of_reading_that_says_what_to_do(error, says):
    with pytest.raises(ReadError, match=says) as caught, explained("CZI"):
        raise error
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [NotAPlaneError("choose one"), _ObstoreError("403")])
def test_errors_of_our_own_and_of_a_bucket_stay_what_they_are(error):
    with pytest.raises(type(error)) as caught, explained("CZI"):
        raise error
    assert caught.value is error
