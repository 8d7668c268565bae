"""Serve the page to the browser of this machine, and to nobody else.

The server listens on 127.0.0.1, and every address begins with a random token.
A page of another site can neither guess the token nor pass as this one: a
request whose Host or Origin is not this server's is refused.
"""

import json
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, MissingPackageError, NucensusError
from ..values.settings_file import settings_from_toml
from .session import Session

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

_PAGE = Path(__file__).parent / "page"
"""All that is in it is served, and nothing else."""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def serve(session: Session, *, port: int, on_ready: Callable[[str], None]) -> None:
    """Serve the page until interrupted; `on_ready` is called with its address.

    Parameters
    ----------
    session : Session
    port : int
        0 takes a free one.
    on_ready : callable
    """
    try:
        import starlette  # noqa: F401 asked for here, so that one message covers both
        import uvicorn
    except ImportError as error:
        raise MissingPackageError("starlette and uvicorn", "nucensus tune", "tune") from error
    # Named TCP, or asyncio leaves Nagle's algorithm on, and answers wait 40 ms for the browser.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen()
        except OSError as error:
            raise InputError(
                f"port {port} cannot be used ({error.strerror}); expected a free one; "
                f"leave --port out to take any"
            ) from error
        address, token = f"127.0.0.1:{listener.getsockname()[1]}", secrets.token_urlsafe(24)
        app = Guard(make_app(session, token), address, token)
        on_ready(f"http://{address}/{token}/")
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
        uvicorn.Server(config).run(sockets=[listener])


class Guard:
    """Pass on what comes from the page itself; refuse everything else."""

    def __init__(self, app: "ASGIApp", address: str, token: str) -> None:
        self._app, self._token = app, token
        self._hosts = {address, address.replace("127.0.0.1", "localhost")}

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer one request."""
        from starlette.datastructures import Headers
        from starlette.responses import PlainTextResponse

        reason = self._refusal(scope["path"], Headers(scope=scope))
        answer = PlainTextResponse(reason, 403, _HEADERS) if reason else self._app
        await answer(scope, receive, send)

    def _refusal(self, path: str, headers: Any) -> str | None:
        """Return why the request is refused, or None."""
        if headers.get("host") not in self._hosts:
            return "This address is not served here."
        origin = headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in self._hosts:
            return "Pages of other sites are not served."
        if not secrets.compare_digest(path.split("/")[1].encode(), self._token.encode()):
            return "The token is missing or wrong: open the address that nucensus tune printed."
        return None


def make_app(session: Session, token: str) -> "ASGIApp":
    """Return the application: the page, and what it asks for."""
    from starlette.applications import Starlette
    from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
    from starlette.routing import Mount, Route

    def file(name: str) -> Route:
        async def answer(request: "Request") -> "Response":  # noqa: ARG001 Starlette's signature
            return FileResponse(_PAGE / name, headers=_HEADERS)

        return Route("/" if name == "index.html" else f"/{name}", answer)

    # Not async: Starlette runs these in threads, and the kernel lets them run side by side.
    def describe(request: "Request") -> "Response":  # noqa: ARG001
        return JSONResponse(session.describe(), headers=_HEADERS)

    def begin(request: "Request") -> "Response":
        return JSONResponse(session.start(request.path_params["detector"]), headers=_HEADERS)

    def picture(request: "Request") -> "Response":
        drawn = session.picture(request.path_params["index"])
        height, width = drawn.levels.shape
        facts = {"height": height, "width": width, "low": drawn.low, "step": drawn.step,
                 "shrink": drawn.shrink}  # fmt: skip
        return Response(drawn.levels.tobytes(), headers=_HEADERS | {"X-Picture": json.dumps(facts)})

    def nuclei(request: "Request") -> "Response":
        asked = request.path_params["index"], _settings(request)
        found, ring_px = session.nuclei(*asked), session.ring_radius(*asked)
        return Response(found.tobytes(), headers=_HEADERS | {"X-Ring-Radius": str(ring_px)})

    def spell(request: "Request") -> "Response":
        return JSONResponse(session.spell(_settings(request)), headers=_HEADERS)

    def explain(request: "Request", error: Exception) -> "Response":  # noqa: ARG001
        return PlainTextResponse(str(error), 422, _HEADERS)

    routes = [
        *(file(each.name) for each in _PAGE.iterdir()),
        Route("/describe", describe),
        Route("/start/{detector}", begin),
        Route("/picture/{index:int}", picture),
        Route("/nuclei/{index:int}", nuclei),
        Route("/spell", spell),
    ]
    handlers: dict[Any, Any] = dict.fromkeys(
        (NucensusError, LookupError, TypeError, ValueError), explain
    )
    return Starlette(routes=[Mount(f"/{token}", routes=routes)], exception_handlers=handlers)


def _settings(request: "Request") -> Any:
    return settings_from_toml(json.loads(request.query_params["settings"]))
