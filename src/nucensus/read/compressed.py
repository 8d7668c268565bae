"""Read PNG and JPEG files."""

from typing import Any

from numpy.typing import NDArray

from ..errors import ReadError


def read_png(path: str) -> NDArray[Any]:
    """Read a PNG file: (height, width), or (height, width, samples) if it has colours."""
    return _decode(path, "png")


def read_jpeg(path: str) -> NDArray[Any]:
    """Read a JPEG file: (height, width), or (height, width, samples) if it has colours."""
    return _decode(path, "jpeg")


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
