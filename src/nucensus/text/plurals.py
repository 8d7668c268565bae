"""Numbers of things, as people write them."""

_PLURALS = {"nucleus": "nuclei"}


def pluralize(count: int, noun: str) -> str:
    """Return `count` and the noun, in the plural unless it is one.

    Examples
    --------
    >>> pluralize(1, "image"), pluralize(0, "image"), pluralize(2, "nucleus")
    ('1 image', '0 images', '2 nuclei')
    """
    return f"{count} {noun if count == 1 else _PLURALS.get(noun, f'{noun}s')}"
