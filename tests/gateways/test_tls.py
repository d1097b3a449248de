"""Certificates are verified by one context that trusts what the system trusts."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from aggregator.gateways import tls
from tests.builders import rss
from tests.command import call, news
from tests.conftest import Workplace

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="certificates are made with openssl")
HEAD_CPU_SECONDS = 0.3
"""Maximum processor time of twenty visits.

Loading the certificates again took 20 ms a visit.
"""


def openssl(*args: str) -> bytes:
    """Run openssl."""
    return subprocess.run([str(OPENSSL), *args], capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate authority: `ca.pem`, and `NAME.pem` with key and certificate."""
    folder = tmp_path_factory.mktemp("authority")
    new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test".split()
    openssl("req", "-x509", *new, "-days", "9", "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem")
    for name, alternative, days in (
        ("good", "IP:127.87.0.1,DNS:localhost", "9"),
        ("other-host", "DNS:other.example", "9"),
        ("expired", "IP:127.87.0.1", "0"),
    ):
        openssl("req", *new, "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.csr")
        extension = folder / f"{name}.ext"
        extension.write_text(f"subjectAltName={alternative}\n")
        signed = openssl(
            *f"x509 -req -CA {folder}/ca.pem -CAkey {folder}/ca.key -CAcreateserial -days {days}".split(),
            *("-in", f"{folder}/{name}.csr", "-extfile", str(extension)),
        )
        (folder / f"{name}.pem").write_bytes((folder / f"{name}.key").read_bytes() + signed)
    key = folder / "self-signed.pem"
    made = openssl(
        *"req -x509".split(), *new, "-addext", "subjectAltName=IP:127.87.0.1", "-keyout", "-", "-out", "-"
    )
    key.write_bytes(made)
    return folder


@contextmanager
def served(certificate: Path) -> Iterator[str]:
    """Serve a feed over TLS on 127.87.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.87.0.1", 0))
    body = rss(news(1))
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body

    def serve() -> None:
        while True:
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), context.wrap_socket(conn, server_side=True) as wrapped:
                wrapped.recv(65_536)
                wrapped.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"https://127.87.0.1:{listener.getsockname()[1]}/feed"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        listener.close()


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, authority: Path) -> None:
    """Start without a context, with the authority in the environment."""
    monkeypatch.setattr(tls, "_context", None)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)


def write(place: Workplace, url: str) -> None:
    """Write a feeds.yaml with one source."""
    place.write(f"sources:\n  - {{id: node, name: A Node, url: '{url}'}}\n")


def test_an_authority_of_the_operator_is_trusted(
    place: Workplace, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only certificates that SSL_CERT_FILE names are trusted (CL16)."""
    with served(authority / "good.pem") as url:
        write(place, url)
        monkeypatch.setattr(tls, "_context", None)
        refused = call(place, "fetch", SSL_CERT_FILE=None, SSL_CERT_DIR=None)
        assert "its certificate is not valid" in refused.err
        monkeypatch.setattr(tls, "_context", None)
        said = call(place, "fetch", "--force", SSL_CERT_FILE=str(authority / "ca.pem"), SSL_CERT_DIR=None)
    assert said.code == 0
    assert b"Microscope number 1" in (place.public / "atom.xml").read_bytes()


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize(
    ("name", "words"),
    [("self-signed", "self"), ("other-host", "IP address mismatch"), ("expired", "expired")],
)
def test_a_certificate_that_is_not_valid(place: Workplace, authority: Path, name: str, words: str) -> None:
    """Self-signed, expired and foreign certificates are refused, and nothing is read (CL16)."""
    if name == "expired":
        time.sleep(1.1)
    with served(authority / f"{name}.pem") as url:
        write(place, url)
        said = call(place, "fetch")
    assert "its certificate is not valid" in said.err
    assert words in said.err


@pytest.mark.usefixtures("fresh")
def test_certificates_are_loaded_once(place: Workplace, authority: Path) -> None:
    """Twenty visits share one context, so that certificates are loaded once."""
    from aggregator.model.polling import Request, Response
    from tests.builders import source
    from tests.gateways.test_http import fetcher

    with served(authority / "good.pem") as url:
        fetch = fetcher()
        assert isinstance(fetch(Request(source=source(url=url))), Response)
        context = tls.verifying_context()
        begun = time.thread_time()
        for _ in range(20):
            assert isinstance(fetch(Request(source=source(url=url))), Response)
        assert time.thread_time() - begun < HEAD_CPU_SECONDS
    assert tls.verifying_context() is context
    assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname


def test_a_system_without_certificates_trusts_those_of_certifi(tmp_path: Path) -> None:
    """Without certificates of system or operator, those of certifi are trusted."""
    code = (
        "import ssl, sys; from aggregator.gateways import tls; paths = ssl.get_default_verify_paths();"
        "ssl.get_default_verify_paths = lambda: paths._replace(cafile=None, capath=None);"
        "print(len(tls.verifying_context().get_ca_certs()))"
    )
    env = {k: v for k, v in os.environ.items() if k not in ("SSL_CERT_FILE", "SSL_CERT_DIR")}

    def count(**more: str) -> int:
        made = subprocess.run([sys.executable, "-c", code], env=env | more, capture_output=True, check=True)
        return int(made.stdout)

    assert count() > 50
    (tmp_path / "empty.pem").write_text("")
    assert count(SSL_CERT_FILE=str(tmp_path / "empty.pem"), SSL_CERT_DIR=str(tmp_path)) == 0


@pytest.mark.usefixtures("fresh")
def test_the_end_of_a_certificate_is_on_the_page_of_the_partner(place: Workplace, authority: Path) -> None:
    """A visit keeps the end of the certificate of its connection."""
    made = ssl._ssl._test_decode_cert(str(authority / "good.pem"))  # type: ignore[attr-defined]
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(made["notAfter"]), ZoneInfo("Europe/Berlin"))
    with served(authority / "good.pem") as url:
        write(place, url)
        assert call(place, "fetch").code == 0
    page = (place.public / "partners/node.html").read_text()
    assert f"<dt>Certificate valid until</dt><dd>{end.day} {end:%B %Y}</dd>" in page
