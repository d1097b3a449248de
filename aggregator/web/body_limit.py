"""Refuse requests with a large body, however it is sent."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aggregator.model.config import Site
from aggregator.web import responses

MAX_BODY_BYTES = 64 * 1024
"""Maximum size of the body of a request; forms are far smaller."""


class BodyLimit:
    """Pass requests on to `app` until their body is larger than `MAX_BODY_BYTES`."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self.app, self.site = app, site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a request; 413 to one that states a large body."""
        if scope["type"] == "http" and _stated_bytes(scope) > MAX_BODY_BYTES:
            await responses.error(Request(scope), self.site, 413)(scope, receive, send)
            return
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES:
                raise HTTPException(413)
            return message

        await self.app(scope, limited, send)


def _stated_bytes(scope: Scope) -> int:
    """Return the length that a request states; h11 refuses one that is not a number."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)
