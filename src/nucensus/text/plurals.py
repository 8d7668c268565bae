"""Numbers of things, as people write them."""

_PLURALS = {"nucleus": "nuclei", "axis": "axes"}


def pluralize(count: int, noun: str) -> str:
    """Return `count` and the noun, in the plural unless it is one.

    Examples
    --------
    >>> pluralize(1, "image"), pluralize(0, "image"), pluralize(2, "nucleus")
    ('1 image', '0 images', '2 nuclei')
    """
    return f"{count} {noun if count == 1 else _PLURALS.get(noun, f'{noun}s')}"


def data_size(size_bytes: float) -> str:
    """Return a size of data with its unit.

    Examples
    --------
    >>> data_size(1536), data_size(2_621_440), data_size(25.3e9)
    ('1.5 kB', '2.6 MB', '25.3 GB')
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if size_bytes >= size:
            return f"{size_bytes / size:.1f} {unit}"
    return f"{size_bytes / 1e3:.1f} kB"


def duration(seconds: float) -> str:
    """Return a time as people say it.

    Examples
    --------
    >>> duration(0.926), duration(40), duration(90), duration(1500), duration(11100)
    ('0.93 s', '40 s', '1 min 30 s', '25 min', '3 h 5 min')
    """
    if seconds < 59.5:
        return f"{seconds:.{2 if seconds < 9.995 else 0}f} s"
    minutes = round(seconds / 60)
    if minutes < 10:
        return "{} min {} s".format(*divmod(round(seconds), 60))
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def short_time(seconds: float) -> str:
    """Return a measured time in the unit that fits it, with three digits.

    Examples
    --------
    >>> short_time(12.345), short_time(0.0161), short_time(3.61e-7)
    ('12.3 s', '16.1 ms', '0.361 µs')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= 0.1 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def rate(count: int, seconds: float) -> str:
    """Return how many images a second were done.

    Examples
    --------
    >>> rate(24, 0.9), rate(1, 1), rate(3, 50)
    ('27 images/s', '1 image/s', '0.06 images/s')
    """
    speed = count / max(seconds, 1e-9)
    said = f"{speed:{'.0f' if speed >= 1 else '.1g'}}"
    return f"{said} {'image' if said == '1' else 'images'}/s"
