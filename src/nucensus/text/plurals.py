"""Numbers of things, as people write them."""

_PLURALS = {"nucleus": "nuclei"}


def counted(count: int, noun: str) -> str:
    """Return `count` and the noun, in the plural unless it is one.

    Examples
    --------
    >>> counted(1, "image"), counted(0, "image"), counted(2, "nucleus")
    ('1 image', '0 images', '2 nuclei')
    """
    return f"{count} {noun if count == 1 else _PLURALS.get(noun, f'{noun}s')}"
