"""Serve a page to the browser of this machine, and to nobody else.

The server listens on 127.0.0.1, and every address begins with a random token.
A page of another site can neither guess the token nor pass as this one: a
request whose Host or Origin is not this server's is refused.
"""

import contextlib
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, MissingPackageError
from ..text.page import STYLE

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route
    from starlette.types import ASGIApp, Receive, Scope, Send

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def serve_app(
    make_app: Callable[[str], "ASGIApp"],
    *,
    command: str,
    port: int,
    on_ready: Callable[[str], None],
) -> None:
    """Serve an application until Ctrl-C, which is its usual end.

    Parameters
    ----------
    make_app : callable
        `make_app(token) -> application`, whose addresses all begin with the token.
    command : str
        What the user typed behind nucensus; the extra that brings it has the same name.
    port : int
        0 takes a free one.
    on_ready : callable
        Called with the address of the page.

    Raises
    ------
    MissingPackageError
        Starlette and Uvicorn are not installed.
    InputError
        The port cannot be used.
    """
    try:
        import starlette  # noqa: F401 asked for here, so that one message covers both
        import uvicorn
    except ImportError as error:
        raise MissingPackageError(
            "starlette and uvicorn", f"nucensus {command}", command
        ) from error
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
        app = Guard(make_app(token), address, token, command)
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
        with contextlib.suppress(KeyboardInterrupt):
            on_ready(f"http://{address}/{token}/")
            uvicorn.Server(config).run(sockets=[listener])


class Guard:
    """Pass on what comes from the page itself; refuse everything else."""

    def __init__(self, app: "ASGIApp", address: str, token: str, command: str) -> None:
        self._app, self._token, self._command = app, token, command
        self._hosts = {address, address.replace("127.0.0.1", "localhost")}

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer one request."""
        from starlette.datastructures import Headers
        from starlette.responses import PlainTextResponse

        reason = self._refusal(scope["path"], Headers(scope=scope))
        answer = PlainTextResponse(reason, 403, HEADERS) if reason else self._app
        await answer(scope, receive, send)

    def _refusal(self, path: str, headers: Any) -> str | None:
        """Return why the request is refused, or None."""
        if headers.get("host") not in self._hosts:
            return "This address is not served here."
        origin = headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in self._hosts:
            return "Pages of other sites are not served."
        if not secrets.compare_digest(path.split("/")[1].encode(), self._token.encode()):
            printed = f"the address that nucensus {self._command} printed"
            return f"The token is missing or wrong: open {printed}."
        return None


def page_routes(folder: Path, headers: dict[str, str] = HEADERS) -> list["Route"]:
    """Return a route to each file in `folder`, and to the style; index.html is at the root."""
    return [_file(each, headers) for each in (*folder.iterdir(), STYLE)]


def _file(path: Path, headers: dict[str, str]) -> "Route":
    from starlette.responses import FileResponse
    from starlette.routing import Route

    async def answer(request: "Request") -> "Response":  # noqa: ARG001 Starlette's signature
        return FileResponse(path, headers=headers)

    return Route("/" if path.name == "index.html" else f"/{path.name}", answer)


def explain(
    request: "Request",  # noqa: ARG001 Starlette's signature
    error: Exception,
    status: int = 422,
) -> "Response":
    """Answer with what an error says, for the page to show."""
    from starlette.responses import PlainTextResponse

    return PlainTextResponse(str(error), status, HEADERS)
