"""Read PNG and JPEG files."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray

from ..errors import ReadError
from .scene import Scene


@contextmanager
def open_scenes(path: str) -> Iterator[list[Scene]]:
    """Decode a PNG or JPEG file; its colours are channels."""
    image = _decode(path, "png" if os.path.splitext(path)[1].lower() == ".png" else "jpeg")
    is_colour = image.ndim == 3
    yield [
        Scene(
            (image.shape[0], image.shape[1]),
            str(image.dtype),
            {"c": image.shape[2]} if is_colour else {},
            lambda index: image[..., index["c"]] if is_colour else image,
            is_colour=is_colour,
        )
    ]


def _decode(path: str, codec: str) -> NDArray[Any]:
    import imagecodecs

    decode = getattr(imagecodecs, f"{codec}_decode")
    try:
        with open(path, "rb") as file:
            image: NDArray[Any] = decode(file.read())
    except OSError as error:
        raise ReadError(f"the file cannot be read: {error.strerror}") from error
    except (RuntimeError, ValueError) as error:
        raise ReadError(
            f"the file does not decode as {codec.upper()} ({error}); "
            f"it is damaged, or its name has the wrong ending"
        ) from error
    return image
