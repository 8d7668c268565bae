"""Objects in buckets and on web servers, through obstore."""

import contextlib
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ..errors import InputError, MissingPackageError
from .backend import Begun, Listed, version_of
from .faults import CHANGED, ChangedError, explain, is_lasting, may_pass
from .odd_keys import is_odd, key_behind, odd_key
from .s3_keys import list_keys

if TYPE_CHECKING:
    from zarr.abc.store import Store

_PAGE = 1000
"""Objects in a page of a listing: the most that S3 gives."""
_PATIENCE = {
    "max_retries": 1000,  # the waits are drawn by lot, so that a few may be over at once
    "retry_timeout": timedelta(seconds=60),
    "backoff": {"max_backoff": timedelta(seconds=5)},
}
_HASTE = {"max_retries": 3, "retry_timeout": timedelta(seconds=10)}
_TIMES = {"connect_timeout": "5s", "read_timeout": "30s", "timeout": "5m"}
_SWITCHES = ("allow_http", "allow_invalid_certificates")
_CLIENT = (*_SWITCHES, "proxy_url", "proxy_ca_certificate", "proxy_excludes", "user_agent")
_START_BYTES = 256 << 10
"""Bytes fetched with the first request of an object, which hold the header of most images."""
_PART_BYTES = 16 << 20
"""Bytes of a part of an upload. Larger: fewer requests, more memory."""
_MOST_PARTS = 9000  # S3 takes 10,000


class Objects:
    """A bucket, or a web server."""

    def __init__(self, scheme: str, place: str) -> None:
        try:
            import obstore
        except ImportError as error:
            raise MissingPackageError("obstore", f"Using {scheme}:// addresses", "cloud") from error
        self._obstore: Any = obstore
        self._is_web = scheme in ("http", "https")
        self._root = f"{scheme}://{place}"
        try:
            self._store: Any = self._open("", _PATIENCE)
        except obstore.exceptions.BaseError as error:
            raise explain(error, self._root, concerns_all=True) from None
        self._known: Any = None
        self._gives_ranges = True

    def _first(self) -> Any:
        """Return the store to read from: one that soon gives up, until it answered once."""
        return self._known or self._open("", _HASTE)

    def _open(self, prefix: str, retries: Any) -> Any:
        from obstore.store import HTTPStore, from_url

        root = f"{self._root}/{prefix}" if prefix else self._root
        if self._is_web:
            client = {**_TIMES, "allow_http": True}
            return HTTPStore.from_url(root, client_options=client, retry_config=retries)
        client = _client(self._root)
        known = _credentials(self._root)
        return from_url(root, client_options=client, retry_config=retries, **known)

    def _get(self, key: str, **options: Any) -> Any:
        """Ask for an object; where nobody answered yet, at once for what asking on cannot mend."""
        if self._known is None:
            try:
                found = self._get_from(self._first(), key, options, is_hasty=True)
            except self._obstore.exceptions.BaseError as error:
                if not may_pass(error):
                    raise
            else:
                self._known = self._store
                return found
        return self._get_from(self._store, key, options)

    def _get_from(self, store: Any, key: str, options: Any, *, is_hasty: bool = False) -> Any:
        if self._is_web and "?" in key:
            signed = _signed_store(self._root, key, is_hasty=is_hasty)
            return self._obstore.get(signed, "", options=options)
        return self._obstore.get(store, unquote(key) if self._is_web else key, options=options)

    def begin(self, key: str, most: int) -> Begun:
        """Ask for as much as a small object has, and let go after the start of a large one."""
        try:
            found = self._get(key, **({"range": (0, most)} if self._gives_ranges else {}))
        except self._obstore.exceptions.NotSupportedError:
            self._gives_ranges = False
            found = self._get(key)
        except self._obstore.exceptions.BaseError as error:
            if "416" not in str(error):  # an empty object has no range
                raise
            found = self._get(key)
        size: int = found.meta["size"]
        is_small = size <= most
        start = found.bytes() if is_small else next(iter(found.stream(min_chunk_size=_START_BYTES)))
        return Begun(size, version_of(found.meta), memoryview(start))

    def fetch(self, key: str, start: int, stop: int, version: str | None) -> memoryview:
        """Return a range."""
        # A weak tag (W/"...") never matches; and servers may not heed the condition: look as well.
        condition = {"if_match": version} if version and version.startswith('"') else {}
        found = self._get(key, range=(start, stop), **condition)
        if version_of(found.meta) != version:
            raise ChangedError(CHANGED)
        return memoryview(found.bytes())

    def stat(self, key: str) -> tuple[int, int] | None:
        """Ask for size and time."""
        if self._is_web and "?" in key:
            return self._stat_signed(key)
        store, errors = self._first(), self._obstore.exceptions
        path = unquote(key) if self._is_web else key
        try:
            known = self._obstore.head(store, path)
        except FileNotFoundError:
            known = None
        except (errors.PermissionDeniedError, errors.UnauthenticatedError):
            self._obstore.get_range(store, path, start=0, end=1)  # which is refused with a reason
            raise
        self._known = self._store
        return known and (known["size"], _ns(known))

    def _stat_signed(self, key: str) -> tuple[int, int] | None:
        """Ask for a byte: a signature holds for one method, which is not HEAD."""
        try:
            known = self._get(key, range=(0, 1)).meta
        except FileNotFoundError:
            return None
        return known["size"], _ns(known)

    def list(self, prefix: str) -> Iterator[Listed]:
        """List in pages. Where a Zarr has more than a page of chunks, list on behind it."""
        if self._is_web:
            raise InputError(
                f"{self._root}/{prefix!s} was given as a folder, and web servers list none; "
                f"expected addresses of single images; write them into a --manifest"
            )
        odd = self._obstore.exceptions.InvalidPathError
        with contextlib.suppress(odd):
            next(iter(self._obstore.list(self._first(), prefix or None, chunk_size=1)), None)
        self._known = self._store
        if not prefix and self._has_key_like_a_path():
            yield from self._list_odd("", "")
            return
        last = ""
        try:
            for path, listed in self._list_flat(prefix, prefix, "", self._pages):
                yield listed
                last = path
        except odd:
            yield from self._list_odd(prefix, last)

    def _pages(self, folder: str, after: str) -> Any:
        return self._obstore.list(
            self._store, folder or None, offset=after or None, chunk_size=_PAGE
        )

    def _list_flat(
        self, prefix: str, folder: str, after: str, pages: Callable[[str, str], Any]
    ) -> Iterator[tuple[str, Listed]]:
        """Yield the key of each object in `folder` behind `after`, and it as named in `prefix`."""
        while True:
            last, inside, count = "", "", 0
            for page in pages(folder, after):
                for each in page:
                    path: str = each["path"]
                    size, time = (-1, -1) if is_odd(path) else (each["size"], _ns(each))
                    yield path, Listed(path[len(prefix) :], size, time)
                    before = path.lower().find(".zarr/")
                    zarr = path[: before + 6] if before >= 0 else ""
                    count = count + 1 if zarr and zarr == inside and path > last else 0
                    last, inside = path, zarr
                if count >= _PAGE:
                    break
            else:
                return
            after = f"{inside}\U0010ffff"

    def _has_key_like_a_path(self) -> bool:
        """Tell whether a key of a bucket of S3 begins with a slash: obstore leaves that out."""
        if not self._root.startswith("s3"):
            return False
        with contextlib.suppress(ImportError):
            return any(self._every_key("/", ""))
        return False

    def _every_key(self, folder: str, after: str) -> Iterator[Any]:
        return list_keys(self._root.partition("://")[2], folder, after)

    def _list_odd(self, prefix: str, last: str) -> Iterator[Listed]:
        """List what is behind `last` where some keys are odd: by boto3, or around these keys."""
        if self._root.startswith("s3"):
            # Of a whole bucket, obstore lists /a.tif as a.tif: `last` may not be the last.
            after = last if prefix else ""
            with contextlib.suppress(ImportError):
                yield from (
                    each for _, each in self._list_flat(prefix, prefix, after, self._every_key)
                )
                return
        yield from (each for path, each in self._list_by_folder(prefix) if path > last)

    def _list_by_folder(self, prefix: str) -> Iterator[tuple[str, Listed]]:
        """List as `_list_flat` does where some keys are odd: of their folders what is behind."""
        folders = [prefix]
        while folders:
            folder = folders.pop()
            try:
                found = self._obstore.list_with_delimiter(self._store, folder or None)
            except self._obstore.exceptions.InvalidPathError:
                yield from self._list_around(prefix, folder)
                continue
            for each in found["objects"]:
                yield each["path"], Listed(each["path"][len(prefix) :], each["size"], _ns(each))
            folders += [f"{each}/" for each in found["common_prefixes"] if each]

    def _list_around(self, prefix: str, folder: str) -> Iterator[tuple[str, Listed]]:
        """Yield the odd keys of `folder`, the first of each kind, and what is around them."""
        after = ""
        while True:
            try:
                yield from self._list_flat(prefix, folder, after, self._pages)
                return
            except self._obstore.exceptions.InvalidPathError as error:
                key = odd_key(error)
                if key is None or key_behind(key) <= after:
                    raise
            yield key, Listed(key[len(prefix) :], -2, -1)
            after = key_behind(key)

    def put(self, key: str, file: Path) -> None:
        """Write an object; one of many parts is put together at the end."""
        self._reach(key)
        part = max(_PART_BYTES, file.stat().st_size // _MOST_PARTS)
        self._obstore.put(self._store, key, file, chunk_size=part, max_concurrency=4)

    def _reach(self, key: str) -> None:
        """Raise at once where nobody will ever answer."""
        try:
            if self._known is None:
                self.stat(key)
        except self._obstore.exceptions.BaseError as error:
            if is_lasting(error):
                raise

    def look(self, key: str) -> tuple[bytes, Any] | None:
        """Return an object and its version."""
        try:
            found = self._get(key)
        except FileNotFoundError:
            return None
        return bytes(found.bytes()), _as_condition(found.meta)

    def put_if(self, key: str, content: bytes, before: Any) -> Any:
        """Write an object if there is this version of it, or none."""
        errors = self._obstore.exceptions
        try:
            made = self._obstore.put(self._store, key, content, mode=before or "create")
        except (errors.AlreadyExistsError, errors.PreconditionError):
            return None
        return _as_condition(made)

    def delete(self, key: str) -> None:
        """Delete an object."""
        self._obstore.delete(self._store, key)

    def zarr_store(self, key: str) -> "Store":
        """Return a store of zarr that asks for single chunks."""
        from .zarr_objects import ZarrObjects

        self._reach(key)
        return ZarrObjects(self._open(key, _PATIENCE), read_only=True)


@lru_cache(maxsize=64)
def _signed_store(root: str, key: str, *, is_hasty: bool) -> Any:
    """Return a store of one object, whose address has a query."""
    from obstore.store import HTTPStore

    client, retries = {**_TIMES, "allow_http": True}, _HASTE if is_hasty else _PATIENCE
    return HTTPStore.from_url(f"{root}/{key}", client_options=client, retry_config=retries)


def _as_condition(known: Any) -> dict[str, str]:
    """Return what obstore tells a version of an object by when it is to be overwritten."""
    return {name: known[name] for name in ("e_tag", "version") if known[name] is not None}


def _ns(known: Any) -> int:
    """Return the time in whole seconds: the answer to a single question is no finer."""
    return int(known["last_modified"].timestamp()) * 1_000_000_000


def _client(scheme: str) -> Any:
    """Return how requests are made: what the environment says, and else our time limits.

    These are the names of obstore's `ClientConfig`, as in AWS_CONNECT_TIMEOUT.
    An endpoint that the user gives as http:// is meant so.
    """
    prefix = {"s": "AWS", "g": "GOOGLE"}.get(scheme[0], "AZURE")
    said = {name: os.environ.get(f"{prefix}_{name.upper()}") for name in (*_TIMES, *_CLIENT)}
    client: dict[str, Any] = {**_TIMES, **{name: value for name, value in said.items() if value}}
    endpoints = (os.environ.get(f"AWS_ENDPOINT{end}", "") for end in ("", "_URL", "_URL_S3"))
    plain = prefix == "AWS" and any(each.startswith("http://") for each in endpoints)
    for name in _SWITCHES:
        client[name] = str(client.get(name)).lower() in ("true", "1", "yes")
    return {**client, "allow_http": plain or client["allow_http"]}


def _credentials(root: str) -> Any:
    """Return a provider that knows the profiles of AWS, where no key is in the environment."""
    if not root.startswith("s3") or _is_said_in_environment():
        return {}
    files = (Path.home() / ".aws" / name for name in ("credentials", "config"))
    if "AWS_PROFILE" not in os.environ and not any(file.exists() for file in files):
        return {}
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError as error:
        raise MissingPackageError("boto3", "A profile of AWS", "cloud") from error
    return {"credential_provider": Boto3CredentialProvider()}


def _is_said_in_environment() -> bool:
    signs = (
        "AWS_ACCESS_KEY_ID", "AWS_SKIP_SIGNATURE", "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    )  # fmt: skip
    return any(sign in os.environ for sign in signs)
