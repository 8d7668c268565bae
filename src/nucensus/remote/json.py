"""Read JSON that others wrote, within limits of size and depth."""

import json
import os
from typing import Any

from ..errors import ReadError
from . import open_to_read

MOST_BYTES = 24 << 20
"""As Python objects JSON takes up to 30 times as much. The metadata of plates have some 100 kB."""


def read_json_object(path: str) -> dict[str, Any]:
    """Return the JSON object in a file or an object of a bucket.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ReadError
        It cannot be read, or is not a JSON object, or one of more than 24 MB.
    """
    try:
        with open_to_read(path, most_bytes=MOST_BYTES) as file:
            content = json.load(file)
    except FileNotFoundError:
        raise
    except (OSError, ReadError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        name = os.path.basename(path)
        raise ReadError(f"{name!r} cannot be read ({reason}); copy it again") from error
    if not isinstance(content, dict):
        raise ReadError(f"{os.path.basename(path)!r} holds no JSON object; copy it again")
    return content
