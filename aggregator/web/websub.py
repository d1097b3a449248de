"""Respond to WebSub hubs at callbacks: verification, denial, push (WS3 to WS6)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from aggregator.errors import AggregatorError
from aggregator.model.websub import CALLBACK_PATH
from aggregator.polling import websub_callbacks
from aggregator.polling.websub_callbacks import CallbackState
from aggregator.ports import App
from aggregator.web import responses
from aggregator.web.request_limit import RequestLimit

PATH = f"/{CALLBACK_PATH}"
MAX_BODIES = 4
"""Maximum number of pushes received at the same time, since each is held in memory."""
MAX_REQUESTS = 120
"""Maximum number of requests to one callback in an hour."""
TEXT_TYPE = "text/plain; charset=utf-8"
STATUS = {CallbackState.ACTIVE: 202, CallbackState.ENDED: 410, CallbackState.UNKNOWN: 404}
"""Status codes of responses to pushes.

After 404 and 410 a hub may end the subscription (WebSub section 7).
"""

logger = logging.getLogger("aggregator.web.websub")


@dataclass(slots=True)
class Callbacks:
    """The callbacks of subscriptions; `app` returns the program with the current feeds.yaml.

    Without `web.url` they respond as unknown paths do. `on_push` is called after each push. `bodies_in_memory` is the
    number of pushes that are being received.
    """

    app: Callable[[], App]
    on_push: Callable[[], None] = lambda: None
    limit: RequestLimit = field(default_factory=lambda: RequestLimit(maximum=MAX_REQUESTS))
    bodies_in_memory: int = 0

    def routes(self) -> list[Route]:
        """Return the route of all callbacks."""
        return [Route(PATH + "{token}", self.respond, methods=["GET", "POST"])]

    async def respond(self, request: Request) -> Response:
        """Respond to a request; 503 without the database, so that the hub tries again."""
        respond = self._push if request.method == "POST" else self._verification
        try:
            refusal = await self._refusal(request)
            return await (self._error(request, refusal) if refusal else respond(request))
        except AggregatorError as error:
            logger.error("%s", error)
            return await self._error(request, 503)

    async def _refusal(self, request: Request) -> int | None:
        """Return the status code of a refusal, decided before the body is read; None to continue."""
        if self.app().config.web.url is None:
            return 404
        state = await run_in_threadpool(websub_callbacks.state, self.app(), _token(request))
        if state is CallbackState.UNKNOWN or (state is CallbackState.ENDED and request.method == "POST"):
            return STATUS[state]
        if not self.limit.allows(_token(request)):
            return 429
        return 503 if request.method == "POST" and self.bodies_in_memory >= MAX_BODIES else None

    async def _verification(self, request: Request) -> Response:
        """Echo the challenge for a request that was sent to the hub; otherwise respond 404."""
        pairs = request.query_params.multi_items()
        query = dict(pairs)
        if len(query) < len(pairs):  # a repeated parameter is ambiguous
            return await self._error(request, 404)
        challenge = await run_in_threadpool(websub_callbacks.verify, self.app(), _token(request), query)
        if challenge is None:
            return await self._error(request, 404)
        return responses.private_document(challenge.encode(), TEXT_TYPE)

    async def _push(self, request: Request) -> Response:
        """Receive a push within limits on size and time; no other error is reported to its sender."""
        body = bytearray()
        self.bodies_in_memory += 1
        try:
            if not await self._read_body(request, body.extend):
                return await self._error(request, 408)
            state = await run_in_threadpool(
                websub_callbacks.receive,
                self.app(),
                _token(request),
                request.headers.get("x-hub-signature"),
                request.headers.get("content-type", "")[:200],
                bytes(body),
            )
        finally:
            self.bodies_in_memory -= 1
        self.on_push()
        return responses.private_document(b"", TEXT_TYPE, STATUS[state])

    async def _read_body(self, request: Request, consume: Callable[[bytes], object]) -> bool:
        """Read the body, which `BodyLimit` limits; return False if it is not complete in time."""
        try:
            async with asyncio.timeout(self.app().config.fetch.timeout.total_seconds()):
                async for chunk in request.stream():
                    consume(chunk)
        except (TimeoutError, ClientDisconnect):
            return False
        return True

    async def _error(self, request: Request, status: int) -> Response:
        """Return the page of an error, after the rest of the body.

        Hubs and proxies read no response before they have sent all of it.
        """
        headers = {"Retry-After": "3600"} if status == 429 else {}
        if request.method == "POST":
            headers["Connection"] = "close"
            if status != 408:
                await self._read_body(request, len)
        return responses.error_response(request, self.app().config.site, status, more=headers)


def _token(request: Request) -> str:
    return str(request.path_params["token"])
