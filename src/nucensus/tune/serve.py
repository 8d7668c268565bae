"""Serve the tuner's page, and answer what it asks."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import NucensusError, ReadError
from ..values.settings_file import settings_from_toml
from .server import HEADERS, explain, page_routes, serve_app
from .session import Session

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

_PAGE = Path(__file__).parent / "page"
"""All that is in it is served, and nothing else."""
_CANNOT_BE_READ = 415
"""Tells the page not to ask for the image again, whatever the settings."""


def serve(session: Session, *, port: int, on_ready: Callable[[str], None]) -> None:
    """Serve the page until interrupted; `on_ready` is called with its address.

    Parameters
    ----------
    session : Session
    port : int
        0 takes a free one.
    on_ready : callable
    """
    serve_app(
        lambda token: make_app(session, token),
        command="tune", port=port, on_ready=on_ready,
    )  # fmt: skip


def make_app(session: Session, token: str) -> "ASGIApp":
    """Return the application: the page, and what it asks for."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Mount, Route

    # Not async: Starlette runs these in threads, and the kernel lets them run side by side.
    def describe(request: "Request") -> "Response":  # noqa: ARG001
        return JSONResponse(session.describe(), headers=HEADERS)

    def begin(request: "Request") -> "Response":
        return JSONResponse(session.start(request.path_params["detector"]), headers=HEADERS)

    def picture(request: "Request") -> "Response":
        drawn = session.picture(request.path_params["index"])
        height, width = drawn.levels.shape
        facts = {"height": height, "width": width, "low": drawn.low, "step": drawn.step,
                 "shrink": drawn.shrink, "pixel_um": drawn.pixel_um}  # fmt: skip
        return Response(drawn.levels.tobytes(), headers=HEADERS | {"X-Picture": json.dumps(facts)})

    def nuclei(request: "Request") -> "Response":
        asked = request.path_params["index"], _settings(request)
        found, ring_px = session.nuclei(*asked), session.ring_radius(*asked)
        return Response(found.tobytes(), headers=HEADERS | {"X-Ring-Radius": str(ring_px)})

    def outlines(request: "Request") -> "Response":
        found = session.outlines(request.path_params["index"], _settings(request))
        return Response(found.tobytes(), headers=HEADERS)

    def spell(request: "Request") -> "Response":
        return JSONResponse(session.spell(_settings(request)), headers=HEADERS)

    def choices(request: "Request") -> "Response":  # noqa: ARG001
        return JSONResponse(session.choices(), headers=HEADERS)

    async def choose(request: "Request") -> "Response":
        await run_in_threadpool(session.choose, await request.json())
        return Response(status_code=204, headers=HEADERS)

    async def keep(request: "Request") -> "Response":
        points = await request.json()
        if session.marks is not None:
            await run_in_threadpool(session.marks.keep, request.path_params["index"], points)
        return Response(status_code=204, headers=HEADERS)

    routes = [
        *page_routes(_PAGE),
        Route("/describe", describe),
        Route("/start/{detector}", begin),
        Route("/picture/{index:int}", picture),
        Route("/nuclei/{index:int}", nuclei),
        Route("/outlines/{index:int}", outlines),
        Route("/spell", spell),
        Route("/choices", choices),
        Route("/choose", choose, methods=["POST"]),
        Route("/keep/{index:int}", keep, methods=["POST"]),
    ]
    handlers: dict[Any, Any] = dict.fromkeys(
        (NucensusError, LookupError, TypeError, ValueError), explain
    )
    handlers[ReadError] = partial(explain, status=_CANNOT_BE_READ)
    return Starlette(routes=[Mount(f"/{token}", routes=routes)], exception_handlers=handlers)


def _settings(request: "Request") -> Any:
    return settings_from_toml(json.loads(request.query_params["settings"]))
