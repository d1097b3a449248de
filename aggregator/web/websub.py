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
from aggregator.polling.websub_callbacks import Known
from aggregator.ports import App
from aggregator.web import responses
from aggregator.web.client_network import NetworkLimit

PATH = f"/{CALLBACK_PATH}"
MAX_BODIES = 4
"""Maximum number of pushes received at the same time, since each is held in memory."""
MAX_REQUESTS = 120
"""Maximum number of requests to one callback in an hour."""
TEXT_TYPE = "text/plain; charset=utf-8"
STATUS = {Known.YES: 202, Known.ENDED: 410, Known.NO: 404}
"""Responses to pushes; the last two let the hub end the subscription (WebSub section 7)."""

logger = logging.getLogger("aggregator.web.websub")


@dataclass(slots=True)
class Callbacks:
    """The callbacks of subscriptions; `app` returns the program with the present feeds.yaml.

    Without `web.url` they respond as to any unknown path. `pushed` is called after each push.
    """

    app: Callable[[], App]
    pushed: Callable[[], None] = lambda: None
    limit: NetworkLimit = field(default_factory=lambda: NetworkLimit(maximum=MAX_REQUESTS))
    receiving: int = 0

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
        """Return the status of a request that is not to be considered, before its body is read."""
        if self.app().config.web.url is None:
            return 404
        found = await run_in_threadpool(websub_callbacks.known, self.app(), _token(request))
        if found is Known.NO or (found is Known.ENDED and request.method == "POST"):
            return STATUS[found]
        if not self.limit.allows(_token(request)):
            return 429
        return 503 if request.method == "POST" and self.receiving >= MAX_BODIES else None

    async def _verification(self, request: Request) -> Response:
        """Echo the challenge of a request that was made; 404 for every other one."""
        pairs = request.query_params.multi_items()
        query = dict(pairs)
        if len(query) < len(pairs):  # a name twice has two meanings
            return await self._error(request, 404)
        challenge = await run_in_threadpool(websub_callbacks.verify, self.app(), _token(request), query)
        if challenge is None:
            return await self._error(request, 404)
        return responses.private(challenge.encode(), TEXT_TYPE)

    async def _push(self, request: Request) -> Response:
        """Receive a push within limits on size and time; the sender learns of no other fault."""
        body = bytearray()
        self.receiving += 1
        try:
            if not await self._read(request, body.extend):
                return await self._error(request, 408)
            found = await run_in_threadpool(
                websub_callbacks.receive,
                self.app(),
                _token(request),
                request.headers.get("x-hub-signature"),
                request.headers.get("content-type", "")[:200],
                bytes(body),
            )
        finally:
            self.receiving -= 1
        self.pushed()
        return responses.private(b"", TEXT_TYPE, STATUS[found])

    async def _read(self, request: Request, keep: Callable[[bytes], object]) -> bool:
        """Read the body, which `BodyLimit` bounds; return False if it is not complete in time."""
        try:
            async with asyncio.timeout(self.app().config.fetch.timeout.total_seconds()):
                async for chunk in request.stream():
                    keep(chunk)
        except (TimeoutError, ClientDisconnect):
            return False
        return True

    async def _error(self, request: Request, status: int) -> Response:
        """Return the page of an error, after the rest of the body.

        Hubs and proxies read no response before they have sent all of it.
        """
        more = {"Retry-After": "3600"} if status == 429 else {}
        if request.method == "POST":
            more["Connection"] = "close"
            if status != 408:
                await self._read(request, len)
        return responses.error(request, self.app().config.site, status, more=more)


def _token(request: Request) -> str:
    return str(request.path_params["token"])
