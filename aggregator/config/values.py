"""The small languages inside feeds.yaml: durations, sizes, schedules, secrets, words and selectors.

Each function takes what was written and raises ValueError with a sentence that says what is right.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.errors import HeaderParseError
from email.policy import default as EMAIL
from functools import cache
from urllib.parse import quote
from zoneinfo import ZoneInfo, available_timezones

from aggregator import urls

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
SIZES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "KIB": 2**10, "MIB": 2**20}
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
WEEKDAYS = {name[:size]: n for n, name in enumerate(_DAYS) for size in (3, len(name))}
SECRET = re.compile(r"(env|file):(.+)", re.DOTALL)


def duration(text: object) -> timedelta:
    """`20s`, `90m`, `1h`, `7d`, `1w`."""
    match = re.fullmatch(r"(\d{1,6})\s*([smhdw])", str(text).strip())
    if not match:
        raise ValueError(f"{text!r} is not a duration: write a number and s, m, h, d or w, such as 1h")
    return timedelta(seconds=int(match[1]) * UNITS[match[2]])


def size(text: object) -> int:
    """`10MB`, `512KiB`, or a number of bytes."""
    match = re.fullmatch(r"(\d{1,12})\s*([A-Za-z]*)", str(text).strip())
    if not match or match[2].upper() not in SIZES:
        raise ValueError(f"{text!r} is not a size: write a number and KB, MB, KiB or MiB, such as 10MB")
    return int(match[1]) * SIZES[match[2].upper()]


def web_url(text: str) -> str:
    """An absolute http or https URL without credentials or fragment."""
    text = text.strip()
    if re.match(r"[^/?#]*//[^/?#]*@", text):  # first of all, so that no message repeats a password
        raise ValueError("credentials do not belong into the URL: use `user` and `password: env:NAME`")
    shown = re.sub(r"(?s).*(?=@)", "…", text)  # nor of one that is hardly a URL
    if re.search(r"[\s\x00-\x1f\x7f<>\"]", text):
        raise ValueError(f"{shown!r} is not a URL: it has blanks or other characters a URL cannot have")
    if not re.match("https?:", text, re.IGNORECASE):
        raise ValueError(f"{shown!r} is not a web address: it must begin with https:// or http://")
    parts = urls.parse(text)
    if parts is None or parts.port == 0:
        raise ValueError(f"{shown!r} is not a URL: it names no host, or none that can be asked")
    if parts.fragment:
        raise ValueError(f"{shown!r} has a #fragment, which is never sent to a server: remove it")
    return text


def base_url(text: str) -> str:
    """A web URL that ends in a slash, so that paths can be joined to it."""
    text = web_url(text)
    if "?" in text:
        raise ValueError(f"{text!r} cannot be the base of other addresses: it has a ?query")
    return text if text.endswith("/") else text + "/"


def zenodo_search(community: str) -> str:
    """The newest records of a Zenodo community, as its API gives them."""
    return f"https://zenodo.org/api/records?communities={quote(community)}&sort=newest&size=25"


def wordpress_posts(url: str) -> str:
    """The posts of a WordPress site, from its address; an address of the REST API stays as it is.

    A site without readable addresses (`?page_id=7`) has none for its API either.
    """
    if "/wp-json/" in url or "rest_route=" in url:
        return url
    wanted = "per_page=20&_embed=author,wp:term"
    base, query, _ = url.partition("?")
    base = base if base.endswith("/") else base + "/"
    return f"{base}?rest_route=/wp/v2/posts&{wanted}" if query else f"{base}wp-json/wp/v2/posts?{wanted}"


def source_url(kind: object, url: object, community: object) -> str | None:
    """Return the URL that a source is polled at; None where its keys name none."""
    if kind == "zenodo" and isinstance(community, str) and not url:
        return zenodo_search(community)
    if kind == "wordpress" and isinstance(url, str):
        return wordpress_posts(url)
    return url if isinstance(url, str) else None


_zones = cache(available_timezones)


def zone(text: object) -> ZoneInfo:
    """An IANA time zone such as Europe/Berlin."""
    if not isinstance(text, str) or text not in _zones():
        raise ValueError(f"{text!r} is not a time zone: write an IANA name such as Europe/Berlin")
    return ZoneInfo(text)


def address(text: str) -> str:
    """A mail address as RFC 5322 has it; whether it exists is not asked."""
    from email_validator import EmailNotValidError, validate_email

    try:
        checked = validate_email(text, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise ValueError(f"{text!r} is not a mail address: {error}") from error
    # A domain beyond ASCII travels in its ASCII form; a local part beyond it needs a relay that knows RFC 6531.
    return f"{checked.local_part}@{checked.ascii_domain}"


def mailbox(text: str) -> str:
    """`Name <address>` or an address alone."""
    if "<" not in one_line(text):
        return address(text)
    try:
        header = EMAIL.header_factory("From", text)
    except (HeaderParseError, IndexError):
        header = None
    if header is None or header.defects or len(header.addresses) != 1:
        raise ValueError(f"{text!r} is not a mail address: write one, as Name <address> or alone")
    written = header.addresses[0].addr_spec
    return text.replace(written, address(written))


def one_line(text: str) -> str:
    """A text that can stand in a heading or a mail header."""
    # No control characters, line breaks or halves of characters; no-break spaces and joiners are fine.
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text):
        raise ValueError(f"{text!r} has line breaks or control characters")
    return text


def folder(text: str) -> str:
    """A path that a file system can have."""
    if "\0" in text or not text.strip():
        raise ValueError(f"{text!r} cannot be a folder")
    return text


def within(shortest: str, longest: str) -> Callable[[timedelta], timedelta]:
    """A check that a duration lies between two others."""

    def check(span: timedelta) -> timedelta:
        if span < duration(shortest):
            raise ValueError(f"is too small: at least {shortest}")
        if span > duration(longest):
            raise ValueError(f"is too large: at most {longest}")
        return span

    return check


def authority(text: str) -> str:
    """The authority of tag: URIs (RFC 4151): a domain or mail address, a comma and a date."""
    if not re.fullmatch(r"[A-Za-z0-9.@_-]+,\d{4}(-\d\d(-\d\d)?)?", text):
        raise ValueError(
            f"{text!r} is not a tag authority (RFC 4151): write domain,year: news.example.org,2026"
        )
    return text


def not_empty(given: tuple[str, ...]) -> tuple[str, ...]:
    """A list of at least one thing."""
    if not given:
        raise ValueError("is empty: at least one is needed")
    return given


def schedule(text: str) -> str:
    """`mon 08:00`, `mon,thu 08:00`, `daily 08:00`, or five cron fields -> five cron fields."""
    from cronsim import CronSim, CronSimError

    written = " ".join(text.lower().split())
    match = re.fullmatch(r"([a-z,]+) (\d{1,2}):(\d{2})", written)
    if match:
        if match[1] == "daily":
            days = "*"
        else:
            names = match[1].split(",")
            unknown = [name for name in names if name not in WEEKDAYS]
            if unknown:
                raise ValueError(f"{unknown[0]!r} is not a weekday: write mon, tue … sun or daily")
            days = ",".join(str(WEEKDAYS[name]) for name in names)
        written = f"{int(match[3])} {int(match[2])} * * {days}"
    try:
        if len(written.split()) != 5:
            raise CronSimError
        next(CronSim(written, datetime(2026, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        raise ValueError(
            f'{text!r} is not a schedule: write "mon 08:00", "daily 07:30" or five cron fields'
        ) from error
    return written


def secret(text: str) -> str:
    """A reference `env:NAME` or `file:PATH`, never the secret itself."""
    if not SECRET.fullmatch(text):
        raise ValueError("secrets do not belong into this file: write env:NAME or file:PATH")
    return text


def listen(text: str) -> str:
    """`host:port`, the host an address of this machine."""
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})", text)
    if not match or int(match[2]) > 65535:
        raise ValueError(f"{text!r} is no place to listen at: write host:port, such as 127.0.0.1:8000")
    return text


def word(value: object) -> str:
    """A word or phrase, or a /regular expression/."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError("should be a word or a /regular expression/")
    text = str(value)
    if text == "//":
        raise ValueError("an empty expression would match everything")
    if len(text) > 1 and text.startswith("/") and text.endswith("/"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # what Python only warns of would be said at every run
                re.compile(text[1:-1])
        except (re.error, OverflowError, RecursionError, Warning) as error:
            raise ValueError(f"{text!r} is not a regular expression: {error}") from error
    elif not text.strip():
        raise ValueError("an empty word would match everything")
    return text


def selector(text: str) -> str:
    """A CSS selector, perhaps followed by @attribute, perhaps after a + (among the siblings behind an item)."""
    from cssselect import SelectorError
    from lxml import etree
    from lxml.cssselect import CSSSelector

    try:
        match = re.fullmatch(r"\+?(.*?)(?:@([\w:-]+))?", one_line(text))
        if match is None or not (match[1].strip() or match[2]):
            raise SelectorError("empty")
        CSSSelector(match[1].strip() or "*", translator="html")(etree.Element("a"))
    except (SelectorError, etree.XPathError) as error:
        raise ValueError(f"{text!r} is not a CSS selector: {error}") from error
    return text


def element(text: str) -> str:
    """A CSS selector of elements: no @attribute."""
    if re.search(r"@[\w:-]+$", text):
        raise ValueError(f"{text!r} selects an attribute, but whole blocks are wanted")
    if text.lstrip().startswith("+"):
        raise ValueError(f"{text!r} begins with a +, which only goes with what is looked up beside an item")
    return selector(text)


def private_place(text: object) -> str:
    """A host name, `host:port`, an address or a network."""
    written = str(text).strip()
    try:
        return str(ipaddress.ip_network(written, strict=False))
    except ValueError:
        pass
    if not re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?", written):
        raise ValueError(f"{text!r} is neither a host, host:port nor a network such as 10.0.0.0/8")
    return written.lower()
