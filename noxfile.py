"""Slow proofs and other Python versions: `uv run nox`, or `uv run nox -s NAME`."""

import nox

nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["suite", "doctests"]


@nox.session(python=["3.11", "3.12", "3.13"])
def suite(session: nox.Session) -> None:
    """Run the whole suite, the slow proofs too."""
    session.run_install("uv", "sync", "--active", external=True)
    session.run("pytest", *session.posargs)


@nox.session
def doctests(session: nox.Session) -> None:
    """Run the examples in the docstrings."""
    session.run_install("uv", "sync", "--active", external=True)
    session.run("pytest", "--doctest-modules", "--pyargs", "nucensus", *session.posargs)


@nox.session
def napari(session: nox.Session) -> None:
    """Test the plugin in napari's viewer, on a display that nobody sees."""
    session.run_install("uv", "sync", "--active", "--group", "napari", external=True)
    tests = ["pytest", "-W", "default", "tests/test_viewer.py", *session.posargs]
    session.run("xvfb-run", "-a", *tests, external=True)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into site/, without the network."""
    session.run_install("uv", "sync", "--active", "--group", "docs", external=True)
    session.run("zensical", "build", "--clean", *session.posargs)
