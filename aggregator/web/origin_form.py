"""Accept request targets that are whole URLs, as requests to proxies have them."""

from __future__ import annotations

from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send


class OriginForm:
    """Pass on requests to `app`, with targets in the origin form (RFC 9112 section 3.2.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Replace a whole URL by its path; uvicorn has split off the query."""
        target: bytes = scope.get("raw_path", b"")
        if target.lower().startswith((b"http://", b"https://")):
            path = b"/" + b"".join(target.split(b"/", 3)[3:])
            scope = {**scope, "raw_path": path, "path": unquote(path.decode("latin-1"))}
        await self.app(scope, receive, send)
