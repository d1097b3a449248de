"""The headers of every response, and those of documents that other origins may read."""

from __future__ import annotations

Headers = list[tuple[bytes, bytes]]

SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; manifest-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Pages run no script, have one stylesheet beside them, and load nothing from other hosts."""
SECURITY: Headers = [
    (b"content-security-policy", SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
]

ANY_ORIGIN: Headers = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag, Link"),
]
"""Readers that run in a browser may request feeds, JSON and calendars from another origin."""
PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
    # `*` names all headers of a request without credentials (Fetch section 3.2).
    (b"access-control-allow-headers", b"*"),
    (b"access-control-max-age", b"86400"),
]
METHODS = b"GET, HEAD, OPTIONS"
