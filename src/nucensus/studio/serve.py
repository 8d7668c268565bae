"""Serve the studio's page, the tuner for the images that it shows, and the files of its run."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, NucensusError
from ..tune.serve import make_app as make_tuner
from ..tune.server import HEADERS, explain, page_routes, serve_app
from .folders import describe_folder
from .studio import Studio

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route
    from starlette.types import ASGIApp, Receive, Scope, Send

_PAGE = Path(__file__).parent / "page"
_SHOWS_REPORT = HEADERS | {
    "Content-Security-Policy": HEADERS["Content-Security-Policy"] + "; frame-src 'self'"
}
_REPORT = HEADERS | {
    # The report's own policy, and that only this page frames it.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "img-src data: blob:; frame-ancestors 'self'"
    )
}


def serve(studio: Studio, *, port: int, on_ready: Callable[[str], None]) -> None:
    """Serve the page until interrupted; `on_ready` is called with its address.

    Parameters
    ----------
    studio : Studio
    port : int
        0 takes a free one.
    on_ready : callable

    Raises
    ------
    MissingPackageError
        Starlette and Uvicorn are not installed.
    InputError
        The port cannot be used.
    """
    serve_app(
        lambda token: make_app(studio, token),
        command="studio", port=port, on_ready=on_ready,
    )  # fmt: skip


def make_app(studio: Studio, token: str) -> "ASGIApp":
    """Return the application: the page with what it asks for, and below /tune the tuner."""
    from starlette.applications import Starlette
    from starlette.routing import Mount

    handlers: dict[Any, Any] = dict.fromkeys((NucensusError, LookupError, TypeError, ValueError),
                                             explain)  # fmt: skip
    routes = [*page_routes(_PAGE, _SHOWS_REPORT), *_answers(studio)]
    pages = Starlette(routes=[Mount(f"/{token}", routes=routes)], exception_handlers=handlers)

    tuner_of = lru_cache(maxsize=1)(lambda session: make_tuner(session, f"{token}/tune"))

    async def app(scope: "Scope", receive: "Receive", send: "Send") -> None:
        is_tuner = studio.images is not None and scope["path"].startswith(f"/{token}/tune/")
        await (tuner_of(studio.images) if is_tuner else pages)(scope, receive, send)

    return app


def _answers(studio: Studio) -> "list[Route]":
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import FileResponse, JSONResponse
    from starlette.routing import Route

    def route(path: str, answer: Callable[[dict[str, str]], Any]) -> Route:
        async def respond(request: "Request") -> "Response":
            asked = await request.json()
            if not isinstance(asked, dict):
                raise InputError(f"{asked!r} was sent; expected what the page sends")
            return JSONResponse(await run_in_threadpool(answer, asked), headers=HEADERS)

        return Route(path, respond, methods=["POST"])

    def file(request: "Request") -> "Response":
        path = studio.file(request.path_params["name"])
        if path.suffix == ".html":
            return FileResponse(path, headers=_REPORT)
        return FileResponse(path, headers=HEADERS, filename=path.name)

    return [
        route("/describe", lambda _: studio.describe()),
        route("/folder", lambda asked: describe_folder(asked.get("folder", ""))),
        route("/look", studio.look),
        route("/settings", lambda _: studio.settings()),
        route("/count", studio.count),
        route("/state", lambda _: studio.state()),
        route("/stop", lambda _: studio.stop()),
        Route("/run/{name}", file),
    ]
