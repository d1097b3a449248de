"""Send HTTP requests; redirects, deadline and size limits are this module's own."""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import Any
from urllib.parse import quote, urljoin

import requests
import urllib3
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError

from aggregator import __version__, urls
from aggregator.gateways import codings, connections, redirects
from aggregator.gateways.connections import BlockedAddress, DeadlinePassed, Limits, remaining
from aggregator.gateways.ssrf import SlowLookup
from aggregator.model.config import Credentials, FetchRules, Site
from aggregator.model.polling import Failure, Request, Response
from aggregator.model.value_classes import dataclass

CHUNK_BYTES = 65_536
ERROR_SECONDS = 2.0
UNDECODABLE = "the response is compressed in a way that cannot be decoded"
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
"""A percent sign that encodes nothing: urllib3 would encode all others of the URL as well."""
_VALIDATING = frozenset({"If-None-Match", "If-Modified-Since"})
ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9,"
    " application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, text/html;q=0.6, */*;q=0.1"
)

_EXPECTED_ERRORS = (
    requests.RequestException,
    HTTPError,
    OSError,
    http.client.HTTPException,
    ValueError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpFetcher:
    """The Fetcher over HTTP. Picklable: connections belong to the thread that makes them.

    Only this class has the `credentials`, by source id; each is sent to its own origin only.
    """

    rules: FetchRules
    user_agent: str
    credentials: Mapping[str, Credentials] = field(default_factory=dict, repr=False)

    def __call__(self, request: Request) -> Response | Failure:
        """Send one request and follow its redirects within `rules.timeout`, without retries (CL9)."""
        try:
            return self._follow(request)
        except _EXPECTED_ERRORS as error:
            return Failure(reason=_reason(error, self.rules.timeout.total_seconds()))
        finally:
            # The server would close a kept connection during the host gap, and the next visit would fail.
            connections.close_connections()

    def ping(self, hub: str, url: str) -> Failure | None:
        """Notify a WebSub hub of a changed feed; return the failure, if any."""
        return self.send_form(hub, {"hub.mode": "publish", "hub.url": url}, hub)

    def send_form(self, hub: str, form: Mapping[str, str], source_url: str) -> Failure | None:
        """Send a form to the hub that `source_url` names; return the failure, if any.

        Only redirects that keep method and body are followed (WebSub section 5.1, RFC 9110 15.4). The body of the
        response is not read.
        """
        limits = self._limits(source_url)
        hops: list[str] = []
        try:
            while True:
                connections.set_limits(replace(limits, via=(*limits.via, *hops)))
                headers = {"User-Agent": self.user_agent}
                answer = self._send(requests.Request("POST", hub, headers=headers, data=dict(form)).prepare())
                answer.close()
                location = answer.headers.get("location")
                if answer.status_code not in redirects.SAME_METHOD or not location:
                    break
                hops.append(hub)
                following = redirects.redirect_target(hub, location)
                if refusal := redirects.refusal(hub, following, hops):
                    return Failure(reason=f"the hub: {refusal}", status=answer.status_code)
                if urls.origin(following) != urls.origin(hub):  # a kept connection would not be checked again
                    connections.adapter().close()
                hub = following
        except _EXPECTED_ERRORS as error:
            return Failure(reason=_reason(error, self.rules.timeout.total_seconds()))
        finally:
            connections.adapter().close()
        if 200 <= answer.status_code < 300:
            return None
        return Failure(reason=f"the hub answered {answer.status_code}", status=answer.status_code)

    def _follow(self, request: Request) -> Response | Failure:
        url = urls.without_userinfo(request.target)
        hops: list[str] = []
        permanent = True
        limits = self._limits(request.source.url, *([request.via] if request.via else []))
        while True:
            headers = self._headers(url, request)
            connections.set_limits(replace(limits, via=(*limits.via, *hops)))
            answer = self._get(url, headers, self.credentials.get(request.source.id))
            try:
                location = answer.headers.get("location")
                if request.single_hop or answer.status_code not in redirects.STATUSES or not location:
                    return self._response(
                        answer,
                        url,
                        headers_only=request.headers_only,
                        hops=tuple(hops),
                        permanent=permanent and bool(hops),
                        conditional=bool(_VALIDATING & headers.keys()),
                    )
            finally:
                answer.close()
            hops.append(url)
            permanent = permanent and answer.status_code in redirects.PERMANENT
            following = redirects.redirect_target(url, location)
            if refusal := redirects.refusal(url, following, hops):
                return Failure(reason=refusal, status=answer.status_code)
            if urls.origin(following) != urls.origin(url):  # a kept connection would not be checked again
                connections.adapter().close()
            url = following

    def _limits(self, *via: str) -> Limits:
        return Limits(
            deadline=time.monotonic() + self.rules.timeout.total_seconds(),
            allowed=self.rules.allow_private,
            via=via,
        )

    def _get(self, url: str, headers: dict[str, str], credentials: Credentials | None) -> requests.Response:
        # Not through `prepare`, which changes the URL, also where it is valid (CL13), takes credentials from it, and
        # refuses validators that begin with blanks.
        prepared = requests.PreparedRequest()
        prepared.prepare_method("GET")
        prepared.url = _sent_url(url)
        prepared.headers = CaseInsensitiveDict(headers)
        # Compared in the form that is sent, with the host as in DNS.
        if credentials and urls.origin(prepared.url) == urls.origin(urls.web_link(credentials.origin)):
            pair = f"{credentials.user}:{credentials.password}".encode()
            prepared.headers["Authorization"] = "Basic " + b64encode(pair).decode()
        return self._send(prepared)

    @staticmethod
    def _send(prepared: requests.PreparedRequest) -> requests.Response:
        return connections.adapter().send(prepared, stream=True, timeout=(remaining(), remaining()))

    def _headers(self, url: str, request: Request) -> dict[str, str]:
        headers = {
            "User-Agent": self.user_agent,
            "Accept": ACCEPT,
            "Accept-Encoding": "gzip, br, zstd",
            "Connection": "keep-alive",
        }
        validators = request.validators
        # Validators belong to the URL that they came from (CL3); an empty ETag is a validator as well.
        if validators.url == url:
            if validators.etag is not None:
                headers["If-None-Match"] = validators.etag
                headers["A-IM"] = "feed"  # a server with RFC 3229 may send new entries only (CL18)
            if validators.last_modified is not None:
                headers["If-Modified-Since"] = validators.last_modified
        return headers

    def _response(
        self, answer: requests.Response, url: str, *, headers_only: bool, **met: Any
    ) -> Response | Failure:
        # Blanks around a value do not belong to it (RFC 9110 5.5); http.client keeps those of a folded value.
        headers = {name.lower(): value.strip(" \t") for name, value in answer.headers.items()}
        # 203 is a 200 that a proxy has changed (RFC 9110 15.3.4).
        status = 200 if answer.status_code == 203 else answer.status_code
        body = b""
        if headers_only:  # also a GET: not every server answers HEAD correctly (CL13)
            pass
        elif status in (200, 226):
            read = self._body(answer, headers)
            if isinstance(read, Failure):
                return read
            body = read
        elif status >= 400 and "html" in headers.get("content-type", "").lower():
            body = self._beginning(answer)
        certificate = connections.certificate(urls.host(url))
        return Response(
            status=status,
            url=url,
            headers=headers,
            body=body,
            certificate_from=certificate.begin if certificate else None,
            certificate_until=certificate.end if certificate else None,
            **met,
        )

    def _beginning(self, answer: requests.Response) -> bytes:
        """Read the beginning of an error page, by which a bot wall is recognised.

        b"" for any failure.
        """
        limits = connections.current_limits()
        soon = min(limits.deadline, time.monotonic() + ERROR_SECONDS)
        connections.set_limits(replace(limits, deadline=soon))
        try:
            body = bytes(answer.raw.read1(CHUNK_BYTES, decode_content=False))
        except (HTTPError, OSError, http.client.HTTPException, ValueError):
            return b""
        return codings.decode_beginning(body, answer.headers.get("content-encoding", ""), CHUNK_BYTES)

    def _body(self, answer: requests.Response, headers: dict[str, str]) -> bytes | Failure:
        limit = self.rules.max_bytes
        too_large = Failure(reason=f"larger than fetch.max_bytes ({limit} bytes)", status=answer.status_code)
        length = headers.get("content-length", "")
        # str.isdigit accepts "²", and int() refuses more than 4,300 digits.
        if re.fullmatch(r"[0-9]+", length) and (len(length.lstrip("0")) > 18 or int(length) > limit):
            return too_large
        packed = io.BytesIO()
        while chunk := answer.raw.read(CHUNK_BYTES, decode_content=False):
            remaining()
            packed.write(chunk)
            if packed.tell() > limit:
                return too_large
        try:
            body = codings.decode(packed.getvalue(), headers.get("content-encoding", ""), limit)
        except codings.Truncated:  # an incomplete body must not count as a document
            return Failure(reason="the response was cut short", status=answer.status_code)
        except codings.Undecodable:
            return Failure(reason=UNDECODABLE, status=answer.status_code)
        return too_large if len(body) > limit else body


def _sent_url(url: str) -> str:
    """Return a URL as it is sent: as written, but valid, without dot segments (RFC 3986 5.2.4)."""
    valid = urls.web_link(_LONE_PERCENT.sub("%25", url))
    parts = urls.parse(valid)
    if valid is None or parts is None:
        raise requests.exceptions.InvalidURL(url)
    if "/." not in parts.path or parts.path.startswith("//"):
        return valid
    return urljoin(valid, parts._replace(scheme="", netloc="").geturl())


_CAUSES: tuple[tuple[type[BaseException], Callable[[BaseException], str]], ...] = (
    (BlockedAddress, str),
    (SlowLookup, str),
    (connections.TooMuchFraming, str),
    (connections.TooManyInterimResponses, lambda e: f"the response is not HTTP: {e}"),
    (
        ssl.SSLCertVerificationError,
        lambda e: f"its certificate is not valid: {getattr(e, 'verify_message', e)}",
    ),
    (ssl.SSLError, lambda e: f"no secure connection (TLS): {getattr(e, 'reason', e)}"),
    (socket.gaierror, lambda _: "the host name is unknown (DNS)"),
    (ConnectionRefusedError, lambda _: "the server refused the connection"),
    (ConnectionResetError, lambda _: "the server reset the connection"),
    (urllib3.exceptions.IncompleteRead, lambda _: "the response was cut short"),
    (http.client.IncompleteRead, lambda _: "the response was cut short"),
    (urllib3.exceptions.DecodeError, lambda _: UNDECODABLE),
    (urllib3.exceptions.InvalidHeader, lambda _: "its headers about the length contradict each other"),
    (requests.exceptions.InvalidURL, lambda _: "the URL is not one that can be requested"),
    (http.client.HTTPException, lambda _: "the response is not HTTP"),
    (ValueError, lambda _: "the response is not HTTP"),
)


def _reason(error: BaseException, timeout: float) -> str:
    """Return the reason of a foreign exception, from the most specific cause in its chain."""
    chain = list(_chain(error))
    late = (DeadlinePassed, TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError)
    if any(isinstance(cause, late) for cause in chain):
        return f"no complete response within {timeout:g} s"
    for kind, words in _CAUSES:
        for cause in chain:
            if isinstance(cause, kind):
                return words(cause)
    return f"the connection failed: {type(error).__name__}"


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    todo = [error]
    while todo:
        cause = todo.pop(0)
        if isinstance(cause, BaseException) and cause not in found:
            found.append(cause)
            todo += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]
    return found


BOT_PAGE = "bot.html"
"""The page of the site for server owners, which says what this program does."""


def user_agent(site: Site, page: str = "") -> str:
    """Return the User-Agent: product, version and contact, the same for every request (CL12).

    `page` is the page of the site that explains the visits, once it is published. Characters that no header may have
    are percent-encoded.
    """
    return quote(f"aggregator/{__version__} (+{site.url}{page}; {site.contact})", safe=_PRINTABLE)


_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
