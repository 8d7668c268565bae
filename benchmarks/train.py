"""Learn what tells nuclei from other regions, and write it where that is asked for.

    python benchmarks/train.py BBBC039 DSB2018 [--write nucensus/detect/weights.py]

Each folder has `images/` and, under the same names, label images in `truth/`. To them come drawn
fields of `others.py` and `tissues.py`. Fields of one microscope, or one kind, are a family, and
weigh as the root of what they have. All is logistic regression (ridge, Newton's method).

Fields of which the radius is not found, to a half, teach nothing: a nucleus is another thing there.
Fields without nuclei teach what light without any looks like at some radius; they tell nothing of
nuclei among others, where it is known that there are some.

1. Which pieces are one nucleus. The pieces of each field are put together, first by rules, then
   by what was learned so far, and each two that were judged on the way are one if their summits
   lie in one nucleus.
2. Which regions are nuclei: the largest in a nucleus is one. First by what a region is by itself,
   by which the contrast of an image is that of its likely nuclei, then with this contrast, too.

Printed is, for each family, how many unions and splits are right, and the F1 of its nuclei: with
the rules alone, with weights learned from all other families, and from all. `--check` writes
nothing.
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

from nucensus import kernel
from nucensus.detect import Estimate, evidence, pool, regions
from nucensus.detect.automatic import find_candidates
from nucensus.detect.estimate_image import estimate, likely_contrast
from nucensus.detect.levels import as_levels
from nucensus.detect.regions import Regions
from nucensus.detect.rules import NEWEST, VERSIONS, Rules
from nucensus.detect.search import SEARCH_SMOOTHING, is_full

RIDGE, ROUNDS = 1.0, 30
AS_IF_PX = 6, 40  # radii of what is seen in blank fields
PAIR_ROUNDS, MOST_WRONG = 3, 1.5
FIELDS_OF_A_KIND, FIELDS_OF_BLANK = 16, 48
BY_RULES = replace(VERSIONS[NEWEST], is_learned=False, union=())
Vector = NDArray[np.float64]


@dataclass
class Sample:
    """A field, and what is known of its pairs of pieces and of its regions."""

    family: str
    field: others.Field
    own: Estimate
    nuclei: int
    regions: Regions | None = None
    is_nucleus: Vector | None = None  # NaN: does not count
    features: Vector | None = None


@dataclass
class Examples:
    """Features, what is wanted of each, and the family that it is of."""

    features: Vector
    wanted: Vector
    families: NDArray[np.str_]

    def where(self, keep: NDArray[np.bool_]) -> "Examples":
        """Return those that are kept."""
        return Examples(self.features[keep], self.wanted[keep], self.families[keep])


def together(examples: list[Examples]) -> Examples:
    """Return all of them as one."""
    parts = [(each.features, each.wanted, each.families) for each in examples]
    return Examples(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def real(folder: Path) -> Iterator[tuple[str, others.Field]]:
    """Yield the fields of a folder; images of one size are of one microscope, mostly."""
    for path in sorted((folder / "truth").glob("*.tif")):
        image = tifffile.imread(folder / "images" / path.name)
        size = "x".join(map(str, image.shape))
        yield f"{folder.name} {size}", others.Field(image, tifffile.imread(path), frozenset())


def drawn() -> Iterator[tuple[str, others.Field]]:
    """Yield drawn fields of other kinds."""
    for kind in tissues.KINDS:
        for field in tissues.fields_of(kind, 100, FIELDS_OF_A_KIND):
            yield kind, field
    for kind, look in others.KINDS.items():
        for diameter in (10, 20, 45):
            seed = zlib.crc32(f"train {kind} {diameter}".encode())
            yield _family(kind), others.draw(look, diameter, seed)


def lit() -> Iterator[tuple[str, others.Field]]:
    """Yield fields without nuclei under uneven light of every sort, with much and little noise."""
    for number in range(FIELDS_OF_BLANK):
        rng = np.random.default_rng(zlib.crc32(f"train lit {number}".encode()))
        look = others.Look(
            **others.BLANK, background=rng.choice([0.02, 0.3, 2]), gradient=rng.uniform(0, 3),
            corner=rng.uniform(0.2, 1), lamps=rng.integers(0, 4),
            photons=np.exp(rng.uniform(np.log(20), np.log(4000))),
            correlated=rng.choice([0, 0, 0.7, 1.5]), bits=rng.choice([12, 16]),
        )  # fmt: skip
        yield "lit", others.draw(look, rng.choice([10, 20]), number)


def _family(kind: str) -> str:
    for family in ("blank", "confluent", "dust", "debris", "texture", "overlap"):
        if family in kind:
            return family
    return "ordinary"


def take(family: str, field: others.Field) -> Sample:
    """Return a field, estimated by the rules; one without nuclei as if there were some."""
    truth = set(np.unique(field.labels).tolist()) - {0}
    own = estimate(field.image, BY_RULES)
    if not truth and own.is_blank:
        own = as_if(field)
    return Sample(family, field, own, len(truth - field.cut_off))


def as_if(field: others.Field) -> Estimate:
    """Return what a field without nuclei would be counted by, had a radius been believed."""
    radius = np.exp(np.random.default_rng(zlib.crc32(field.image)).uniform(*np.log(AS_IF_PX)))
    found = regions.find_regions(field.image, radius_px=radius, smoothing=SEARCH_SMOOTHING)
    full = is_full(found, radius)
    blank = estimate(np.zeros((1, 1)), BY_RULES)
    if not full.any():
        return blank
    measure = found.measure
    return replace(
        blank, radius_px=float(radius), count=int(full.sum()), noise=measure.noise,
        contrast=float(np.median(found.height[full])), grain=measure.grain,
        background=measure.background, size_px=field.image.size,
    )  # fmt: skip


def knows_radius(sample: Sample) -> bool:
    """Whether the radius that was estimated is that of most nuclei, by area."""
    areas = np.bincount(sample.field.labels.ravel())[1:]
    areas = np.sort(areas[areas > 0]).astype(float)
    if sample.own.is_blank or not len(areas):
        return not sample.own.is_blank  # none is right where there is no nucleus
    radius = np.sqrt(areas[np.searchsorted(np.cumsum(areas), areas.sum() / 2)] / np.pi)
    return bool(1 / MOST_WRONG < sample.own.radius_px / radius < MOST_WRONG)


def label_at(field: others.Field, y: Vector, x: Vector) -> NDArray[np.int32]:
    """Return the nuclei at some places, 0 where none is."""
    places = np.floor(np.stack([y, x]) + 0.5).astype(int)
    rows, columns = np.clip(places, 0, np.array(field.labels.shape)[:, None] - 1)
    return field.labels[rows, columns]


def pairs_of(sample: Sample, rules: Rules) -> Examples:
    """Return each two pieces of a field that are judged as they are put together by some rules."""
    known = []

    def find(pixels, settings, *, level, shapes, outline):
        known.append(kernel.find_pairs(pixels, **settings))
        return kernel.find_region_table(
            pixels, settings, level=level, shapes=shapes, outline=outline
        )

    regions.find_region_table = find
    try:
        find_candidates(
            as_levels(sample.field.image), pool([sample.own]), sample.own.contrast, rules
        )
    finally:
        regions.find_region_table = kernel.find_region_table
    (pairs,) = known
    first = label_at(sample.field, pairs["first_y"], pairs["first_x"])
    second = label_at(sample.field, pairs["second_y"], pairs["second_x"])
    one = Examples(
        pairs["features"], (first == second).astype(float), np.full(len(pairs), sample.family)
    )
    return one.where((first > 0) | (second > 0))


def learn_unions(samples: list[Sample]) -> Examples:
    """Return the pairs of all fields, as rules and what was learned put them together."""
    shown = [each for each in samples if knows_radius(each)]
    pairs, rules = [], BY_RULES
    for _ in range(PAIR_ROUNDS):
        pairs += [pairs_of(each, rules) for each in shown]
        rules = replace(rules, union=tuple(fit(together(pairs))))
    return together(pairs)


def find(sample: Sample, rules: Rules) -> None:
    """Let a sample know its regions, and which of them are nuclei, by some rules."""
    if not sample.own.is_blank:
        levels = as_levels(sample.field.image)
        sample.regions = find_candidates(levels, pool([sample.own]), sample.own.contrast, rules)
        sample.is_nucleus = which_are_nuclei(sample.regions, sample.field)


def which_are_nuclei(regions: Regions, field: others.Field) -> Vector:
    """Return 1 for the largest region centred in a nucleus, NaN where nuclei are hardly seen."""
    labels, seen, is_nucleus = label_at(field, regions.y, regions.x), {0}, np.zeros(len(regions))
    for number in np.argsort(-regions.area_px):
        label = int(labels[number])
        if label in field.cut_off:
            is_nucleus[number] = np.nan
        elif label not in seen:
            is_nucleus[number] = 1
        seen.add(label)
    return is_nucleus


def fit(examples: Examples) -> Vector:
    """Return the weights that tell which are wanted, the constant first."""
    known = examples.where(~np.isnan(examples.wanted))
    _, numbers, counts = np.unique(known.families, return_inverse=True, return_counts=True)
    weights = 1 / np.sqrt(counts)[numbers]
    return _regression(known.features, known.wanted, weights / weights.mean())


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
    shown = [each for each in samples if each.regions is not None]
    for each in shown:
        each.features = evidence.features(each.regions, each.own.radius_px)
    chosen = [each for each, use in zip(samples, used, strict=True) if use and knows_radius(each)]
    first = fit(together([_examples(each) for each in chosen]))
    for each in shown:
        radius, likely = each.own.radius_px, probability(each.features, first)
        contrast = likely_contrast(each.regions, radius, likely) or each.own.contrast
        each.features = evidence.features(each.regions, radius, contrast)
    return first, fit(together([_examples(each) for each in chosen if each.nuclei]))


def _examples(sample: Sample) -> Examples:
    families = np.full(len(sample.is_nucleus), sample.family)
    return Examples(sample.features, sample.is_nucleus, families)


def probability(features: Vector, weights: Vector) -> Vector:
    """Return how likely each region is a nucleus."""
    return 1 / (1 + np.exp(-(weights[0] + features @ weights[1:])))


def common(samples: list[Sample]) -> float:
    """Return which share of the regions are nuclei, where families weigh as they do in a fit."""
    shown = [each for each in samples if each.nuclei and knows_radius(each)]
    all_of = together([_examples(each) for each in shown])
    known = all_of.where(~np.isnan(all_of.wanted))
    _, numbers, counts = np.unique(known.families, return_inverse=True, return_counts=True)
    return float(np.average(known.wanted, weights=1 / np.sqrt(counts)[numbers]))


def f1(samples: list[Sample], weights: Vector | None, share: float) -> float:
    """Return the F1 of some fields, by the rules alone if there are no weights."""
    hits = found = truth = 0
    for each in samples:
        truth += each.nuclei
        if each.regions is None:
            continue
        kept = ~np.isnan(each.is_nucleus)
        if weights is not None:
            likely = evidence.among(probability(each.features, weights), share)
            kept &= likely >= evidence.least_confidence(likely)
        hits += each.is_nucleus[kept].sum()
        found += kept.sum()
    return 2 * hits / max(found + truth, 1)


def right(pairs: Examples, weights: Vector) -> float:
    """Return the share of the pairs that are judged right."""
    return float(((probability(pairs.features, weights) > 0.5) == (pairs.wanted > 0)).mean())


def write(path: Path, **weights: Vector | float) -> None:
    """Write the weights as a module."""
    lines = ['"""Weights that `benchmarks/train.py` learned; not to be edited by hand."""', ""]
    for name, values in weights.items():
        if isinstance(values, float):
            lines.append(f"{name} = {values:.6f}")
        else:
            lines += [f"{name} = (", *(f"    {weight:.6f}," for weight in values), ")"]
    path.write_text("\n".join(lines) + "\n")


def main() -> None:
    """Print the table, and write the weights if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", help="with images/ and truth/")
    parser.add_argument("--write", type=Path, help="file for the weights; else none is written")
    options = parser.parse_args()
    fields = [each for folder in options.folders for each in real(folder)]
    fields += [*drawn(), *lit()]
    samples = [take(family, field) for family, field in fields]
    pairs = learn_unions(samples)
    union = fit(pairs)
    for each in samples:
        find(each, replace(BY_RULES, union=tuple(union)))
    weights = learn(samples, [True] * len(samples))
    share = common(samples)
    print(f"{'':26}{'unions right':>16}{'F1 of nuclei':>24}")
    print(f"{'family':26}{'others':>8}{'all':>8}{'rules':>8}{'others':>8}{'all':>8}")
    for family in sorted({each.family for each in samples}):
        mine, is_mine = [e for e in samples if e.family == family], pairs.families == family
        if not any(each.nuclei for each in mine):
            continue
        _, of_others = learn(samples, [each.family != family for each in samples])
        figures = [f1(mine, None, share), f1(mine, of_others, share)]
        learn(samples, [True] * len(samples))
        figures.append(f1(mine, weights[1], share))
        if is_mine.any():
            of_pairs = pairs.where(is_mine)
            unions = right(of_pairs, fit(pairs.where(~is_mine))), right(of_pairs, union)
        else:
            unions = np.nan, np.nan
        print(f"{family:26}" + "".join(f"{each:8.4f}" for each in (*unions, *figures)), flush=True)
    if options.write:
        write(
            options.write, BY_ITSELF=weights[0], BESIDE_OTHERS=weights[1], COMMON=share, UNION=union
        )


if __name__ == "__main__":
    main()
