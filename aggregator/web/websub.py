"""Respond to WebSub hubs at the callbacks of subscriptions: verification, denial, push (WS3 to WS6)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
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
"""Maximum number of pushes received at the same time: each is held in memory until it is complete."""
MAX_REQUESTS = 120
"""Maximum number of requests to one callback in an hour."""
TEXT_TYPE = "text/plain; charset=utf-8"
STATUS = {Known.YES: 202, Known.ENDED: 410, Known.NO: 404}
"""Responses to pushes; the last two let the hub end the subscription (WebSub section 7)."""

logger = logging.getLogger("aggregator.web.websub")


@dataclass(slots=True)
class Callbacks:
    """The callbacks of subscriptions; `app` returns the program with the present feeds.yaml.

    Without `web.url` they respond as to any unknown path.
    """

    app: Callable[[], App]
    limit: NetworkLimit = field(default_factory=lambda: NetworkLimit(maximum=MAX_REQUESTS))
    receiving: int = 0

    def routes(self) -> list[Route]:
        """Return the route of all callbacks."""
        return [Route(PATH + "{token}", self.respond, methods=["GET", "POST"])]

    async def respond(self, request: Request) -> Response:
        """Respond to one request; 503 where the database cannot be used, so that the hub tries again."""
        app = self.app()
        respond = self._push if request.method == "POST" else self._verification
        if app.config.web.url is None:
            return self._error(request, 404)
        try:
            return await self._known_only(request, respond)
        except AggregatorError as error:
            logger.error("%s", error)
            return self._error(request, 503)

    async def _known_only(
        self, request: Request, respond: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """Respond by `respond` where the token is known, before anything else is read or counted."""
        found = await run_in_threadpool(websub_callbacks.known, self.app(), _token(request))
        if found is Known.NO or (found is Known.ENDED and request.method == "POST"):
            return self._error(request, STATUS[found])
        if not self.limit.allows(_token(request)):
            return self._error(request, 429)
        return await respond(request)

    async def _verification(self, request: Request) -> Response:
        """Echo the challenge of a request that was made; 404 for every other one."""
        pairs = request.query_params.multi_items()
        query = dict(pairs)
        if len(query) < len(pairs):  # a name twice has two meanings
            return self._error(request, 404)
        challenge = await run_in_threadpool(websub_callbacks.verify, self.app(), _token(request), query)
        if challenge is None:
            return self._error(request, 404)
        return responses.private(challenge.encode(), TEXT_TYPE)

    async def _push(self, request: Request) -> Response:
        """Receive a push within limits on size and time; what is wrong with it is not reported to the sender."""
        if self.receiving >= MAX_BODIES:
            return self._error(request, 503)
        self.receiving += 1
        try:
            async with asyncio.timeout(self.app().config.fetch.timeout.total_seconds()):
                body = await _body(request)
            found = await run_in_threadpool(
                websub_callbacks.receive,
                self.app(),
                _token(request),
                request.headers.get("x-hub-signature"),
                request.headers.get("content-type", "")[:200],
                body,
            )
        except TimeoutError:
            return self._error(request, 408)
        except ClientDisconnect:
            return self._error(request, 400)
        finally:
            self.receiving -= 1
        return responses.private(b"", TEXT_TYPE, STATUS[found])

    def _error(self, request: Request, status: int) -> Response:
        more = {"Connection": "close"} if request.method == "POST" else {}
        if status == 429:
            more["Retry-After"] = "3600"
        return responses.error(request, self.app().config.site, status, more=more)


def _token(request: Request) -> str:
    return str(request.path_params["token"])


async def _body(request: Request) -> bytes:
    """Return the body; `BodyLimit` has a limit on its size."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
    return bytes(body)
