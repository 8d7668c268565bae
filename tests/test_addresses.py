"""Addresses are kept in runs: none that says a secret is taken, whatever it is for."""

import pytest

from nucensus.errors import InputError
from nucensus.remote import check_address, check_writable, without_credentials

SECRET = {
    "s3://bucket/run?X-Amz-Signature=abc": "a query, which may be a signature,",
    "az://box/a/b&sig=abc": "a query, which may be a signature,",
    "s3://me:secret@bucket/run": "a password",
    "https://me:secret@host/a.tif": "a password",
    "https://me@host/a.tif": "a password",
}


@pytest.mark.parametrize("address", SECRET)
@pytest.mark.parametrize("check", [check_address, check_writable])
def test_an_address_with_a_secret_is_refused_without_saying_it(address, check):
    with pytest.raises(InputError) as caught:
        check(address)
    said = str(caught.value)
    assert f"was given with {SECRET[address]}" in said
    assert "secret" not in said
    assert "abc" not in said


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("s3://bucket/run", "s3://bucket/run"),
        ("s3://bucket/what?.tif", "s3://bucket/what?.tif"),
        ("https://host/a.tif?sig=abc", "https://host/a.tif"),  # the query stays in memory
        ("gs://bucket/a@b/c", "gs://bucket/a@b/c"),
    ],
)
def test_an_address_without_one_is_taken_and_of_the_web_without_its_query(address, plain):
    assert check_address(address) == plain


def test_files_are_written_to_buckets_alone():
    for address in ("s3://bucket/run", "gs://bucket/run", "az://box/run"):
        check_writable(address)
    for address in ("https://host/run", "ftp://host/run"):
        with pytest.raises(InputError, match="was given to write to; expected a folder"):
            check_writable(address)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no address: a?b", "no address: a?b"),
        ("s3://me:secret@bucket/a?sig=1 and https://host/b#c", "s3://bucket/a and https://host/b"),
        ("abfs://box@account.dfs.core/a", "abfs://box@account.dfs.core/a"),
    ],
)
def test_addresses_are_told_without_what_may_be_a_secret(text, shown):
    assert without_credentials(text) == shown
