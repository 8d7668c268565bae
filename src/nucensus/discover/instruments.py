"""List the names that instruments give to files, as patterns whose groups tell the place."""

# A single capital after P, as in _T01 and _Z05, is a well only of 1536, and only before a site.
# Small letters are a well only before a site and a wavelength, as BBBC006 has them.
_WELL = r"(?P<well>(?-i:[A-P]|[a-p](?=\d\d_s\d+_w\d)|(?:[Q-Z]|A[A-F])(?=\d\d_s))\d{2})"
GUID = r"[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}"
_TIFF = r"\.tiff?$"

_METAXPRESS = (
    r"(?:(?P<folder>[^/]+)/)?(?:TimePoint_(?P<time>\d+)/)?(?:ZStep_(?P<z>\d+)/)?"
    r"(?:(?P<plate>[^/]+)_)?" + _WELL + r"(?:_s(?P<site>\d+))?"
)
_SQUID = (
    r"(?:(?:(?P<folder>[^/]+)/)?(?P<time>\d+)/)?"
    r"(?:(?P<well>(?-i:[A-P])\d{1,2})|(?P<region>[^/_]+))"
    r"_(?P<site>\d+(?:_\d+)?)_(?P<z>\d+)_"
)
"""A folder for each time point; well or region, field or row and column of fields, and plane."""
_ANOTHER_WELL = (
    r"(?:[^/]*/)*(?:[^/]*[_\-. ])?(?-i:[A-O]\d\d)[_\-. ](?:[^/]*_)?(?-i:[CF])\d\d"
    rf"(?:{GUID})?\.[^/]*$"
)
"""Names whose last word is a channel or a field: A01_F02, A01_Z02_C01."""

PATTERNS = {
    "Opera Phenix, Operetta": (
        r"(?:(?P<plate>[^/]+?)(?:__[^/]*)?/(?:images/)?)?"
        r"r(?P<row>\d{2})c(?P<column>\d{2})f(?P<site>\d+)p(?P<z>\d+)"
        r"(?:rc\d+)?-ch(?P<channel>\d+)(?:sk|t)(?P<time>\d+)(?:fk\d+)?(?:fl\d+)?" + _TIFF
    ),
    "Operetta (Harmony 3)": (
        r"0(?P<row>\d{2})0(?P<column>\d{2})-(?P<site>\d+)-(?P<z>\d{3})(?P<time>\d{3})"
        r"(?P<channel>\d{3})" + _TIFF
    ),
    "scanR (Olympus)": (
        r"(?P<row>[A-P])(?P<column>\d{1,2})(?: - [^/]*?)?--W\d+--P(?P<site>\d+)"
        r"--Z(?P<z>\d+)--T(?P<time>\d+)--(?P<channel>[^/]+?)(?:\.ome)?" + _TIFF
    ),
    "CellVoyager (Yokogawa)": (
        r"(?P<plate>[^/]+)_" + _WELL + r"(?:\.(?P<quarter>[ab][12]))?"
        r"_T(?P<time>\d+)F(?P<site>\d+)L\d+A\d+"
        r"Z(?P<z>\d+)C(?P<channel>\d+)\.(?:tiff?|png)$"
    ),
    "InCell": (
        r"(?:(?P<plate>[^/]+?)(?:/|[_\-. ]+(?=[A-Z]{1,2} ?- ?\d{1,2}\()))?"
        r"(?P<row>[A-Z]{1,2}) ?- ?(?P<column>\d{1,2})"
        r"\((?=[^)]*?\b(?:fld|wv|z|time) )(?=[^)]*?\bfld (?P<site>\d+))?"
        r"(?=[^)]*?\bwv (?P<channel>[^)]+?)(?: z \d+| time \d+|\)))?"
        r"(?=[^)]*?\bz (?P<z>\d+))?(?=[^)]*?\btime (?P<time>\d+))?[^)]*\)" + _TIFF
    ),
    "CellVoyager CQ1, CV1000 (Yokogawa)": (
        r"W(?P<number>\d{1,4})F(?P<site>\d{3,4})T(?P<time>\d{4})Z(?P<z>\d{2,3})C(?P<channel>\d+)"
        r"(?:\.ome)?" + _TIFF
    ),
    "EVOS": (
        r"(?P<plate>[^/]+?)_Plate_(?P<format>[A-Z])_p(?P<time>\d+)(?:_z(?P<z>\d+))?_\d+_"
        + _WELL
        + r"f(?P<site>\d+)(?:d(?P<channel>\d+))?\.(?:tiff?|png|jpe?g)$"
    ),
    "Cellomics, CellInsight": (
        r"(?:(?P<plate>[^/]+)_)?"
        + _WELL
        + r"f(?P<site>\d+)(?:d(?=\d)|(?=o))(?P<channel>o?\d+)"
        + _TIFF
    ),
    "BioTek (Cytation, Lionheart)": (
        r"(?:(?P<folder>[^/]+)/)?(?P<row>[A-P]|A[A-F])(?P<column>\d{1,2})(?P<region>ROI\d+)?"
        r"_-?\d{1,2}_\d{1,2}_"
        r"(?:(?P<site>\d+)(?:Z(?P<z>\d+))?_)?(?P<channel>[^/_][^/]*)_(?P<time>\d{3,})" + _TIFF
    ),
    "Incucyte": (
        r"(?P<plate>[^/]+)_(?P<row>[A-P])(?P<column>\d{1,2})_(?P<site>\d{1,2})_"
        r"(?P<time>(?:\d{4}y\d\dm)?\d\dd_?\d\dh\d\dm)" + _TIFF
    ),
    "SIMCEP (BBBC005)": (
        r"(?P<plate>SIMCEP[^/]*?)_" + _WELL + r"_C\d+_F\d+_s(?P<site>\d+)_w(?P<channel>\d)" + _TIFF
    ),
    "Columbus": (
        r"(?:(?P<plate>[^/]+?)[_\-. ]+)?R(?P<row>\d\d)[_\- ]C(?P<column>\d\d)"
        r"(?=[_\- ](?:F|Ch)\d)(?:[_\- ]F(?P<site>\d+))?(?:[_\- ]P(?P<z>\d+))?"
        r"(?:[_\- ](?:Ch?|W)(?P<channel>\d+))?(?:[_\- ]T(?P<time>\d+))?" + _TIFF
    ),
    "Nikon (JOBS)": (
        r"(?:(?P<plate>[^/]+)_)?Well(?P<well>[A-P]\d{1,2})"
        r"(?:_Point(?:[A-P]\d{1,2}_)?(?P<site>\d{4}))?"
        r"(?:_Channel(?:(?P<channel>[^/_,]+)|[^/_]+))?_Seq\d+\.(?:tiff?|nd\d)$"
    ),
    "ImageXpress, MetaXpress": (
        rf"(?!{_ANOTHER_WELL}){_METAXPRESS}(?:_w(?P<channel>\d{{1,2}}?))?(?:_?\[?{GUID}\]?)?"
        + _TIFF
    ),
    "MetaXpress, MetaMorph": (
        _METAXPRESS
        + r"_w(?P<channel>\d{1,2}?)(?: ?(?P<stain>[^\W\d_][^/_]*|\([^/_]+|(?<=\d)\d{3}))?"
        r"(?:_s(?P<s>\d+))?(?:_t(?P<t>\d+))?\.(?:tiff?|stk)$"
    ),
    "Micro-Manager 2": (
        r"(?:(?P<well>[A-P]\d{1,2})-Site_[^/]*/)?img_channel(?P<channel>\d{3,})"
        r"_position(?P<site>\d{3,})_time(?P<time>\d{9,})_z(?P<z>\d{3,})" + _TIFF
    ),
    "Micro-Manager 1.4": (
        r"(?:(?:(?P<well>[A-P]\d{1,2})-Site_)?(?P<site>\d+|[^/]*Pos[^/]*)/)?img_(?P<time>\d{9,})_(?P<channel>[^/]*)_(?P<z>\d{3,})"
        + _TIFF
    ),
    "Leica (Matrix Screener)": (
        r"[^/]*?--L(?P<loop>\d+)--S\d+--U(?P<u>\d+)--V(?P<v>\d+)--(?P<job>J\d+)(?:--E\d+)?(?:--O\d+)?"
        r"--X(?P<x>\d+)--Y(?P<y>\d+)--T(?P<time>\d+)--Z(?P<z>\d+)--(?P<channel>C\d+)(?:\.ome)?"
        + _TIFF
    ),
    "Leica (LAS X)": (
        r"(?:[^/]*?_)?(?P<row>(?-i:[A-P]))_(?P<column>\d{1,2})"
        r"_(?:R|Pos(?:ition)? ?)(?P<site>\d+)(?:_[^/]*?)??"
        r"(?:_t(?P<time>\d+))?(?:_z(?P<z>\d+))?(?:_RAW)?_ch(?P<channel>\d+)(?:_SV)?" + _TIFF
    ),
    "MetaMorph": (
        r"(?P<plate>[^/]+?)(?:_s(?P<s>\d+))?_w(?P<channel>\d{1,2}?)"
        r"(?=[^\W\d_]|[ (]|_[st]\d|\d{3}_[st]\d)(?! - copy)(?P<stain>(?:(?!_[st]\d)[^/])*?)"
        r"(?:_s(?P<site>\d+))?(?:_t(?P<time>\d+))?\.(?:tiff?|stk)$"
    ),
    "ZEN (Zeiss), a file for each scene": (
        r"(?P<plate>[^/]+?)-Scene-\d+-P(?P<site>\d+)-(?P<row>[A-P])(?P<column>\d{1,2})"
        r"(?:[_\-]?c(?P<channel>\d+))?(?:_ORG)?\.(?:tiff?|czi)$"
    ),
    "Squid (Cephla)": _SQUID + r"(?P<channel>Fluo[^/]*)" + _TIFF,
    "Squid (Cephla), transmitted light": _SQUID + r"(?P<channel>(?:[BD]F|DPC)_LED[^/]*)" + _TIFF,
    "Pathway (BD)": (
        r"(?:(?P<plate>[^/]+)/)?Well (?P<row>[A-P])(?P<column>\d{3})/"
        r"(?P<channel>[^/]+?) - n(?P<time>\d{6})" + _TIFF
    ),
    "InCell 3000": r"Channel ?(?P<channel>\d+)-\d+-(?P<row>[A-P])-(?P<column>\d\d)\.(?:tiff?|png)$",
    "OMERO": (
        r"(?:(?P<plate>[^/]+?) ?)?\[Well (?P<row>[A-P])-?(?P<column>\d{1,2})[,;] "
        r"(?:Field|Spot) ?#?(?P<site>\d+)\](?:\.ome)?" + _TIFF
    ),
    "Prairie View (Bruker)": (
        r"(?P<plate>ZSeries-[^/]*?)-(?P<site>\d{3})_Cycle(?P<time>\d+)_Ch(?P<channel>\d+)"
        r"_(?P<z>\d{6})(?:\.ome)?" + _TIFF
    ),
    "Prairie View (Bruker), a series of times": (
        r"(?P<plate>TSeries-[^/]*?)-(?P<site>\d{3})_Cycle(?P<cycle>\d+)_Ch(?P<channel>\d+)"
        r"_(?P<time>\d{6})(?:\.ome)?" + _TIFF
    ),
    "well, field and channel in one word": (
        r"(?:(?P<plate>[^/]+)[_\-. ])?(?-i:(?P<row>[A-P])(?P<column>\d{2}|(?<=[A-H])\d))"
        r"(?:f|s|xy)(?P<site>\d+)(?:z(?P<z>\d+))?(?:w|ch?)(?P<channel>\d+)" + _TIFF
    ),
}
"""The names that instruments give, by instrument; the first that fits a path counts."""

IN_ALL = {
    "Opera Phenix, Operetta": "-ch", "Operetta (Harmony 3)": "-", "scanR (Olympus)": "--w",
    "CellVoyager (Yokogawa)": "_t", "InCell": "(", "Incucyte": "h",
    "Micro-Manager 2": "img_channel", "Micro-Manager 1.4": "img_", "MetaMorph": "_w",
    "SIMCEP (BBBC005)": "simcep", "Columbus": "c", "Nikon (JOBS)": "_seq",
    "CellVoyager CQ1, CV1000 (Yokogawa)": "z", "EVOS": "_plate_",
    "Leica (Matrix Screener)": "--u", "Leica (LAS X)": "_ch", "MetaXpress, MetaMorph": "_w",
    "ZEN (Zeiss), a file for each scene": "-scene-", "Squid (Cephla)": "_fluo",
    "Squid (Cephla), transmitted light": "_led", "Pathway (BD)": " - n", "InCell 3000": "channel",
    "OMERO": "[well ", "Prairie View (Bruker)": "zseries-",
    "Prairie View (Bruker), a series of times": "tseries-",
}  # fmt: skip
"""A text that all names of an instrument have, in small letters: without it the pattern need not be
tried, nor compiled."""
