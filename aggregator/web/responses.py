"""Build the responses of dynamic pages: headers, validators, compression, errors."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from aggregator.model.config import Site
from aggregator.publishing.paths import HTML_TYPE
from aggregator.web import headers, pages
from aggregator.web.conditional import is_not_modified, prefers_gzip, prefers_page
from aggregator.web.static import NEGOTIATED, XML_TYPE

RETRY_SECONDS = 60
"""Seconds after which a client may try again, in `Retry-After`."""
MIN_COMPRESSED_BYTES = 500
"""Minimum size of a body for which compressing saves more than it costs."""


def fresh_document(
    request: Request, body: bytes, media_type: str, *, seconds: int, any_origin: bool = False
) -> Response:
    """Return a body that is fresh for `seconds`, or 304; with `any_origin` for every site.

    Browsers get a feed as XML, to apply its stylesheet (PB15).
    """
    as_page = media_type in NEGOTIATED and prefers_page(_joined(request, "accept"))
    packed = len(body) >= MIN_COMPRESSED_BYTES and prefers_gzip(_joined(request, "accept-encoding"))
    if packed:
        body = gzip.compress(body, compresslevel=1, mtime=0)
    etag = f'"{hashlib.sha256(body).hexdigest()[:24]}{"-shown" if as_page else ""}"'
    found = {
        "ETag": etag,
        "Cache-Control": f"public, max-age={seconds}",
        "Vary": "Accept-Encoding, Accept" if media_type in NEGOTIATED else "Accept-Encoding",
        **_decoded(headers.SECURITY),
        **(_decoded(headers.ANY_ORIGIN) if any_origin else {}),
    }
    if is_not_modified(_joined(request, "if-none-match"), None, etag, ""):
        return Response(status_code=304, headers=found)
    if packed:
        found["Content-Encoding"] = "gzip"
    return _with_type(Response(body, headers=found), XML_TYPE if as_page else media_type)


def error_response(
    request: Request,
    site: Site,
    status: int,
    explanation: str | None = None,
    more: Mapping[str, str] | None = None,
) -> Response:
    """Return the page of an error, which no cache keeps."""
    found = {"Cache-Control": "no-store", **_decoded(headers.SECURITY), **(more or {})}
    if status == 503:
        found["Retry-After"] = str(RETRY_SECONDS)
    body = pages.render_error(site, request.url.path, status, explanation)
    return _with_type(Response(body, status, headers=found), HTML_TYPE)


def private_document(body: bytes, media_type: str, status: int = 200) -> Response:
    """Return a body for monitoring, which no cache keeps."""
    found = {"Cache-Control": "no-store", **_decoded(headers.SECURITY)}
    return _with_type(Response(body, status, headers=found), media_type)


def options_response(*, any_origin: bool) -> Response:
    """Return the response to OPTIONS; `any_origin`: other origins may read the document."""
    found = {"Allow": headers.METHODS.decode(), **_decoded(headers.SECURITY)}
    if any_origin:
        found |= _decoded(headers.ANY_ORIGIN) | _decoded(headers.PREFLIGHT)
    return Response(status_code=204, headers=found)


def _with_type(response: Response, media_type: str) -> Response:
    """Set the whole media type: Starlette would add a charset of its own."""
    response.headers["Content-Type"] = media_type
    return response


def _joined(request: Request, name: str) -> str | None:
    lines = request.headers.getlist(name)
    return ", ".join(lines) if lines else None


def _decoded(pairs: headers.Headers) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in pairs}
