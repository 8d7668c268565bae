"""Find words in names that tell a version of a picture: masks, results, crops, filters."""

import functools
import re

from ..text.patterns import late
from .names import form_of

_VERSIONS = (
    r"illum[_\-]?corr\w*|corr(?:ected)?|processed|filtered|denoised?|deconv\w*|decon|lng|[ls]vcc|"
    r"bg[_\-]?sub\w*|flat(?:field)?|norm(?:alized)?|registered|aligned|adjusted|curated|stitched|raw|original|mip|"
    r"maxproj\w*|proj\w*|(?:data[_\- ])?(?:simple )?seg\w*|"
    r"(?:(?:cp|omni(?:pose)?|cellpose|cpsam|sam|stardist|mesmer|nuc(?:lei|leus|lear)?|cells?|"
    r"objects?|data)[_\- ])?"
    r"(?:masks?|outlines?|label(?:s|l?ed|l?ing)?(?:[_\- ](?:image|map)s?)?"
    r"|prob(?:abilit(?:y|ies)|s)?)|"
    r"overlays?|merged?|cp[_\-]output|flows?|cell[_\-]?prob|sv|d\dd(?:[_\-]prj)?|prj|"
    r"composite(?:[_ ]image)?|component[_ ]data|binary[_ ]seg[_ ]maps?|feature[_ ]\d|"
    r"copy(?: \(?\d+\)?)?|backup|\d{1,2}[_\- ]?bit|rgb|binary|thr(?:esh\w*)?|gt|"
    r"(?:ground[_\- ]?)?truths?|"
    r"annotations?|annotated|pred(?:iction)?s?|crop(?:ped)?|illum|marked|final|"
    r"otsu|yen|isodata|watershed|voronoi|cca|whole[_\- ]?cell|sparse|dots|cells|results?|outputs?|"
    r"(?:(?:over|under)[_\- ]?)?segmented|"
    r"(?:image|instance|semantic)?[_\- ]?segmentation[_\- ]?masks?|"
    r"gauss(?:ian)?|median|sobel|prewitt|laplac(?:e|ian)|dog|log|top[_\- ]?hat|rolling[_\- ]?ball|"
    r"clahe|k[_\- ]?means|equali[sz]ed|enhanced|smooth(?:ed)?|noisy|clean(?:ed)?|"
    r"(?:up|down)[_\- ]?(?:sampled|scaled)|re(?:scaled|sized|sampled)|"
    r"skimage|image[_\- ]?j|fiji|ilastik|clesperanto"
)
"""Words that tell a version. No digit but 0 may be spelled in them: they meet forms of names."""
_IMAGES = r"(?:raw)?im(?:age|g)s?"
"""What the picture itself is called beside its mask."""
_PICTURES = rf"{_IMAGES}|cell|samples?|inputs?|tiles?|patch(?:es)?|fields?|fovs?|frames?|slides?"
"""What it is called in front: sample_1 beside mask_1."""
_VERSION = late(
    rf"(?:(?: -)?[_\-. ]|(?<=\d)(?=(?:cell|dots|masks?|labels?|gt|seg)$))"
    rf"({_VERSIONS}|{_IMAGES}|max|ome|(?<=\d)cell)(?=(?:[_\-. ](?:ch?|w|z|t)?\d{{1,4}})*$)",
    re.IGNORECASE,
)
"""A word behind which channel, z plane and time may stand: x_RAW_z03_ch00."""
_VERSION_FOLDER = late(
    rf"(?:^|(?<=[/_\-]))({_VERSIONS}|{_IMAGES}|results?|outputs?)/", re.IGNORECASE
)
"""A folder that tells the version of the pictures in it: masks, train_masks."""
_MASK_FOLDER = late(
    r"(?:^|(?<=[/_\- ]))(masks?|labels?|annotations?|gt|(?:ground[_\- ]?)?truths?)[_\- ]?[^/]*/",
    re.IGNORECASE,
)
"""A folder of masks with more in its name: GT_01, label masks, mask binary."""
_IN_FRONT = _VERSIONS.replace(r"\w*", "[a-z]*")
_VERSION_BEFORE = late(
    rf"((?:(?:copy|montage|result) of|{_IN_FRONT}|{_PICTURES})(?=[_\-. ]+[^/]+$)"
    rf"|(?:masks?|labels?|gt|seg|pred|{_PICTURES})(?=\d))[_\-. ]*",
    re.IGNORECASE,
)
"""A word before the name of a picture: mask_001 beside img_001, mask1 beside img1."""
_PROJECTION = re.compile(r"(?:.*/)?(MAX|MIN|AVG|SUM|STD|MED)_(?=[^/]+$)")
_PROJECTIONS = ("MAX_", "MIN_", "AVG_", "SUM_", "STD_", "MED_")
"""How ImageJ calls projections: MAX_a.tif is of a.tif."""
_FIELD_VERSION = re.compile(r"(.*/\d+)[_\-.](\D[^/]*)")
_SAME_ENDING = {"tiff": "tif", "jpeg": "jpg"}
_MOST_VERSIONS, _LONGEST_VERSION = 4, 32


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
    told, file = _words_of_file(file)
    if version not in ("original", f"{told}s"):
        told = f"{version}_{told}".strip("_")
    return f"{told or 'original'}.{ending}", f"{rest}{file}"


def _words_of_file(file: str) -> tuple[str, str]:
    """Return which version a file is: of x_binary_mask.tif binary_mask; and of which picture."""
    told: list[str] = []
    for _ in range(_MOST_VERSIONS):
        if (word := version_word(form_of(file))) is None:
            break
        start, end, first, last = word
        told += [] if _is_original(file[first:last]) else [file[first:last].lower()]
        file = file[:start] + file[end:]
    return "_".join(reversed(told)), file


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
    path, version = f"{folder}/", "original"
    while match := _VERSION_FOLDER.search(path) or _MASK_FOLDER.search(path):
        version = version if _is_original(match[1]) else match[1].lower()
        above = re.sub(r"[_\-]$", "/", path[: match.start()])
        path = above + path[match.end() :]
    return version, path


def is_version_folder(folder: str) -> bool:
    """Tell whether pictures in a folder are no originals, by its name."""
    return _version_of_folder(folder)[0] != "original"


def is_mask_folder(folder: str) -> bool:
    """Tell whether a folder is one of masks, by its name: GT_01, label masks."""
    return _MASK_FOLDER.search(f"{folder}/") is not None


def _is_original(word: str) -> bool:
    return re.fullmatch(_PICTURES, word, re.IGNORECASE) is not None


def is_version(word: str) -> bool:
    """Tell whether a word says which version of a picture that is: merged, Overlay."""
    return re.fullmatch(rf"{_VERSIONS}|max|ome", word, re.IGNORECASE) is not None
