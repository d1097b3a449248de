"""Connect to allowed addresses only, within a deadline and a number of bytes."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import urllib3
from requests.adapters import HTTPAdapter
from requests.models import PreparedRequest, Response
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from aggregator.gateways import ssrf, tls
from aggregator.model.value_classes import dataclass

BUFFER_BYTES = 65_536
CONNECT_SECONDS = 10.0
MAX_INTERIM_RESPONSES = 20
"""Maximum number of interim responses (1xx) before the final one."""
MAX_FRAMING_BYTES = 262_144
"""Maximum bytes of headers, interim responses and chunk framing, plus an eighth of the body.

Small chunks cost processor time.
"""
READ_BYTES = 40
"""Bytes counted for each read from the socket, beside its data.

A TLS record or a TCP segment has this overhead.
"""


class DeadlinePassed(HTTPError):
    """The request took longer than `fetch.timeout`."""


class BlockedAddress(HTTPError):
    """The host has an address that may not be connected to."""


class TooMuchFraming(HTTPError):
    """The HTTP framing of the response is too large for its body."""


class TooManyInterimResponses(http.client.HTTPException):
    """Too many interim responses came before a final one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of the connections of one request.

    `deadline` is by the monotonic clock, `allowed` as in `fetch.allow_private`, `via` as in `ssrf.refusal`.
    """

    deadline: float
    allowed: tuple[str, ...] = ()
    via: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The time in which the certificate of a server is valid."""

    begin: datetime
    end: datetime


class _ThreadState(threading.local):
    """The limits of this thread's request, and its adapter."""

    limits: Limits = Limits(deadline=float("inf"))
    adapter: GuardedAdapter | None = None

    def __init__(self) -> None:
        self.certificates: dict[str, Certificate] = {}  # by host; of this request


_thread = _ThreadState()


def set_limits(limits: Limits) -> None:
    """Set the limits of this thread's connections."""
    _thread.limits = limits


def current_limits() -> Limits:
    """Return the limits of this thread's connections."""
    return _thread.limits


def remaining() -> float:
    """Return the seconds left until the deadline; raises DeadlinePassed."""
    left = _thread.limits.deadline - time.monotonic()
    if left <= 0:
        raise DeadlinePassed("the deadline passed")
    return min(left, 3600.0)


def certificate(host: str) -> Certificate | None:
    """Return the certificate of the last TLS connection of this thread to a host."""
    return _thread.certificates.get(host)


def close_connections() -> None:
    """Close this thread's connections, and drop the certificates of their servers."""
    adapter().close()
    _thread.certificates.clear()


def adapter() -> GuardedAdapter:
    """Return this thread's adapter."""
    if _thread.adapter is None:
        _thread.adapter = GuardedAdapter()
    return _thread.adapter


class _Wire(io.RawIOBase):
    """A socket's file that ends reads at the deadline and counts bytes.

    A timeout alone limits single reads: one byte every few seconds would never end.
    """

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self.received = 0
        self.body = 0
        """Bytes of the body read so far, without transfer coding."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._raw._sock is None:  # closed meanwhile
            raise ConnectionResetError
        if self.received > MAX_FRAMING_BYTES + self.body * 9 // 8:
            raise TooMuchFraming(
                f"the HTTP framing of the response is larger than allowed:"
                f" {self.received} bytes came for {self.body} bytes of body"
            )
        self._raw._sock.settimeout(remaining())
        count = int(self._raw.readinto(buffer) or 0)
        self.received += count + READ_BYTES
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._wire = _Wire(self.fp.detach())
        self.fp = io.BufferedReader(self._wire, BUFFER_BYTES)

    def _read_status(self) -> tuple[str, int, str]:
        """Skip interim responses (RFC 9110 15.2).

        http.client skips only 100, but any number of them.
        """
        for _ in range(MAX_INTERIM_RESPONSES + 1):
            status: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            if not 100 <= status[1] < 200 or status[1] == http.client.SWITCHING_PROTOCOLS:
                return status
            http.client.parse_headers(self.fp)
        raise TooManyInterimResponses(f"more than {MAX_INTERIM_RESPONSES} interim responses (1xx) came")

    def read(self, amt: int | None = None) -> bytes:
        data = super().read(amt)
        self._wire.body += len(data)
        return data


def _connect(conn: HTTPConnection) -> socket.socket:
    """Connect to an address of the host, after every address was checked."""
    host, port = conn._dns_host, conn.port or conn.default_port
    addresses = ssrf.resolve_addresses(host, port, remaining())
    if refusal := ssrf.refusal(
        host, port, addresses, current_limits().allowed, current_limits().via, remaining
    ):
        raise BlockedAddress(refusal)
    problem: OSError | None = None
    for address in addresses:
        # Not socket.create_connection, which would resolve the name again.
        sock = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.settimeout(min(remaining(), CONNECT_SECONDS))
            sock.connect((str(address), port))
        except OSError as error:
            sock.close()
            problem = error
        except HTTPError:
            sock.close()
            raise
        else:
            return sock
    raise problem or OSError("no address")


class _PlainConnection(HTTPConnection):
    """A connection that raises ConnectionResetError if it was closed before the response.

    urllib3 raises AttributeError in this case.
    """

    response_class = _BoundedResponse

    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def getresponse(self) -> Any:
        if self.sock is None:
            raise ConnectionResetError
        return super().getresponse()


class _TlsConnection(_PlainConnection, HTTPSConnection):
    """The same over TLS, with the shared context.

    urllib3 would change that context and load the certificates again.
    """

    def connect(self) -> None:
        sock = self._new_conn()
        try:
            sock.settimeout(remaining())
            self.sock = tls.verifying_context().wrap_socket(sock, server_hostname=self.host.rstrip("."))
        except BaseException:
            sock.close()
            raise
        self.is_verified = True
        self._keep_certificate()

    def _keep_certificate(self) -> None:
        """Store the validity of the certificate that the handshake has verified."""
        certificate: Mapping[str, object] = getattr(self.sock, "getpeercert", dict)() or {}
        with suppress(KeyError, ValueError, OverflowError, OSError):
            begin, end = (
                datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate[name])), UTC)
                for name in ("notBefore", "notAfter")
            )
            _thread.certificates[self.host.rstrip(".")] = Certificate(begin=begin, end=end)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class GuardedAdapter(HTTPAdapter):
    """requests' adapter for these connections, without retries, cookies and proxies."""

    def __init__(self) -> None:
        super().__init__(pool_connections=4, pool_maxsize=1, max_retries=Retry(0, read=False))

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        """Make pools of these connections."""
        self.poolmanager = urllib3.PoolManager(num_pools=connections, maxsize=maxsize, block=block, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}

    def get_connection_with_tls_context(
        self, request: PreparedRequest, *_args: Any, **_options: Any
    ) -> HTTPConnectionPool:
        """Return the pool of the host: there is no proxy, and `tls.verifying_context` verifies."""
        pool: HTTPConnectionPool = self.poolmanager.connection_from_url(request.url)
        return pool

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Do nothing: `tls.verifying_context` verifies the certificate of every connection."""

    def request_url(self, request: PreparedRequest, *_proxies: Any) -> str:
        """Return path and query, since there is no proxy."""
        return request.path_url

    def build_response(self, _request: PreparedRequest, raw: Any) -> Response:
        """Return a response without cookies and encoding, which nothing here reads."""
        response = Response()
        response.status_code, response.headers, response.raw = (
            raw.status,
            CaseInsensitiveDict(raw.headers),
            raw,
        )
        return response
