"""Fit the phases of the cell cycle to the DNA content of nuclei."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._dataclass import dataclass
from .optional import require

Floats: TypeAlias = NDArray[np.float64]

_LEAST_NUCLEI = 300
"""Larger: more is refused."""
_BINS = 128
_RANGE = 0.5, 2.6
"""Contents of G1 that are looked at: below lies debris, above nuclei that touch."""
_LEAST_INSIDE = 0.7
"""Of the nuclei that must lie there. Larger: more is refused."""
_PEAKS_FROM = 0.1
"""Of the highest peak: lower ones are no candidates for G1. Larger: fewer are tried."""
_LEAST_G1 = 0.05
"""Of the nuclei: with less, what is taken for G2 is G1. Larger: fewer stops in G2 are seen."""
_SHIFT, _WIDTH, _RATIO = (0.92, 1.08), (0.01, 0.3), (1.8, 2.2)
"""Limits of the peak of G1 in the candidate, of the spread of peaks in their content, and of the
content of G2 in that of G1."""
_MOST_SPREAD = 0.11
"""Of peaks, in their content: beyond, G1 and G2 overlap so much that any hill can be fitted."""
_RATIO_SPREAD = 0.05
"""How far the content of G2 is expected from twice that of G1: a ridge in the fit."""
_STARTS = 0.05, 0.1, 0.18
"""Spreads of peaks that the fit starts from."""
_STEPS = (np.arange(24) + 0.5) / 24
"""Where S is looked at, from G1 (0) to G2 (1)."""
_EVEN = 4.0
"""Cost of parts of S that differ, in standard deviations of all nuclei. Larger: S is flatter."""
_ROUNDS, _LEAST_EXPECTED, _LEAST_SHARE = 4, 0.5, 1e-12


@dataclass(frozen=True, slots=True)
class CellCycle:
    """How many nuclei are in each phase of the cell cycle, by their DNA content.

    Attributes
    ----------
    g1, s, g2 : float
        Shares of the nuclei between debris and clumps; they add up to 1.
    g1_content : float
        Where the peak of G1 is, in the unit of the contents.
    spread : float
        Standard deviation of a peak, in parts of its content.
    ratio : float
        Content of G2 over that of G1.
    """

    g1: float
    s: float
    g2: float
    g1_content: float
    spread: float
    ratio: float


def fit_cell_cycle(contents: Floats, *, near: CellCycle | None = None) -> CellCycle | str:
    """Fit G1, S and G2 to the DNA contents of nuclei.

    The model is that of Dean and Jett (1974, J. Cell Biol. 60, 523-527), with the S phase of Fox
    (1980, Cytometry 1, 71-77): peaks of G1 and G2 are Gaussians of one relative spread, and S is a
    polynomial of second degree between them, nowhere negative, widened like the peaks. It is fitted
    by maximum likelihood.

    Parameters
    ----------
    contents : ndarray of float64, shape (N,)
        Such as integrated intensities of a stain of DNA.
    near : CellCycle, optional
        That of all nuclei of the plate: G1 is looked for near its peak only.

    Returns
    -------
    CellCycle or str
        Or why there is none.

    Raises
    ------
    MissingPackageError
        scipy is not installed.
    """
    contents = contents[np.isfinite(contents) & (contents > 0)]
    if len(contents) < _LEAST_NUCLEI:
        return f"{len(contents)} nuclei; expected at least {_LEAST_NUCLEI}"
    candidates = [near.g1_content] if near is not None else _candidates(contents)
    fits = [fit for each in candidates if (fit := _fit(contents, each)) is not None]
    if not fits:
        return "no two peaks at one and two contents of DNA"
    best = min(fits, key=lambda fit: fit[0])[1]
    if best.spread > _MOST_SPREAD:
        return f"peaks are spread by {100 * best.spread:.0f} %: phases cannot be told apart"
    return best


def _candidates(contents: Floats) -> list[float]:
    """Return contents that may be the peak of G1: each peak of all, and half of it."""
    logs = np.log(contents)
    width = 0.45 * float(logs.std()) * len(logs) ** -0.2
    counts, edges = np.histogram(logs, 512, (logs.min() - 4 * width, logs.max() + 4 * width))
    step = edges[1] - edges[0]
    reach = int(np.ceil(4 * width / step))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / width) ** 2)
    density = np.convolve(counts, kernel, "same")
    inner = density[1:-1]
    is_peak = (inner >= density[:-2]) & (inner > density[2:]) & (inner > _PEAKS_FROM * inner.max())
    peaks = np.exp(edges[1:-2][is_peak] + step / 2)
    return sorted({float(each) for peak in peaks for each in (peak, peak / 2)})


def _fit(contents: Floats, near: float) -> tuple[float, CellCycle] | None:
    """Return the best fit with G1 near a content, and how unlikely all nuclei are by it."""
    minimize = require("scipy.optimize", extra="cycle").minimize
    edges = near * np.linspace(*_RANGE, _BINS + 1)
    counts = np.histogram(contents, edges)[0].astype(np.float64)
    outside = len(contents) - counts.sum()
    if counts.sum() < _LEAST_INSIDE * len(contents):
        return None

    def cost(numbers: Floats) -> float:
        shift, width, ratio = float(numbers[0]), float(np.exp(numbers[1])), float(numbers[2])
        limits = ((shift, _SHIFT), (width, _WIDTH), (ratio, _RATIO))
        if not all(low <= number <= high for number, (low, high) in limits):
            return float("inf")
        phases = _phases(edges, shift * near, width, ratio)
        expected = phases @ _shares(phases, counts)
        unlikely = -float(counts @ np.log(np.maximum(expected, _LEAST_SHARE)))
        return unlikely + 0.5 * ((ratio - 2) / _RATIO_SPREAD) ** 2

    tries = [
        minimize(cost, [1, np.log(width), 2], method="Nelder-Mead",
                 options={"xatol": 1e-3, "fatol": 0.05, "maxiter": 200})
        for width in _STARTS
    ]  # fmt: skip
    best: Any = min(tries, key=lambda each: each.fun)
    shift, width, ratio = best.x[0], float(np.exp(best.x[1])), float(best.x[2])
    shares = _shares(_phases(edges, shift * near, width, ratio), counts)
    if shares[0] < _LEAST_G1:
        return None
    # What lies outside is spread evenly over the range, so that fits of other ranges compare.
    unlikely = best.fun + outside * np.log(_BINS) + len(contents) * np.log(near)
    cycle = CellCycle(
        float(shares[0]), float(shares[2:].sum()), float(shares[1]), float(shift * near), width,
        ratio,
    )  # fmt: skip
    return float(unlikely), cycle


def _phases(edges: Floats, g1: float, width: float, ratio: float) -> Floats:
    """Return the share of each bin in G1, G2 and the three parts of S, shape (bins, 5)."""
    middles = g1 * np.concatenate([[1, ratio], 1 + (ratio - 1) * _STEPS])
    below = require("scipy.special", extra="cycle").ndtr(
        (edges[:, None] - middles) / (width * middles)
    )
    inside = np.diff(below, axis=0)
    parts = np.stack([(1 - _STEPS) ** 2, 2 * _STEPS * (1 - _STEPS), _STEPS**2], axis=1)
    phases: Floats = np.concatenate([inside[:, :2], inside[:, 2:] @ (parts / parts.sum(0))], 1)
    return phases


def _shares(phases: Floats, counts: Floats) -> Floats:
    """Return the shares of the phases that make the counts most likely, nearly.

    They are those of least squares, none below 0, with the weights of the counts that are expected,
    which are not known at first. Parts of S that differ cost something: data tell little of them.
    """
    nnls = require("scipy.optimize", extra="cycle").nnls
    expected = np.maximum(counts, 1)
    even = _EVEN / np.sqrt(counts.sum()) * np.array([[0, 0, 1, -1, 0], [0, 0, 0, 1, -1]])
    wanted = np.concatenate([counts, [0, 0]])
    for _ in range(_ROUNDS):
        weights = 1 / np.sqrt(np.maximum(expected, _LEAST_EXPECTED))
        rows = np.concatenate([phases * weights[:, None], even])
        amounts = nnls(rows, wanted * np.concatenate([weights, [1, 1]]))[0]
        expected = phases @ amounts
    shares: Floats = amounts / max(amounts.sum(), _LEAST_SHARE)
    return shares
