"""Show a comparison as HTML: in a notebook, and as a page of its own."""

import html

from ...text.page import begin_page
from ...text.plurals import pluralize
from .chart import LOADING, OTHER, WARM_UP, WORK
from .code import code
from .compared import Compared
from .curves import curves_svg
from .findings import Timing
from .recommend import recommend
from .table import HEADER, not_run, rows

_STYLE = f"""
.worth {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60rem }}
.worth h3 {{ margin: 1.4rem 0 .3rem; font-size: 1.05rem }}
.worth .said {{ font-size: 1.1rem; font-weight: 600; margin: .4rem 0 }}
.worth ul {{ padding-left: 1.2rem; margin: .4rem 0 }}
.worth .key span {{ margin-right: 1rem; white-space: nowrap; font-size: .9rem }}
.worth .key i {{ display: inline-block; width: .8em; height: .8em; margin-right: .35em }}
.worth .bars {{ display: grid; grid-template-columns: max-content 1fr; gap: .3rem .7rem;
  align-items: center; margin: .5rem 0 }}
.worth .bar {{ position: relative; height: 1.25rem; display: flex; margin-right: 4.2rem }}
.worth .bar b {{ height: 100% }}
.worth .bar u {{ position: absolute; top: 50%; height: 0; border-top: 1.5px solid currentColor }}
.worth .bar u::before, .worth .bar u::after {{ content: ""; position: absolute; top: -.3rem;
  height: .55rem; border-left: 1.5px solid currentColor }}
.worth .bar u::before {{ left: 0 }} .worth .bar u::after {{ right: 0 }}
.worth .bar em {{ position: absolute; font-style: normal; font-size: .88rem; padding-left: .5rem;
  white-space: nowrap; line-height: 1.25rem; font-variant-numeric: tabular-nums }}
.worth .load {{ background: {LOADING} }} .worth .warm {{ background: {WARM_UP} }}
.worth .work {{ background: {WORK} }} .worth .work.second {{ background: {OTHER} }}
.worth .wide {{ overflow-x: auto; margin-top: .8rem }}
.worth table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .88rem }}
.worth td, .worth th {{ padding: .2rem .45rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid #8884; background: none }}
.worth th {{ white-space: normal; vertical-align: bottom; line-height: 1.2 }}
.worth td:first-child, .worth th:first-child {{ text-align: left }}
.worth pre {{ overflow-x: auto; padding: .7rem; border: 1px solid #8884; border-radius: 6px;
  font-size: .85rem; background: none; color: inherit }}
.worth svg {{ width: 100%; max-width: 33rem; height: auto; display: block }}
.worth svg text {{ fill: currentColor; font: 11px system-ui, sans-serif }}
@media (max-width: 32rem) {{
  .worth .bars {{ grid-template-columns: 1fr; gap: 0 }}
  .worth .bars .name {{ font-size: .9rem; margin-top: .35rem }}
  .worth svg text {{ font-size: 13px }}
}}
"""


def fragment(comparison: Compared) -> str:
    """Return the comparison as a part of a page, which fits light and dark ones."""
    lead, *others = (html.escape(each) for each in recommend(comparison))
    more = "".join(f"<li>{each}</li>" for each in others)
    parts = [f"<style>{_STYLE}</style>", '<div class="worth">']
    parts += [f'<p class="said">{lead}</p>', f"<ul>{more}</ul>"]
    for index, function in enumerate(comparison.profiles):
        parts += _function(comparison, function, second=bool(index))
    parts += _refused(comparison)
    best = html.escape(comparison.best.function)
    if comparison.predictions(comparison.best.function):
        parts += [
            f"<h3>Predicted for other numbers of cores: {best}</h3>",
            curves_svg(comparison),
            f'<p class="key">dots: measured on {pluralize(comparison.workers, "core")}; bands: '
            "where it should lie</p>",
        ]
    parts += ["<h3>To paste</h3>", f"<pre>{html.escape(code(comparison))}</pre>", "</div>"]
    return "\n".join(parts)


def _function(comparison: Compared, function: str, *, second: bool) -> list[str]:
    shown = [e for e in comparison.timings if e.function == function and not e.failure]
    images = pluralize(comparison.images, "image")
    workers = pluralize(comparison.workers, "worker")
    longest = max((each.interval_s[1] for each in comparison.timings if each.samples_s), default=1)
    header = "".join(f"<th>{html.escape(name)}</th>" for name in HEADER)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>\n"
        for row in rows(comparison, function)
    )
    return [
        f"<h3>{html.escape(function)} over {images}, {workers}</h3>",
        '<p class="key"><span><i class="load"></i>loading first</span>'
        '<span><i class="warm"></i>warm-up: import, compilation, weights</span>'
        f'<span><i class="work{" second" if second else ""}"></i>working</span>'
        "<span>line: least to most of the passes</span></p>",
        '<div class="bars">', *(_bar(each, longest, second=second) for each in shown), "</div>",
        f'<div class="wide"><table><thead><tr>{header}</tr></thead>',
        f"<tbody>{body}</tbody></table></div>",
    ]  # fmt: skip


def _bar(each: Timing, longest: float, *, second: bool) -> str:
    def percent(seconds: float) -> str:
        return f"{100 * seconds / longest:.2f}%"

    low, high = each.interval_s if len(each.samples_s) > 1 else (each.total_s, each.total_s)
    spread = f'<u style="left:{percent(low)};width:{percent(high - low)}"></u>'
    work = "work second" if second else "work"
    parts = ((each.load_s, "load"), (each.warm_up_s, "warm"), (each.work_s, work))
    return (
        f'<div class="name">{html.escape(each.name)}</div><div class="bar">'
        + "".join(f'<b class="{kind}" style="width:{percent(s)}"></b>' for s, kind in parts)
        + spread * (low < high)
        + f'<em style="left:{percent(max(high, each.total_s))}">{each.total_s:#.3g} s</em></div>'
    )


def _refused(comparison: Compared) -> list[str]:
    found = not_run(comparison)
    if not found:
        return []
    items = "".join(
        f"<li><b>{html.escape(name)}</b>: {html.escape(reason)}</li>" for name, reason in found
    )
    return [f"<h3>Not possible here</h3><ul>{items}</ul>"]


def page(comparison: Compared) -> str:
    """Return the comparison as a page of its own, with all it shows inside."""
    machine = comparison.machine
    title = f"Is it worth it? {', '.join(comparison.profiles)}"
    facts = f"{machine['processor']}, {machine['system']}, {machine['python']}"
    return f"""{begin_page(title, "")}<body>
<h1>{html.escape(title)}</h1>
{fragment(comparison)}
<h3>Measured on</h3>
<p>{html.escape(facts)}</p>
</body>
</html>
"""
