"""The queries of web addresses: they may be signatures, so they are kept here and nowhere else.

An address goes through the program without its query; who asks a server for it adds that again.
"""

import re

_WEB = re.compile(r"https?://", re.IGNORECASE)
_queries: dict[str, str] = {}


def is_web(address: str) -> bool:
    """Tell whether an address is that of a file on a web server."""
    return _WEB.match(address) is not None


def plain_address(path: str) -> str:
    """Return an address without its query, which is kept for the requests; a path is as it is."""
    if not is_web(path):
        return path
    plain, _, query = path.partition("?")
    keep_query(plain, query)
    return plain


def keep_query(address: str, query: str) -> None:
    """Ask for `address` with this query from now on; "" changes nothing."""
    if query:
        _queries[address] = query


def with_query(path: str) -> str:
    """Return an address as it is asked for, for another process; a path is as it is."""
    query = query_of(path)
    return f"{path}?{query}" if query else path


def query_of(address: str) -> str:
    """Return the query that `address` is asked for with; "" if there is none.

    That of an OME-Zarr is asked with for all below it.
    """
    if not _queries:
        return ""
    zarr, below, _ = address.partition(".zarr/")
    return _queries.get(address) or _queries.get(f"{zarr}.zarr" if below else address, "")
