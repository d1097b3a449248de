"""Make a certificate authority and the certificates of a farm, with the command `openssl`."""

from __future__ import annotations

import subprocess
from pathlib import Path

from farm import FEEDS_OF_A_CERTIFICATE, address

AUTHORITY = "authority.pem"


def make(folder: Path, feeds: int) -> Path:
    """Write the certificates for `feeds` addresses into `folder`; return that of the authority."""
    folder.mkdir(parents=True)
    key, authority = folder / "authority.key", folder / AUTHORITY
    _run("req", "-x509", *_NEW_KEY, "-keyout", key, "-out", authority, "-days", "2", "-subj", "/CN=Farm")
    for number in range(-(-feeds // FEEDS_OF_A_CERTIFICATE)):
        own, request, extensions = (folder / f"{number}.{end}" for end in ("key", "csr", "ext"))
        first = number * FEEDS_OF_A_CERTIFICATE
        hosts = [f"IP:{address(feed)}" for feed in range(first, first + FEEDS_OF_A_CERTIFICATE)]
        extensions.write_text(f"subjectAltName = {', '.join(hosts)}\n")
        _run("req", *_NEW_KEY, "-keyout", own, "-out", request, "-subj", f"/CN=Feeds {number}")
        certificate = folder / f"{number}.pem"
        signed = ("-CA", authority, "-CAkey", key, "-extfile", extensions, "-days", "2")
        _run("x509", "-req", "-in", request, *signed, "-out", certificate)
        certificate.write_bytes(certificate.read_bytes() + own.read_bytes())
    return authority


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _run(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
