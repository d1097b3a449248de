"""Refuse requests that pages of other sites make a browser send (ED4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from aggregator.i18n import phrases
from aggregator.model.config import Config
from aggregator.web import forms, responses

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110 section 9.2.1)."""
ONE_CLICK = "/unsubscribe/"
"""Start of the paths to which mail programs send one-click requests (RFC 8058).

Their token authorises them."""


class CrossSite:
    """Pass on requests to `app`, except those of other sites that could change something."""

    def __init__(self, app: ASGIApp, config: Config) -> None:
        self.app, self.config = app, config
        parts = urlsplit(config.web.url or "")
        self.origin = f"{parts.scheme}://{parts.netloc}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond 403 to a request of another site."""
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS or scope["path"].startswith(ONE_CLICK):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        if is_same_site(request.headers, self.origin):
            await self.app(scope, receive, send)
            return
        site = replace(self.config.site, language=forms.page_language(request, self.config.site.language))
        words = phrases.subscriber_pages(site.language)
        await responses.error_response(request, site, 403, words["foreign_why"])(scope, receive, send)


def is_same_site(headers: Mapping[str, str], origin: str) -> bool:
    """Return whether a page of this site sent a request, according to the browser.

    `origin` is that of `web.url`. Behind a proxy, `Host` may differ. Old browsers and other programs send neither
    `Sec-Fetch-Site` nor `Origin`; their requests are allowed.
    """
    fetch_site = headers.get("sec-fetch-site")
    if fetch_site is not None:
        return fetch_site in ("same-origin", "none")
    sender = headers.get("origin")
    if sender is None:
        return True
    return sender == origin or sender.partition("://")[2] == headers.get("host")
