"""Find words in names that tell a version of a picture: masks, results, crops, filters."""

import functools
import re

from ..text.patterns import late
from .names import form_of

_VERSIONS = (
    r"illum[_\-]?corr\w*|corr(?:ected)?|processed|filtered|denoised?|deconv\w*|decon|lng|[ls]vcc|"
    r"bg[_\-]?sub\w*|flat(?:field)?|norm(?:alized)?|registered|stitched|raw|original|mip|"
    r"maxproj\w*|proj\w*|(?:data[_\- ])?(?:simple )?seg\w*|"
    r"(?:(?:cp|omni(?:pose)?|cellpose|cpsam|sam|stardist|mesmer|nuc(?:lei|leus|lear)?|cells?|objects?|data)"
    r"[_\- ])?"
    r"(?:(?:masks?|outlines?|labels?(?:[_\- ](?:image|map)s?)?)|prob(?:abilit(?:y|ies)|s)?)|"
    r"overlays?|merged?|cp[_\-]output|flows?|cell[_\-]?prob|sv|d\dd(?:[_\-]prj)?|prj|"
    r"composite(?:[_ ]image)?|component[_ ]data|binary[_ ]seg[_ ]maps?|feature[_ ]\d|"
    r"copy(?: \(?\d+\)?)?|backup|\d{1,2}[_\- ]?bit|rgb|binary|thresh\w*|gt|"
    r"(?:ground[_\- ]?)?truths?|"
    r"annotations?|annotated|pred(?:iction)?s?|crop(?:ped)?|illum"
)
"""Words that tell a version. No digit but 0 may be spelled in them: they meet forms of names."""
_IMAGES = r"(?:raw)?im(?:age|g)s?"
"""What the picture itself is called beside its mask."""
_VERSION = late(
    rf"(?: -)?[_\-. ]({_VERSIONS}|{_IMAGES}|max|ome)(?=(?:[_\-. ](?:ch?|w|z|t)\d{{1,4}})*$)",
    re.IGNORECASE,
)
"""A word behind which channel, z plane and time may stand: x_RAW_z03_ch00."""
_VERSION_FOLDER = late(
    rf"(?:^|(?<=[/_\-]))({_VERSIONS}|{_IMAGES}|results?|outputs?)/", re.IGNORECASE
)
"""A folder that tells the version of the pictures in it: masks, train_masks."""
_VERSION_BEFORE = late(
    rf"((?:copy|montage|result) of|{_IMAGES}|masks?|labels?|seg(?:mented|mentation)?|gt|pred"
    r"|overlay)[_\-. ]+(?=[^/]+$)",
    re.IGNORECASE,
)
"""A word before the name of a picture: mask_001 beside img_001."""
_PROJECTION = re.compile(r"(?:.*/)?(MAX|MIN|AVG|SUM|STD|MED)_(?=[^/]+$)")
_PROJECTIONS = ("MAX_", "MIN_", "AVG_", "SUM_", "STD_", "MED_")
"""How ImageJ calls projections: MAX_a.tif is of a.tif."""
_FIELD_VERSION = re.compile(r"(.*/\d+)[_\-.](\D[^/]*)")
_SAME_ENDING = {"tiff": "tif", "jpeg": "jpg"}
_MOST_VERSIONS, _LONGEST_VERSION = 3, 32


def version_of(name: str) -> tuple[str, str]:
    """Return which version of a picture that is, by the end of its name, and of which picture.

    Of a plate in OME-Zarr the name of the field tells: 0_illum_corr is of 0.

    Examples
    --------
    >>> version_of("x_corrected.tif"), version_of("x.TIFF")
    (('corrected.tif', 'x'), ('original.tif', 'x'))
    >>> version_of("images/x.tif"), version_of("masks/x_mask.tif"), version_of("gt_x.tif")
    (('original.tif', 'x'), ('mask.tif', 'x'), ('gt.tif', 'x'))
    """
    if ".zarr/" in name:
        match = _FIELD_VERSION.fullmatch(name)
        return (match[2], match[1]) if match else ("original", name)
    stem, _, ending = name.rpartition(".")
    if "/" in ending:  # a folder, as a field of an OME-Zarr whose well was named
        stem, ending = name, ""
    ending = _SAME_ENDING.get(ending.lower(), ending.lower())
    folder, _, file = stem.rpartition("/")
    if file.startswith(_PROJECTIONS) and (match := _PROJECTION.match(stem)):
        return f"{match[1].lower()}.{ending}", stem[: match.start(1)] + stem[match.end() :]
    version, rest = _version_of_folder(folder)
    for _ in range(_MOST_VERSIONS):  # of x_binary_mask x is the picture
        if (word := version_word(form_of(file))) is None:
            break
        start, end, first, last = word
        told = file[first:last]
        version = version if _is_original(told) or version != "original" else told.lower()
        file = file[:start] + file[end:]
    return f"{version}.{ending}", f"{rest}{file}"


@functools.lru_cache(1 << 12)
def version_word(form: bytes) -> tuple[int, int, int, int] | None:
    """Return where files of a form have a word for a version: with what separates it, and alone."""
    file = form.decode(errors="surrogatepass")
    match = _VERSION.search(file, max(0, len(file) - _LONGEST_VERSION))
    match = match or _VERSION_BEFORE.match(file)
    return match and (*match.span(), *match.span(1))


@functools.lru_cache(1024)
def _version_of_folder(folder: str) -> tuple[str, str]:
    """Return which version the pictures of a folder are, and the folder without the word for it."""
    if not folder:
        return "original", ""
    path = f"{folder}/"
    match = _VERSION_FOLDER.search(path)
    if match is None:
        return "original", path
    version = "original" if _is_original(match[1]) else match[1].lower()
    above = re.sub(r"[_\-]$", "/", path[: match.start()])
    return version, above + path[match.end() :]


def is_version_folder(folder: str) -> bool:
    """Tell whether pictures in a folder are no originals, by its name."""
    return _version_of_folder(folder)[0] != "original"


def _is_original(word: str) -> bool:
    return re.fullmatch(_IMAGES, word, re.IGNORECASE) is not None


def is_version(word: str) -> bool:
    """Tell whether a word says which version of a picture that is: merged, Overlay."""
    return re.fullmatch(rf"{_VERSIONS}|max|ome", word, re.IGNORECASE) is not None
