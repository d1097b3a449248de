"""Build the web app: published files, search, status, metrics, subscriptions, `/healthz`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import ASGIApp, Scope

from aggregator.errors import StoreError
from aggregator.i18n import phrases
from aggregator.model.config import Config, Site
from aggregator.ports import App, Clock
from aggregator.store.read_only import Reader, TooSlow
from aggregator.web import responses, websub
from aggregator.web.body_limit import BodyLimit
from aggregator.web.cross_site import CrossSite
from aggregator.web.editor_pages import EditorPages
from aggregator.web.file_cache import FileCache
from aggregator.web.headers import METHODS
from aggregator.web.queries import Queries
from aggregator.web.search import Search
from aggregator.web.static import StaticFiles
from aggregator.web.status import Status
from aggregator.web.story_pages import StoryPages
from aggregator.web.subscriptions import Subscriptions

logger = logging.getLogger("aggregator.web")
TEXT_TYPE = "text/plain; charset=utf-8"


def build(
    config: Config,
    problems: Callable[[], list[str]],
    *,
    clock: Clock,
    app: Callable[[], App] | None = None,
    pushed: Callable[[], None] = lambda: None,
) -> ASGIApp:
    """Return the ASGI app of a configuration.

    `problems` returns what is wrong now. `app` returns the program with the current feeds.yaml; without it there are
    no pages of subscribers and no callbacks of hubs. `pushed` is called after each push of a hub.
    """

    def healthz(_: Request) -> Response:
        """Respond 200 or 503 without reasons, which name addresses and relays."""
        body, status = (b"not ok", 503) if problems() else (b"ok", 200)
        return responses.private_document(body, TEXT_TYPE, status)

    def preflight(_: Request) -> Response:
        return responses.options_response(any_origin=True)

    queries = Queries(Reader(config.data / "aggregator.db"))
    search, status = Search(config, queries), Status(config, queries, clock)
    static = StaticFiles(
        cache=FileCache(config.public),
        site=config.site,
        hub=config.hub,
        clock=clock,
        stories=StoryPages(queries),
        methods=lambda scope: _methods(routes, scope),
    )
    foreign = [Route(path, preflight, methods=["OPTIONS"]) for path in ("/search.atom", "/status.json")]
    routes: list[BaseRoute] = [
        *foreign,
        Route("/healthz", healthz),
        Route("/search", search.page),
        Route("/search.atom", search.feed),
        Route("/status", status.page),
        Route("/status.json", status.json),
        Route("/metrics", status.metrics),
        *(Subscriptions(app=app, static=static).routes() if app else ()),
        *(websub.Callbacks(app=app, on_push=pushed).routes() if app else ()),
        *(EditorPages(app=app, static=static, queries=queries).routes() if app else ()),
        Mount("/", static),
    ]
    handlers = {
        HTTPException: _http_errors(config.site),
        StoreError: _store_errors(config.site),
        Exception: _bugs(config.site),
    }
    web = Starlette(routes=routes, exception_handlers=handlers)  # type: ignore[arg-type]
    return BodyLimit(CrossSite(web, config), config.site, {websub.PATH: config.fetch.max_bytes})


def _methods(routes: Iterable[BaseRoute], scope: Scope) -> bytes:
    """Return the methods of an address, if no route has that of the request."""
    found = [each for each in routes if isinstance(each, Route) and each.matches(scope)[0] is Match.PARTIAL]
    names = {name for route in found for name in route.methods or ()}
    return ", ".join(sorted({*names, "OPTIONS"})).encode() if names else METHODS


def _http_errors(site: Site) -> Callable[[Request, HTTPException], Response]:
    """Return the handler of errors that Starlette finds, such as a wrong method."""

    def handle(request: Request, error: HTTPException) -> Response:
        return responses.error_response(request, site, error.status_code, more=error.headers)

    return handle


def _store_errors(site: Site) -> Callable[[Request, StoreError], Response]:
    """Return the handler of a database that cannot be read.

    A reason is logged once, because any client can repeat its request.
    """
    logged = ""

    def handle(request: Request, error: StoreError) -> Response:
        nonlocal logged
        words = phrases.pages(site.language)
        if isinstance(error, TooSlow):
            return responses.error_response(request, site, 503, words["too_general"])
        if str(error) != logged:
            logger.warning("pages cannot be shown: %s", error)
            logged = str(error)
        return responses.error_response(request, site, 503)

    return handle


def _bugs(site: Site) -> Callable[[Request, Exception], Response]:
    """Return the handler of everything else; uvicorn logs the exception."""

    def handle(request: Request, _: Exception) -> Response:
        return responses.error_response(request, site, 500)

    return handle
