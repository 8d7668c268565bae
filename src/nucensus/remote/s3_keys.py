"""Every key of a bucket of S3, through boto3: also those that obstore cannot spell."""

import os
from collections.abc import Iterator
from typing import Any

from .odd_keys import is_odd


def list_keys(bucket: str, prefix: str, after: str) -> Iterator[list[dict[str, Any]]]:
    """Yield pages of the objects whose keys are sorted behind `after`, as obstore's `list` does."""
    pages = (
        _client()
        .get_paginator("list_objects_v2")
        .paginate(Bucket=bucket, Prefix=prefix, StartAfter=after)
    )
    names = {"path": "Key", "size": "Size", "last_modified": "LastModified"}
    for page in pages:
        found = (each for each in page.get("Contents", ()) if not _is_folder(**each))
        yield [{ours: each[theirs] for ours, theirs in names.items()} for each in found]


def _is_folder(*, Key: str, Size: int, **_: Any) -> bool:  # noqa: N803 as S3 spells them
    """Tell whether an object only stands for a folder, as consoles make them."""
    return Size == 0 and Key.endswith("/") and not is_odd(Key[:-1])


def _client() -> Any:
    """Return a client that is told by the environment what obstore is told by it."""
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    said = {name[4:]: value for name, value in os.environ.items() if name.startswith("AWS_")}
    is_on = {name: said.get(name, "").lower() in ("true", "1", "yes") for name in said}
    endpoints = (said.get(f"ENDPOINT{end}") for end in ("", "_URL", "_URL_S3"))
    style = "virtual" if is_on.get("VIRTUAL_HOSTED_STYLE_REQUEST") else "path"
    config = Config(
        signature_version=UNSIGNED if is_on.get("SKIP_SIGNATURE") else None,
        s3={"addressing_style": style},
        retries={"mode": "standard", "max_attempts": 5},
        proxies={each: said["PROXY_URL"] for each in ("http", "https") if "PROXY_URL" in said},
        connect_timeout=5,
        read_timeout=30,
    )
    return boto3.client(
        "s3",
        endpoint_url=next(filter(None, endpoints), None),
        region_name=said.get("REGION") or said.get("DEFAULT_REGION"),
        verify=False if is_on.get("ALLOW_INVALID_CERTIFICATES") else None,
        config=config,
    )
