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
    from starlette.routing import Route
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
    from starlette.routing import Mount

    routes = [*page_routes(_PAGE), *_Answers(session).routes()]
    handlers: dict[Any, Any] = dict.fromkeys(
        (NucensusError, LookupError, TypeError, ValueError), explain
    )
    handlers[ReadError] = partial(explain, status=_CANNOT_BE_READ)
    return Starlette(routes=[Mount(f"/{token}", routes=routes)], exception_handlers=handlers)


class _Answers:
    """What a session answers to the page.

    Starlette runs in threads what is not async, and the kernel lets them run side by side.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def routes(self) -> "list[Route]":
        from starlette.routing import Route

        return [
            Route("/describe", lambda _: _json(self._session.describe())),
            Route("/start/{detector}", self._start),
            Route("/picture/{index:int}", self._picture),
            Route("/nuclei/{index:int}", self._nuclei),
            Route("/outlines/{index:int}", self._outlines),
            Route("/spell", lambda request: _json(self._session.spell(_settings(request)))),
            Route("/choices", lambda _: _json(self._session.choices())),
            Route("/choose", self._choose, methods=["POST"]),
            Route("/keep/{index:int}", self._keep, methods=["POST"]),
        ]

    def _start(self, request: "Request") -> "Response":
        return _json(self._session.start(request.path_params["detector"]))

    def _picture(self, request: "Request") -> "Response":
        drawn = self._session.picture(request.path_params["index"])
        height, width = drawn.levels.shape
        facts = {"height": height, "width": width, "low": drawn.low, "step": drawn.step,
                 "shrink": drawn.shrink, "pixel_um": drawn.pixel_um}  # fmt: skip
        return _bytes(drawn.levels.tobytes(), {"X-Picture": json.dumps(facts)})

    def _nuclei(self, request: "Request") -> "Response":
        asked = request.path_params["index"], _settings(request)
        found, ring_px = self._session.nuclei(*asked), self._session.ring_radius(*asked)
        return _bytes(found.tobytes(), {"X-Ring-Radius": str(ring_px)})

    def _outlines(self, request: "Request") -> "Response":
        found = self._session.outlines(request.path_params["index"], _settings(request))
        return _bytes(found.tobytes(), {})

    async def _choose(self, request: "Request") -> "Response":
        from starlette.concurrency import run_in_threadpool

        await run_in_threadpool(self._session.choose, await request.json())
        return _nothing()

    async def _keep(self, request: "Request") -> "Response":
        from starlette.concurrency import run_in_threadpool

        points = await request.json()
        if self._session.marks is not None:
            keep = self._session.marks.keep
            await run_in_threadpool(keep, request.path_params["index"], points)
        return _nothing()


def _json(value: Any) -> "Response":
    from starlette.responses import JSONResponse

    return JSONResponse(value, headers=HEADERS)


def _bytes(content: bytes, headers: dict[str, str]) -> "Response":
    from starlette.responses import Response

    return Response(content, headers=HEADERS | headers)


def _nothing() -> "Response":
    from starlette.responses import Response

    return Response(status_code=204, headers=HEADERS)


def _settings(request: "Request") -> Any:
    return settings_from_toml(json.loads(request.query_params["settings"]))
