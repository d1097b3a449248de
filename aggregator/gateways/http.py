"""HTTP in: one visit to one source through requests' adapter; redirects, deadline and size are our own."""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.response import GzipDecoderState
from urllib3.util.retry import Retry

from aggregator import __version__, urls
from aggregator.gateways import redirects
from aggregator.gateways.address import is_allowed, resolve
from aggregator.model import Failure, FetchRules, Request, Response, Site

CHUNK = 65_536
ERROR_SECONDS = 2.0
_VALIDATING = frozenset({"If-None-Match", "If-Modified-Since"})
ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9,"
    " application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, text/html;q=0.6, */*;q=0.1"
)

_visit = (
    threading.local()
)  # `.deadline` (monotonic seconds) of the visit this thread is making, and its adapter


_TROUBLES = (
    requests.RequestException,
    HTTPError,
    OSError,
    http.client.HTTPException,
    ValueError,
)


class DeadlinePassed(HTTPError):
    """The visit took longer than `fetch.timeout`."""


class BlockedAddress(HTTPError):
    """The host leads to an address that may not be connected to."""


def _remaining() -> float:
    left: float = getattr(_visit, "deadline", float("inf")) - time.monotonic()
    if left <= 0:
        raise DeadlinePassed("the deadline passed")
    return min(left, 3600.0)


class _DeadlineReader(io.RawIOBase):
    """A socket's file that waits no longer than what is left of the visit.

    A timeout alone is per read: one byte every few seconds would never end.
    """

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._raw._sock is None:  # closed under our hands
            raise ConnectionResetError
        self._raw._sock.settimeout(_remaining())
        return int(self._raw.readinto(buffer) or 0)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_DeadlineReader(self.fp.detach()), CHUNK)

    def _read_status(self) -> tuple[str, int, str]:
        """Interim answers are passed over (RFC 9110 15.2); http.client knows 100 only."""
        status: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
        while 101 < status[1] < 200:
            http.client.parse_headers(self.fp)
            status = super()._read_status()  # type: ignore[misc]
        return status


def _connect(conn: HTTPConnection, allowed: tuple[str, ...]) -> socket.socket:
    """A connection to an address that was checked; every address of the host must pass."""
    host, port = conn._dns_host, conn.port or conn.default_port
    addresses = resolve(host, port)
    blocked = [a for a in addresses if not is_allowed(host, port, a, allowed)]
    if blocked:
        raise BlockedAddress(f"{host} is a private address ({blocked[0]}); fetch.allow_private can open it")
    problem: OSError | None = None
    for address in addresses:
        try:
            return socket.create_connection(
                (str(address), port),
                min(_remaining(), 10.0),
                source_address=conn.source_address,
            )
        except OSError as error:
            problem = error
    raise problem or OSError("no address")


def _pool_classes(allowed: tuple[str, ...]) -> dict[str, Any]:
    class Whole(HTTPConnection):
        """A connection that says so when it was closed while it was asked (urllib3 stumbles over it)."""

        response_class = _DeadlineResponse

        def getresponse(self) -> Any:
            if self.sock is None:
                raise ConnectionResetError
            return super().getresponse()

    class Plain(Whole):
        def _new_conn(self) -> socket.socket:
            return _connect(self, allowed)

    class Secure(Whole, HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, allowed)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, allowed: tuple[str, ...]) -> None:
        self.allowed = allowed
        super().__init__(pool_connections=4, pool_maxsize=1, max_retries=Retry(0, read=False))

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        self.poolmanager = urllib3.PoolManager(num_pools=connections, maxsize=maxsize, block=block, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pool_classes(self.allowed)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpFetcher:
    """The `Fetcher` seam over HTTP. Picklable: connections live in the thread that makes them."""

    rules: FetchRules
    user_agent: str

    def __call__(self, request: Request) -> Response | Failure:
        """One request with its redirects, all within `rules.timeout`, no retry (CL9)."""
        _visit.deadline = time.monotonic() + self.rules.timeout.total_seconds()
        try:
            return self._follow(request)
        except _TROUBLES as error:
            return Failure(reason=_words(error, self.rules.timeout.total_seconds()))
        finally:
            # Kept connections would be closed by the server during the gap, and fail the next visit.
            self._adapter().close()

    def ping(self, hub: str, url: str) -> Failure | None:
        """Tell a WebSub hub that a feed has news; why it did not take notice, None if it did."""
        _visit.deadline = time.monotonic() + self.rules.timeout.total_seconds()
        try:
            prepared = requests.Request(
                "POST",
                hub,
                headers={"User-Agent": self.user_agent},
                data={"hub.mode": "publish", "hub.url": url},
            ).prepare()
            answer = self._adapter().send(prepared, stream=True, timeout=(_remaining(), _remaining()))
            answer.close()
        except _TROUBLES as error:
            return Failure(reason=_words(error, self.rules.timeout.total_seconds()))
        if 200 <= answer.status_code < 300:
            return None
        return Failure(reason=f"the hub answered {answer.status_code}", status=answer.status_code)

    def _follow(self, request: Request) -> Response | Failure:
        url = request.target
        hops: list[str] = []
        permanent = True
        while True:
            headers = self._headers(url, request)
            answer = self._ask(url, headers)
            try:
                location = answer.headers.get("location")
                if request.stay or answer.status_code not in redirects.STATUSES or not location:
                    return self._response(
                        answer,
                        url,
                        bare=request.bare,
                        hops=tuple(hops),
                        permanent=permanent and bool(hops),
                        conditional=bool(_VALIDATING & headers.keys()),
                    )
            finally:
                answer.close()
            hops.append(url)
            permanent = permanent and answer.status_code in redirects.PERMANENT
            following = redirects.target(url, location)
            if refusal := redirects.refused(url, following, hops):
                return Failure(reason=refusal, status=answer.status_code)
            url = following

    def _ask(self, url: str, headers: dict[str, str]) -> requests.Response:
        prepared = requests.Request("GET", url, headers=headers).prepare()
        return self._adapter().send(prepared, stream=True, timeout=(_remaining(), _remaining()), verify=True)

    def _adapter(self) -> _GuardedAdapter:
        adapter: _GuardedAdapter | None = getattr(_visit, "adapter", None)
        if adapter is None or adapter.allowed != self.rules.allow_private:
            adapter = _visit.adapter = _GuardedAdapter(self.rules.allow_private)
        return adapter

    def _headers(self, url: str, request: Request) -> dict[str, str]:
        headers = {
            "User-Agent": self.user_agent,
            "Accept": ACCEPT,
            "Accept-Encoding": "gzip, br, zstd",
            "Connection": "keep-alive",
        }
        source, validators = request.source, request.validators
        # CL3: validators belong to the URL they came from; `is None` because an empty ETag is one, too.
        if validators.url == url:
            if validators.etag is not None:
                headers["If-None-Match"] = validators.etag
                headers["A-IM"] = "feed"  # CL18: a server that knows RFC 3229 may send new entries only
            if validators.last_modified is not None:
                headers["If-Modified-Since"] = validators.last_modified
        # Credentials never follow to another host.
        if source.user and urls.origin(url) == urls.origin(source.url):
            pair = f"{source.user}:{source.password or ''}".encode()
            headers["Authorization"] = "Basic " + b64encode(pair).decode()
        return headers

    def _response(self, answer: requests.Response, url: str, *, bare: bool, **met: Any) -> Response | Failure:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        body = b""
        if bare:  # a GET all the same: not every server answers HEAD rightly (CL13)
            pass
        elif answer.status_code in (200, 226):
            read = self._body(answer, headers)
            if isinstance(read, Failure):
                return read
            body = read
        elif answer.status_code >= 400 and "html" in headers.get("content-type", "").lower():
            body = self._beginning(answer)
        return Response(status=answer.status_code, url=url, headers=headers, body=body, **met)

    def _beginning(self, answer: requests.Response) -> bytes:
        """The beginning of an error's page, to name a bot wall by; what is wrong with it is no matter."""
        _visit.deadline = min(_visit.deadline, time.monotonic() + ERROR_SECONDS)
        try:
            return bytes(answer.raw.read1(CHUNK, decode_content=True)[:CHUNK])
        except (HTTPError, OSError, http.client.HTTPException, ValueError):
            return b""

    def _body(self, answer: requests.Response, headers: dict[str, str]) -> bytes | Failure:
        limit = self.rules.max_bytes
        too_large = Failure(reason=f"larger than fetch.max_bytes ({limit} bytes)", status=answer.status_code)
        length = headers.get("content-length", "")
        # "²" is a digit to Python, and int() refuses more than 4,300 of them.
        if re.fullmatch(r"[0-9]+", length) and (len(length.lstrip("0")) > 18 or int(length) > limit):
            return too_large
        body = bytearray()
        while chunk := answer.raw.read1(CHUNK, decode_content=True):
            _remaining()
            body += chunk
            if len(body) > limit:
                return too_large
        # A body cut short must not pass for a whole one: read1 does not complain as read() does.
        if answer.raw.length_remaining or (body and _unfinished(getattr(answer.raw, "_decoder", None))):
            return Failure(reason="the answer was cut short", status=answer.status_code)
        return bytes(body)


def _unfinished(decoder: object) -> bool:
    """Whether a compressed body ended before its own end mark (urllib3 does not ask)."""
    if getattr(decoder, "_state", GzipDecoderState.FIRST_MEMBER) is not GzipDecoderState.FIRST_MEMBER:
        return False  # garbage behind a whole member is let pass, as everybody does
    streams = [getattr(layer, "_obj", None) for layer in getattr(decoder, "_decoders", None) or [decoder]]
    return any(
        getattr(stream, "eof", True) is False or getattr(stream, "is_finished", lambda: True)() is False
        for stream in streams
    )


_CAUSES: tuple[tuple[type[BaseException], Callable[[BaseException], str]], ...] = (
    (BlockedAddress, str),
    (
        ssl.SSLCertVerificationError,
        lambda e: f"its certificate is not valid: {getattr(e, 'verify_message', e)}",
    ),
    (ssl.SSLError, lambda e: f"no secure connection (TLS): {getattr(e, 'reason', e)}"),
    (socket.gaierror, lambda _: "the host name is unknown (DNS)"),
    (ConnectionRefusedError, lambda _: "the server refused the connection"),
    (ConnectionResetError, lambda _: "the server reset the connection"),
    (urllib3.exceptions.DecodeError, lambda _: "the answer is compressed in a way that cannot be decoded"),
    (urllib3.exceptions.IncompleteRead, lambda _: "the answer was cut short"),
    (http.client.IncompleteRead, lambda _: "the answer was cut short"),
    (urllib3.exceptions.InvalidHeader, lambda _: "its headers about the length contradict each other"),
    (requests.exceptions.InvalidURL, lambda _: "the URL is not one that can be requested"),
    (http.client.HTTPException, lambda _: "the answer is not HTTP"),
    (ValueError, lambda _: "the answer is not HTTP"),
)


def _words(error: BaseException, timeout: float) -> str:
    """A foreign exception in words; the cause that says most is looked for down the chain."""
    chain = list(_chain(error))
    late = (DeadlinePassed, TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError)
    if any(isinstance(cause, late) for cause in chain):
        return f"no complete answer within {timeout:g} s"
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


def user_agent(site: Site) -> str:
    """CL12: product, version, and where to complain; the same for every request."""
    return f"aggregator/{__version__} (+{site.url}; {site.contact})"
