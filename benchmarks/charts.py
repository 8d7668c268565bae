"""Draw the charts of docs/speed.md from saved measurements. It measures nothing.

python benchmarks/charts.py [--measurements docs/measurements] [--out docs/pictures]
"""

import argparse
import json
import statistics
from pathlib import Path

from matplotlib.figure import Figure

DOCS = Path(__file__).resolve().parents[1] / "docs"
NAMES = {"exact path": "exact everywhere", "opencv": "OpenCV"}
COLOURS = {
    "baseline": "#9ecae1",
    "avx2": "#4292c6",
    "avx512": "#08519c",
    "neon": "#9ecae1",
    "exact path": "#bdbdbd",
    "opencv": "#e6550d",
}


def times_faster(cases, name):
    """Return how many times as fast as scikit-image a competitor is over some cases."""

    def total(who):
        return sum(statistics.median(case["seconds"][who]) for case in cases)

    return total("scikit-image") / total(name)


def bars(axes, labels, cases_of_label, competitors):
    """Draw a group of bars for each label, one bar for each competitor."""
    height = 0.8 / len(competitors)
    for place, name in enumerate(competitors):
        values = [times_faster(cases, name) for cases in cases_of_label]
        at = [row + (place + 0.5) * height - 0.4 for row in range(len(labels))]
        drawn = axes.barh(
            at, values, height * 0.9, label=NAMES.get(name, name), color=COLOURS[name]
        )
        axes.bar_label(drawn, [f"{value:.0f}" for value in values], padding=2, fontsize=7)
    axes.set_yticks(range(len(labels)), labels)
    axes.margins(x=0.1, y=0.01)
    axes.invert_yaxis()
    axes.set_xlabel("times as fast as scikit-image, one thread")
    axes.spines[["top", "right"]].set_visible(False)
    axes.figure.legend(frameon=False, fontsize=8, loc="outside upper center", ncols=4)


def draw_plate(document):
    """Draw the published settings: every level, OpenCV, and exact arithmetic everywhere."""
    groups = sorted({case["group"] for case in document["cases"] if "plate" in case["group"]})
    cases = [[case for case in document["cases"] if case["group"] == group] for group in groups]
    competitors = [name for name in cases[0][0]["seconds"] if name != "scikit-image"]
    figure = Figure(figsize=(7, 1 + 0.35 * len(competitors) * len(groups)), layout="constrained")
    labels = [group.removeprefix("plate, ") for group in groups]
    labels.sort(key=lambda label: float(label.split()[-1]))
    cases.sort(key=lambda group: group[0]["threshold"])
    bars(figure.subplots(), labels, cases, competitors)
    return figure


def draw_kinds(document):
    """Draw one image varied along each axis, at the best level."""
    level = document["machine"]["level"]
    cases = [case for case in document["cases"] if "plate" not in case["group"]]
    figure = Figure(figsize=(7, 1 + 0.36 * len(cases)), layout="constrained")
    labels = [
        case["name"] if case["group"] in case["name"] else f"{case['group']}: {case['name']}"
        for case in cases
    ]
    competitors = [name for name in (level, "opencv") if name in cases[0]["seconds"]]
    bars(figure.subplots(), labels, [[case] for case in cases], competitors)
    return figure


def draw_threads(document):
    """Draw images a second against threads."""
    figure = Figure(figsize=(5, 3), layout="constrained")
    axes = figure.subplots()
    shown = {"one_by_one": "one image a call", "all_at_once": "all images in one call"}
    for name, label in shown.items():
        samples = document["seconds"][name]
        threads = [int(count) for count in samples]
        speed = [document["images"] / statistics.median(taken) for taken in samples.values()]
        axes.plot(threads, speed, "o-", label=label)
    axes.set_xticks(threads)
    axes.set_xlabel("threads")
    axes.set_ylabel("images a second")
    axes.set_ylim(0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    return figure


def draw_runs(document):
    """Draw how whole runs compare with the published program: time and memory."""
    figure = Figure(figsize=(7, 2), layout="constrained")
    axes = figure.subplots()
    names = list(document["results"])
    for place, (key, label, colour) in enumerate(
        (
            ("times_faster", "times as fast", "#4292c6"),
            ("times_less_memory", "times less memory", "#74c476"),
        )
    ):
        values = [document["results"][name][key] for name in names]
        at = [row + 0.4 * place - 0.2 for row in range(len(names))]
        drawn = axes.barh(at, values, 0.36, label=label, color=colour)
        axes.bar_label(drawn, [f"{value:.1f}" for value in values], padding=2, fontsize=8)
    axes.set_yticks(range(len(names)), ["not compressed" if n == "none" else n for n in names])
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set_xlabel("nucensus detect against article.py pool-fork, process start to end")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, fontsize=8, loc="outside upper center", ncols=2)
    return figure


CHARTS = {
    "speed-plate": ("kernel", draw_plate),
    "speed-kinds": ("kernel", draw_kinds),
    "speed-threads": ("threads", draw_threads),
    "speed-runs": ("runs", draw_runs),
}


def main():
    """Draw every chart whose measurements are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measurements", type=Path, default=DOCS / "measurements")
    parser.add_argument("--out", type=Path, default=DOCS / "pictures")
    args = parser.parse_args()
    for name, (source, draw) in CHARTS.items():
        saved = args.measurements / f"{source}.json"
        if not saved.exists():
            print(f"{saved} is not there: {name} was not drawn")
            continue
        figure = draw(json.loads(saved.read_text()))
        figure.savefig(args.out / f"{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
