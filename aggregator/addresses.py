"""Parse, compare and shorten mail addresses, in one way everywhere (SU7)."""

from __future__ import annotations

import re

_ADDRESS = re.compile(
    r"(\"[^\"\r\n]{1,64}\"|(?<![^\s<>\"(),:;@])[^\s<>\"(),:;@]+)@([^\s<>\"'(),:;@]+[^\s<>\"'(),:;@.])"
)
"""An address in a text; the local part may be a quoted string (RFC 5321 section 4.1.2)."""


def parse(text: str) -> str:
    """Return a mail address as it is written to, with its domain in ASCII and lower case.

    Checks the form only (RFC 5322), without asking DNS. Raises ValueError.
    """
    from email_validator import EmailNotValidError, validate_email

    try:
        checked = validate_email(text, check_deliverability=False, globally_deliverable=False, strict=True)
    except EmailNotValidError as error:
        raise ValueError(f"{text!r} is not a mail address: {error}") from error
    if checked.ascii_domain.rpartition(".")[2].isdecimal():  # RFC 3696 section 2
        raise ValueError(f"{text!r} is not a mail address: the part after the @-sign ends in a number")
    # A domain beyond ASCII is sent in its ASCII form; such a local part needs a relay that supports RFC 6531, and is
    # in lower case, because SQLite ignores the case of ASCII only.
    local = checked.local_part if checked.local_part.isascii() else checked.local_part.lower()
    return f"{local}@{checked.ascii_domain}"


def key(address: str) -> str:
    """Return the form by which parsed addresses are compared: without case (SU7)."""
    return address.lower()


def shortened(address: str) -> str:
    """Return an address for logs: the first character of the local part and the domain (DP5)."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}***{at}{domain}" if at else "***"


def without_addresses(text: str) -> str:
    """Shorten every address in a foreign text, such as the reply of a relay (DP5)."""
    return _ADDRESS.sub(_shortened, text)


def _shortened(match: re.Match[str]) -> str:
    local, domain = match.groups()
    named = local.strip("\"'")
    quote = "'" if local.startswith("'") else ""
    return f"{quote}{shortened(f'{named}@{domain}')}"
