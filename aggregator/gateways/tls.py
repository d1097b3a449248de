"""Share one TLS context in the process, because loading certificates takes 20 ms or more."""

from __future__ import annotations

import os
import ssl
import threading
from pathlib import Path

_lock = threading.Lock()
_context: ssl.SSLContext | None = None


def verifying_context() -> ssl.SSLContext:
    """Return the context, made at the first call; it verifies certificate and host (CL16).

    It trusts the system's certificates, or those that SSL_CERT_FILE and SSL_CERT_DIR name; where the system has none,
    those of certifi.
    """
    global _context
    with _lock:
        if _context is None:
            _context = mail_context()
            _context.set_alpn_protocols(["http/1.1"])
        return _context


def mail_context() -> ssl.SSLContext:
    """Return a new context with the same certificates, for mail servers."""
    return ssl.create_default_context(cafile=None if _system_has_certificates() else _certifi())


def _system_has_certificates() -> bool:
    paths = ssl.get_default_verify_paths()
    if paths.openssl_cafile_env in os.environ or paths.openssl_capath_env in os.environ:
        return True  # the operator's choice
    return bool(paths.cafile) or bool(paths.capath and any(Path(paths.capath).iterdir()))


def _certifi() -> str:
    import certifi

    return certifi.where()
