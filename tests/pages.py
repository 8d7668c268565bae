"""Pages in a browser that fail the test on any console error or any request elsewhere."""

import contextlib
import os
from pathlib import Path

import pytest

SIZES = {"desk": {"width": 1280, "height": 860}, "phone": {"width": 400, "height": 800}}


@contextlib.contextmanager
def opened(browser, address, *, origin, size="desk", scheme="light", offline=False):
    """Open `address`; at the end nothing must have gone wrong or been fetched from elsewhere."""
    context = browser.new_context(viewport=SIZES[size], color_scheme=scheme, offline=offline)
    page = context.new_page()
    troubles, requests = [], []
    page.on("console", lambda m: troubles.append(m.text) if m.type in ("error", "warning") else 0)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(address)
    yield page
    context.close()
    assert troubles == [], troubles
    assert [url for url in requests if not url.startswith((origin, "data:", "blob:"))] == []


def wait_until(page, expression):
    """Wait until `expression` holds (Playwright's own way is what the page's policy forbids)."""
    for _ in range(5000):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(20)
    raise AssertionError(f"100 s passed and this does not hold: {expression}")


def assert_fits(page):
    """Fail if the page is wider than the window."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def serious_faults(page):
    """Return what axe-core finds of serious and critical faults of accessibility."""
    page.evaluate(_axe().read_text("utf-8"))
    found = page.evaluate("axe.run().then((result) => result.violations)")
    return [
        (fault["id"], node["html"])
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


def _axe():
    root = Path(__file__).resolve().parents[1]
    path = Path(os.environ.get("NUCENSUS_AXE", root / "node_modules/axe-core/axe.min.js"))
    if not path.is_file():
        pytest.skip("axe-core is not there (npm install axe-core, or its path in NUCENSUS_AXE)")
    return path
