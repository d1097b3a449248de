"""Build the web app: the files below `public/`, pages of subscribers, `/healthz`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from aggregator.ports import App, Clock
from aggregator.web.file_cache import FileCache
from aggregator.web.static import StaticFiles
from aggregator.web.subscriptions import Subscriptions


def build(
    public: Path,
    problems: Callable[[], list[str]],
    *,
    site_url: str,
    hub: str | None,
    clock: Clock,
    app: Callable[[], App] | None = None,
) -> Starlette:
    """Return the ASGI app for a folder.

    `problems` returns what is wrong at present, `app` the program with the present feeds.yaml; without it
    there are no pages of subscribers.
    """

    def healthz(_: Request) -> Response:
        """Respond 200 or 503 without reasons, which name addresses and relays."""
        text, status = ("not ok", 503) if problems() else ("ok", 200)
        return PlainTextResponse(text, status_code=status, headers={"Cache-Control": "no-store"})

    static = StaticFiles(cache=FileCache(public), site_url=site_url, hub=hub, clock=clock)
    subscribers = Subscriptions(app=app, static=static).routes() if app else []
    return Starlette(routes=[Route("/healthz", healthz), *subscribers, Mount("/", static)])
