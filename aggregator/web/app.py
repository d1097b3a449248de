"""The small web app: `public/` as it is, and `/healthz` for monitoring."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from aggregator.ports import Clock
from aggregator.web.file_cache import Shelf
from aggregator.web.static import Published


def build(
    public: Path, troubles: Callable[[], list[str]], *, site_url: str, hub: str | None, clock: Clock
) -> Starlette:
    """The app over a folder; `troubles` says what is wrong, if anything."""

    def healthz(_: Request) -> Response:
        """Say whether all is well and nothing else: anybody may ask, and reasons name addresses and relays."""
        words, code = ("not ok", 503) if troubles() else ("ok", 200)
        return PlainTextResponse(words, status_code=code, headers={"Cache-Control": "no-store"})

    published = Published(shelf=Shelf(public), site_url=site_url, hub=hub, clock=clock)
    return Starlette(routes=[Route("/healthz", healthz), Mount("/", published)])
