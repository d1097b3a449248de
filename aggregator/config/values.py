"""Parse single values of feeds.yaml: durations, sizes, URLs, schedules, selectors.

Each function takes the text of the file and raises ValueError with a sentence that says what is valid.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from email.errors import HeaderParseError
from email.policy import default as EMAIL
from functools import cache
from urllib.parse import quote
from zoneinfo import ZoneInfo, available_timezones

from aggregator import addresses, urls
from aggregator.config.secret_values import REFERENCE

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
SIZES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "KIB": 2**10, "MIB": 2**20}
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
WEEKDAYS = {name[:size]: n for n, name in enumerate(_DAYS) for size in (3, len(name))}


def duration(text: object) -> timedelta:
    """Parse `20s`, `90m`, `1h`, `7d` or `1w`."""
    match = re.fullmatch(r"(\d{1,6})\s*([smhdw])", str(text).strip())
    if not match:
        raise ValueError(f"{text!r} is not a duration: write a number and s, m, h, d or w, such as 1h")
    return timedelta(seconds=int(match[1]) * UNITS[match[2]])


def size(text: object) -> int:
    """Parse `10MB`, `512KiB` or a number of bytes."""
    match = re.fullmatch(r"(\d{1,12})\s*([A-Za-z]*)", str(text).strip())
    if not match or match[2].upper() not in SIZES:
        raise ValueError(f"{text!r} is not a size: write a number and KB, MB, KiB or MiB, such as 10MB")
    return int(match[1]) * SIZES[match[2].upper()]


def web_url(text: str) -> str:
    """Check an absolute http or https URL without credentials and fragment."""
    text = text.strip()
    if re.match(r"[^/?#]*//[^/?#]*@", text):  # first of all, so that no message repeats a password
        raise ValueError("credentials do not belong in the URL: use `user` and `password: env:NAME`")
    shown = re.sub(r"(?s).*(?=@)", "…", text)  # also where the text is hardly a URL
    if re.search(r"[\s\x00-\x1f\x7f<>\"\\]", text):
        raise ValueError(f"{shown!r} is not a URL: it has blanks or other characters a URL cannot have")
    if not re.match("https?:", text, re.IGNORECASE):
        raise ValueError(f"{shown!r} is not a web address: it must begin with https:// or http://")
    parts = urls.parse(text)
    if parts is None or parts.port == 0 or not parts.hostname:
        raise ValueError(f"{shown!r} is not a URL: its host or port is missing or not valid")
    if not _is_host(parts.hostname):
        raise ValueError(f"{shown!r} is not a URL: {parts.hostname!r} is no host: {_HOST_RULE}")
    if parts.fragment:
        raise ValueError(f"{shown!r} has a #fragment, which is never sent to a server: remove it")
    return text


_HOST_RULE = "its parts between dots are 1 to 63 of a-z, 0-9 and -, without a - at either end"


def host_name(text: str) -> str:
    """Check the name or IP address of a server."""
    text = text.strip()
    if ":" in text and not _is_host(text):
        raise ValueError(f"{text!r} is not a host: write its name alone, and a port as `port`")
    if not _is_host(text):
        raise ValueError(f"{text!r} is not a host: {_HOST_RULE}")
    return text


def _is_host(name: str) -> bool:
    """Return whether a text is an IP address or a name that DNS can have."""
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return urls.dns_name(name) is not None


def base_url(text: str) -> str:
    """Return a web URL that ends in a slash, so that paths can be joined to it."""
    text = web_url(text)
    if "?" in text:
        raise ValueError(f"{text!r} cannot be the base of other addresses: it has a ?query")
    return text if text.endswith("/") else text + "/"


def zenodo_search(community: str) -> str:
    """Return the API's URL of the newest records of a Zenodo community."""
    return f"https://zenodo.org/api/records?communities={quote(community)}&sort=newest&size=25"


def wordpress_posts(url: str) -> str:
    """Return the API's URL of the posts of a WordPress site.

    A URL of the REST API stays as it is. A site without permalinks (`?page_id=7`) has none for its API either.
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


_LOCAL_ZONES = ("localtime", "Factory")
"""Names in the zone data of systems that mean the zone of the machine, or none."""


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones().difference(_LOCAL_ZONES))


def zone(text: object) -> ZoneInfo:
    """Parse an IANA time zone such as Europe/Berlin."""
    if not isinstance(text, str) or text not in _zones():
        raise ValueError(f"{text!r} is not a time zone: write an IANA name such as Europe/Berlin")
    return ZoneInfo(text)


address = addresses.parse


MAX_BOUNCE_CHARACTERS = 24
"""Maximum length of the local part of `mail.bounces.address`; 64 with a token (RFC 5321)."""


def bounce_address(text: str) -> str:
    """Check an address to which a token is added after `+`."""
    local, _, domain = text.rpartition("@")
    if not re.fullmatch(r"[A-Za-z0-9._-]+", local) or len(local) > MAX_BOUNCE_CHARACTERS:
        raise ValueError(
            f"no token can be added to {local!r}: use a-z, 0-9 and . _ -, at most"
            f" {MAX_BOUNCE_CHARACTERS} characters, such as bounces@{domain}"
        )
    return text


def mailbox(text: str) -> str:
    """Check `Name <address>` or an address alone."""
    if "<" not in one_line(text):
        return addresses.parse(text)
    try:
        header = EMAIL.header_factory("From", text)
    except (HeaderParseError, IndexError):
        header = None
    if header is None or header.defects or len(header.addresses) != 1:
        raise ValueError(f"{text!r} is not a mail address: write one, as Name <address> or alone")
    written = header.addresses[0].addr_spec
    return text.replace(written, addresses.parse(written))


def one_line(text: str) -> str:
    """Check that a text can stand in a heading or a mail header."""
    # No control characters, line breaks or lone surrogates; no-break spaces and joiners are allowed.
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text):
        raise ValueError(f"{text!r} has line breaks or control characters")
    return text


def title(text: str) -> str:
    """Check that a text can stand in a heading or a mail header, and is visible there."""
    # Separators (Z…), invisible characters (Cf) and marks on nothing (M…) show no text.
    if all(unicodedata.category(c)[0] in "ZM" or unicodedata.category(c) == "Cf" for c in one_line(text)):
        raise ValueError(f"{text!r} is blank: write a text that readers can see")
    return text


def folder(text: str) -> str:
    """Check that a file system can have a path, and that it is meant literally."""
    if "\0" in text or not text.strip():
        raise ValueError(f"{text!r} cannot be a folder")
    if re.match(r"~|\$", text):
        raise ValueError(f"{text!r} stays as it is written, unlike in a shell: write the whole path")
    return text


def within(shortest: str, longest: str) -> Callable[[timedelta], timedelta]:
    """Return a check that a duration lies between two others."""

    def check(span: timedelta) -> timedelta:
        if span < duration(shortest):
            raise ValueError(f"is too small: at least {shortest}")
        if span > duration(longest):
            raise ValueError(f"is too large: at most {longest}")
        return span

    return check


def authority(text: str) -> str:
    """Check the authority of tag: URIs (RFC 4151): a domain or mail address, comma, date."""
    written = re.fullmatch(r"[A-Za-z0-9.@_-]+,(\d{4})(-\d\d)?(-\d\d)?", text)
    if not written or not _is_date("".join((written[1], written[2] or "-01", written[3] or "-01"))):
        raise ValueError(
            f"{text!r} is not a tag authority (RFC 4151): write domain,year: news.example.org,2026"
        )
    return text


def _is_date(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def not_empty(given: tuple[str, ...]) -> tuple[str, ...]:
    """Check that a list has members."""
    if not given:
        raise ValueError("is empty: at least one is needed")
    return given


def schedule(text: str) -> str:
    """Parse `mon 08:00`, `mon,thu 08:00`, `daily 08:00` or cron fields as five cron fields."""
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
    """Check a reference `env:NAME` or `file:PATH`; a secret itself is refused."""
    if not REFERENCE.fullmatch(text):
        raise ValueError("secrets do not belong in this file: write env:NAME or file:PATH")
    return text


def listen(text: str) -> str:
    """Check `host:port`."""
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})", text)
    if not match or int(match[2]) > 65535:
        raise ValueError(f"{text!r} is not an address to listen at: write host:port, such as 127.0.0.1:8000")
    return text


RESERVED_HEADERS = frozenset(
    "authorization connection content-length content-type cookie forwarded host origin sec-fetch-site"
    " transfer-encoding x-forwarded-for x-forwarded-host x-forwarded-proto".split()
)
"""Headers with another meaning, which cannot name a user."""


def header_name(text: str) -> str:
    """Check the name of a header that may name a user (RFC 9110 section 5.1)."""
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", text):
        raise ValueError(
            f"{text!r} is not the name of a header: use a to z, digits and hyphens, as X-Remote-User"
        )
    if text.lower() in RESERVED_HEADERS:
        raise ValueError(f"{text!r} has another meaning: choose a header of its own, such as X-Remote-User")
    return text


def executor(text: str) -> str:
    """Check `threads` or `dask://host:port`."""
    match = re.fullmatch(r"dask://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})", text)
    if text != "threads" and not (match and 0 < int(match[2]) <= 65535):
        raise ValueError(
            f"{text!r} is not an executor: write threads, or dask://host:port of a scheduler, such as"
            " dask://127.0.0.1:8786"
        )
    return text


def word(value: object) -> str:
    """Check a word or phrase, or a /regular expression/."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError("should be a word or a /regular expression/")
    text = str(value)
    if text == "//":
        raise ValueError("an empty expression would match everything")
    if len(text) > 1 and text.startswith("/") and text.endswith("/"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # a warning would be repeated at every run
                re.compile(text[1:-1])
        except (re.error, OverflowError, RecursionError, Warning) as error:
            raise ValueError(f"{text!r} is not a regular expression: {error}") from error
    elif not text.strip():
        raise ValueError("an empty word would match everything")
    return text


def selector(text: str) -> str:
    """Check a CSS selector, optionally followed by @attribute or preceded by +.

    With + it selects among the siblings after an item.
    """
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
    """Check a CSS selector without @attribute and +."""
    if re.search(r"@[\w:-]+$", text):
        raise ValueError(f"{text!r} selects an attribute, but elements are needed here")
    if text.lstrip().startswith("+"):
        raise ValueError(f"{text!r} begins with a +, which is only allowed for parts of an item")
    return selector(text)


def private_host(text: object) -> str:
    """Check a host name, `host:port`, an IP address or a network."""
    written = str(text).strip()
    try:
        return str(ipaddress.ip_network(written, strict=False))
    except ValueError:
        pass
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?", written)
    if not match or int(match[2] or 1) not in range(1, 65_536) or not _may_be_host(match[1]):
        raise ValueError(f"{text!r} is neither a host, host:port nor a network such as 10.0.0.0/8")
    return written.lower()


def _may_be_host(name: str) -> bool:
    """Return whether a name is one of DNS, or a valid address."""
    if not re.fullmatch(r"[0-9.]+|\[.*\]", name):
        return _is_host(name)
    try:
        return bool(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        return False


def network(text: object) -> str:
    """Check an IP address or a network."""
    try:
        return str(ipaddress.ip_network(str(text).strip(), strict=False))
    except ValueError:
        raise ValueError(f"{text!r} is neither an IP address nor a network such as 10.0.0.0/8") from None
