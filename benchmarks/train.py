"""Learn what tells nuclei from other regions, and write it to `nucensus/detect/weights.py`.

    python benchmarks/train.py BBBC039 DSB2018 [--check]

Each folder has `images/` and, under the same names, label images in `truth/`. To them come drawn
fields of `others.py` and `tissues.py`. Fields of one microscope, or one kind, are a family. Every
field is estimated and divided into regions as `auto` does without what was learned; the largest
region in a nucleus is one. Two logistic regressions follow (ridge, Newton's method): one on what a
region is by itself, by which the contrast of an image is that of its likely nuclei, and one that
knows this contrast, too. A family weighs as the root of its regions.

Printed is the F1 of each family with the rules alone, with weights learned from all other families,
and from all. `--check` writes nothing.
"""

import argparse
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import others
import tifffile
import tissues
from numpy.typing import NDArray

import nucensus.detect
from nucensus.detect import Estimate, evidence, pool
from nucensus.detect.automatic import LEAST_CONFIDENCE, find_candidates
from nucensus.detect.estimate_image import estimate, likely_contrast
from nucensus.detect.levels import as_levels
from nucensus.detect.regions import Regions
from nucensus.detect.rules import NEWEST, VERSIONS

RIDGE, ROUNDS = 1.0, 30
UNLEARNED = replace(VERSIONS[NEWEST], is_learned=False)
WEIGHTS = Path(nucensus.detect.__file__).with_name("weights.py")
Vector = NDArray[np.float64]


@dataclass
class Sample:
    """The regions of a field, which of them are nuclei, and how many there are."""

    family: str
    nuclei: int
    own: Estimate
    regions: Regions | None = None
    is_nucleus: Vector | None = None  # NaN: does not count
    features: Vector | None = None


def real(folder: Path) -> Iterator[tuple[str, others.Field]]:
    """Yield the fields of a folder; images of one size are of one microscope, mostly."""
    for path in sorted((folder / "truth").glob("*.tif")):
        image = tifffile.imread(folder / "images" / path.name)
        size = "x".join(map(str, image.shape))
        yield f"{folder.name} {size}", others.Field(image, tifffile.imread(path), frozenset())


def drawn() -> Iterator[tuple[str, others.Field]]:
    """Yield drawn fields of other kinds."""
    for kind in tissues.KINDS:
        for field in tissues.fields_of(kind, 100, 12):
            yield kind, field
    for kind, look in others.KINDS.items():
        for diameter in (10, 20, 45):
            seed = zlib.crc32(f"train {kind} {diameter}".encode())
            yield _family(kind), others.draw(look, diameter, seed)


def _family(kind: str) -> str:
    for family in ("blank", "confluent", "dust", "debris", "texture"):
        if family in kind:
            return family
    return "ordinary"


def take(family: str, field: others.Field) -> Sample:
    """Return what is known of a field."""
    levels, truth = as_levels(field.image), set(np.unique(field.labels).tolist()) - {0}
    own = estimate(levels, UNLEARNED)
    sample = Sample(family, len(truth - field.cut_off), own)
    if not own.is_blank:
        sample.regions = find_candidates(levels, pool([own]), own.contrast)
        sample.is_nucleus = which_are_nuclei(sample.regions, field)
    return sample


def which_are_nuclei(regions: Regions, field: others.Field) -> Vector:
    """Return 1 for the largest region centred in a nucleus, NaN where nuclei are hardly seen."""
    places = np.stack([regions.y, regions.x], axis=1)
    y, x = np.clip(
        np.floor(places + 0.5).astype(int).T, 0, np.array(field.labels.shape)[:, None] - 1
    )
    labels, seen, is_nucleus = field.labels[y, x], {0}, np.zeros(len(regions))
    for number in np.argsort(-regions.area_px):
        label = int(labels[number])
        if label in field.cut_off:
            is_nucleus[number] = np.nan
        elif label not in seen:
            is_nucleus[number] = 1
        seen.add(label)
    return is_nucleus


def fit(samples: list[Sample]) -> Vector:
    """Return the weights that tell the nuclei of these fields, the constant first."""
    shown = [each for each in samples if each.features is not None]
    features = np.concatenate([each.features for each in shown])
    is_nucleus = np.concatenate([each.is_nucleus for each in shown])
    families = np.concatenate([np.full(len(each.is_nucleus), each.family) for each in shown])
    counts = np.sqrt(np.unique(families, return_inverse=True, return_counts=True)[2])
    weights = 1 / counts[np.unique(families, return_inverse=True)[1]]
    known = ~np.isnan(is_nucleus)
    return _regression(features[known], is_nucleus[known], weights[known] / weights[known].mean())


def _regression(features: Vector, wanted: Vector, weights: Vector) -> Vector:
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-9
    scaled = np.column_stack([np.ones(len(features)), (features - mean) / deviation])
    ridge = RIDGE * np.eye(scaled.shape[1])
    ridge[0, 0] = 0
    found = np.zeros(scaled.shape[1])
    for _ in range(ROUNDS):
        probability = 1 / (1 + np.exp(-scaled @ found))
        slope = scaled.T @ (weights * (probability - wanted)) + ridge @ found
        bend = (scaled * (weights * probability * (1 - probability))[:, None]).T @ scaled + ridge
        found -= np.linalg.solve(bend, slope)
    constant = found[0] - (found[1:] * mean / deviation).sum()
    return np.concatenate([[constant], found[1:] / deviation])


def learn(samples: list[Sample], used: list[bool]) -> tuple[Vector, Vector]:
    """Return both sets of weights, learned from the fields that are used; all get features."""
    chosen = [sample for sample, use in zip(samples, used, strict=True) if use]
    for each in samples:
        if each.regions is not None:
            each.features = evidence.features(each.regions, each.own.radius_px)
    first = fit(chosen)
    for each in samples:
        if each.regions is not None:
            radius, likely = each.own.radius_px, probability(each.features, first)
            contrast = likely_contrast(each.regions, radius, likely) or each.own.contrast
            each.features = evidence.features(each.regions, radius, contrast)
    return first, fit(chosen)


def probability(features: Vector, weights: Vector) -> Vector:
    """Return how likely each region is a nucleus."""
    return 1 / (1 + np.exp(-(weights[0] + features @ weights[1:])))


def f1(samples: list[Sample], weights: Vector | None) -> float:
    """Return the F1 of some fields, by the rules alone if there are no weights."""
    hits = found = truth = 0
    for each in samples:
        truth += each.nuclei
        if each.regions is None:
            continue
        kept = ~np.isnan(each.is_nucleus)
        if weights is not None:
            kept &= probability(each.features, weights) >= LEAST_CONFIDENCE
        hits += each.is_nucleus[kept].sum()
        found += kept.sum()
    return 2 * hits / max(found + truth, 1)


def write(first: Vector, second: Vector) -> None:
    """Write the weights as a module."""
    lines = ['"""Weights that `benchmarks/train.py` learned; not to be edited by hand."""', ""]
    for name, weights in (("BY_ITSELF", first), ("BESIDE_OTHERS", second)):
        lines += [f"{name} = (", *(f"    {weight:.6f}," for weight in weights), ")"]
    WEIGHTS.write_text("\n".join(lines) + "\n")


def main() -> None:
    """Print the table, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", help="with images/ and truth/")
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    fields = [each for folder in options.folders for each in real(folder)] + list(drawn())
    samples = [take(family, field) for family, field in fields]
    families = sorted({each.family for each in samples})
    print(f"{'F1 of':26}{'rules':>8}{'others':>8}{'all':>8}")
    left_out = {}
    for family in families:
        mine = [each for each in samples if each.family == family]
        _, weights = learn(samples, [each.family != family for each in samples])
        left_out[family] = f1(mine, weights)
    weights = learn(samples, [True] * len(samples))
    for family in families:
        mine = [each for each in samples if each.family == family]
        print(f"{family:26}{f1(mine, None):8.4f}{left_out[family]:8.4f}{f1(mine, weights[1]):8.4f}")
    if not options.check:
        write(*weights)


if __name__ == "__main__":
    main()
