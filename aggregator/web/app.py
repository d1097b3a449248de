"""The small web app: `public/` as it is, and `/healthz` for monitoring."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

TYPES = {
    "rss.xml": "application/rss+xml; charset=utf-8",
    ".xml": "application/atom+xml; charset=utf-8",  # every other feed, and the archive
    ".json": "application/feed+json; charset=utf-8",
    ".opml": "text/x-opml; charset=utf-8",
    ".ics": "text/calendar; charset=utf-8",
}
"""By name, else by ending (PB6)."""


class _Published(StaticFiles):
    """Static files with the media types of feeds (PB6); drafts and packed twins are not shown."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        name = Path(path).name
        if (name.startswith(".") and name != ".") or name.endswith(".gz"):
            return Response("not found", status_code=404)
        response = await super().get_response(path, scope)
        if kind := TYPES.get(name) or TYPES.get(Path(name).suffix):
            response.headers["content-type"] = kind
        return response


def build(public: Path, troubles: Callable[[], list[str]]) -> Starlette:
    """The app over a folder; `troubles` says what is wrong, if anything."""

    def healthz(_: Request) -> Response:
        found = troubles()
        return JSONResponse({"ok": not found, "troubles": found}, status_code=503 if found else 200)

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Mount("/", _Published(directory=public, html=True, check_dir=False)),
        ]
    )
