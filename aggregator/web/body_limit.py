"""Refuse requests with a large body, however it is sent."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aggregator.model.config import Site
from aggregator.web import responses

MAX_BODY_BYTES = 64 * 1024
"""Maximum size of the body of a request; forms are far smaller."""


class BodyLimit:
    """Pass requests on to `app` until their body is larger than `MAX_BODY_BYTES`.

    `exceptions` has the limits of paths that begin with its keys.
    """

    def __init__(self, app: ASGIApp, site: Site, exceptions: Mapping[str, int] | None = None) -> None:
        self.app, self.site, self.exceptions = app, site, exceptions or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a request; 413 to one that states a large body."""
        limit = self._max_bytes(scope)
        if scope["type"] == "http" and _stated_bytes(scope) > limit:
            await responses.error_response(Request(scope), self.site, 413)(scope, receive, send)
            return
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413)
            return message

        await self.app(scope, limited, send)

    def _max_bytes(self, scope: Scope) -> int:
        path = scope.get("path", "")
        return next(
            (size for start, size in self.exceptions.items() if path.startswith(start)), MAX_BODY_BYTES
        )


def _stated_bytes(scope: Scope) -> int:
    """Return the length that a request states; h11 refuses one that is not a number."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)
