"""Slow proofs and other Python versions: `uv run nox`, or `uv run nox -s NAME`."""

import nox

nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["suite", "doctests"]


@nox.session(python=["3.11", "3.12", "3.13"])
def suite(session: nox.Session) -> None:
    """Run the whole suite, the slow proofs too."""
    session.run_install("uv", "sync", "--active", "--group", "formats", external=True)
    session.run("pytest", *session.posargs)


@nox.session
def doctests(session: nox.Session) -> None:
    """Run the examples in the docstrings."""
    session.run_install("uv", "sync", "--active", external=True)
    session.run("pytest", "--doctest-modules", "--pyargs", "nucensus", *session.posargs)


@nox.session
def public_images(session: nox.Session) -> None:
    """Read real images that packages of others carry; downloads them."""
    session.run_install("uv", "sync", "--active", "--group", "formats", external=True)
    session.install("pip")
    folder = session.create_tmp()
    fetch = ("python", "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder)
    for package in ("stardist==0.9.2", "mahotas==1.4.19"):
        session.run(*fetch, "--only-binary", ":all:", package)
    old = ("--only-binary", ":all:", "--python-version", "3.9")
    session.run(*fetch, *old, "cellprofiler==4.2.8.1")
    session.run(*fetch, "--no-binary", ":all:", "pe2loaddata==0.2.0")
    session.env["NUCENSUS_PUBLIC_IMAGES"] = folder
    session.run("pytest", "-q", "tests/test_public_images.py", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into site/, without the network."""
    session.run_install("uv", "sync", "--active", "--group", "docs", external=True)
    session.run("zensical", "build", "--clean", *session.posargs)
